"""Weights in small forms: how near they come back, what they take, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from sentrec.errors import RunError
from sentrec.models import quantization as compact_module
from sentrec.models.quantization import METADATA, Form, compact, expand
from sentrec.models.weights import read_tensors, write_tensors

matrices = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 6)),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False),
).map(torch.from_numpy)


FORMS_OF_TABLES: tuple[Form, ...] = ("rows", "nibbles", "slots", "tiers")


def signed_roots(numbers: Tensor) -> Tensor:
    return numbers.abs().sqrt() * numbers.sign()


def there_and_back(tensor: Tensor, form: Form) -> Tensor:
    parts, metadata = compact({"weights": tensor}, {"weights": form})
    return expand(parts, metadata)["weights"]


@given(matrices)
def test_a_row_in_bytes_is_off_by_half_a_step_at_most(matrix: Tensor) -> None:
    step = matrix.abs().amax(dim=1, keepdim=True) / 127
    back = there_and_back(matrix, "rows")
    assert back.dtype == torch.float32
    # The scale is rounded to 8 bits, after half a percent was added.
    assert ((back - matrix).abs() <= step * 0.505 + 1e-6).all()


@pytest.mark.parametrize("in_bytes", [0, 3, 4000])
@given(matrix=matrices)
def test_a_row_in_half_bytes_is_off_by_half_a_step_of_its_roots_and_the_first_rows_are_in_bytes(
    matrix: Tensor, in_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compact_module, "_IN_BYTES", in_bytes)
        back = there_and_back(matrix, "nibbles")
    assert back.dtype == torch.float32
    assert (back[matrix == 0] == 0).all()
    filled = matrix.ne(0).any(dim=1).nonzero()[:, 0]
    often, seldom = filled[:in_bytes], filled[in_bytes:]
    assert torch.equal(back[often], there_and_back(matrix[often], "rows"))
    roots, step = signed_roots(matrix[seldom]), matrix[seldom].abs().amax(dim=1, keepdim=True).sqrt() / 7
    assert ((signed_roots(back[seldom]) - roots).abs() <= step * 0.51 + 1e-6).all()


@given(matrices, st.data())
def test_rows_of_zeros_take_no_room_and_come_back(matrix: Tensor, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, 999), min_size=len(matrix), max_size=len(matrix), unique=True))
    rows.sort()
    table = torch.zeros(1000, matrix.shape[1])
    table[rows] = matrix
    filled = int(matrix.ne(0).any(dim=1).sum())
    for form in FORMS_OF_TABLES:
        parts, metadata = compact({"weights": table}, {"weights": form})
        assert len(parts["weights.bytes"]) == (-(-filled // 8) if form == "tiers" else filled)
        back = expand(parts, metadata)["weights"]
        assert back.shape == table.shape
        assert (back[table.eq(0).all(dim=1)] == 0).all()
        assert torch.equal(back[rows], there_and_back(matrix, form))


def test_rows_as_they_were_first_written_can_still_be_read() -> None:
    # Without a list of empty rows: rows of zeros, such as that of padding, were stored like any other.
    matrix = torch.cat([torch.zeros(1, 5), torch.randn(7, 5)])
    parts, metadata = compact({"weights": matrix}, {"weights": "rows"})
    old = {
        f"weights.{part}": torch.cat([torch.zeros(1, width), parts[f"weights.{part}"]]).to(dtype)
        for part, width, dtype in (("bytes", 5, torch.int8), ("scale", 1, torch.bfloat16))
    }
    assert torch.equal(expand(old, metadata)["weights"], expand(parts, metadata)["weights"])


@given(matrices)
def test_a_half_float_keeps_eleven_bits(matrix: Tensor) -> None:
    back = there_and_back(matrix, "half")
    assert back.dtype == torch.float32
    assert torch.allclose(back, matrix, rtol=2**-11, atol=2**-24)


@given(
    st.dictionaries(st.integers(0, 2999), st.floats(-4, 4, width=32).filter(lambda value: abs(value) > 1e-2)),
    st.integers(1, 3),
)
def test_slots_come_back_where_they_were(weights: dict[int, float], margins: int) -> None:
    table = torch.zeros(3000, margins)
    for slot, weight in weights.items():
        table[slot] = weight
    back = there_and_back(table, "slots")
    assert back.shape == table.shape
    assert (back[table == 0] == 0).all()
    # Half a step of the square root.
    off = (back.abs().sqrt() - table.abs().sqrt()).abs()
    assert (off <= table.abs().amax(dim=0).sqrt() / 127 * 0.51 + 1e-6).all()
    kept = back != 0
    assert (back.sign()[kept] == table.sign()[kept]).all()


few_weights = st.dictionaries(st.integers(0, 2999), st.floats(-4, 4, width=32).filter(lambda value: abs(value) > 1e-2))


@given(few_weights, st.integers(1, 3))
def test_in_tiers_an_eighth_is_in_bytes_and_the_others_are_off_by_no_more_than_half_bytes_of_all(
    weights: dict[int, float], margins: int
) -> None:
    table = torch.zeros(3000, margins)
    for slot, weight in weights.items():
        table[slot] = weight * torch.linspace(1, 0.5, margins)
    back = there_and_back(table, "tiers")
    assert back.shape == table.shape
    assert (back[table == 0] == 0).all()
    largest = table.abs().amax(dim=0)
    half_a_step = (largest / 14).square().sum()
    assert (back - table).square().sum() <= len(weights) * half_a_step * 1.01 + 1e-6
    off = (back.abs().sqrt() - table.abs().sqrt()).abs()
    in_bytes = (off <= largest.sqrt() / 127 * 0.51 + 1e-6).all(dim=1) & table.ne(0).any(dim=1)
    assert int(in_bytes.sum()) >= -(-len(weights) // 8)


def test_in_tiers_rows_are_in_bytes_where_an_error_costs_most() -> None:
    table, cost = torch.randn(800, 2, generator=torch.Generator().manual_seed(1)), torch.ones(800)
    dear = torch.arange(3, 800, 8)
    cost[dear] = 1e6
    parts, metadata = compact({"weights": table}, {"weights": "tiers"}, {"weights": cost})
    off = (expand(parts, metadata)["weights"] - table).abs()
    assert off[dear].max() < 0.04 < off.max()
    alike = expand(*compact({"weights": table}, {"weights": "tiers"}))["weights"]
    assert (alike - table)[dear].abs().max() > 0.04
    assert (alike - table).square().sum() < off.square().sum()


@pytest.mark.parametrize(("filled", "where"), [(2000, "gaps"), (16_000, "bits")])
def test_tiers_tell_which_rows_are_filled_in_the_smaller_way(filled: int, where: str) -> None:
    table = torch.zeros(32_000, 1)
    table[torch.randperm(32_000)[:filled]] = torch.randn(filled, 1)
    parts, metadata = compact({"weights": table}, {"weights": "tiers"})
    assert f"weights.{where}" in parts
    assert sum(part.nbytes for part in parts.values()) < 0.63 * filled + min(4000, filled + 100) + 20
    back = expand(parts, metadata)["weights"]
    assert (back[table == 0] == 0).all()
    assert (back - table)[table != 0].abs().mean() < 0.1


def test_what_is_in_no_small_form_stays_to_the_bit() -> None:
    tensors = {"bias": torch.randn(3), "counts": torch.arange(4)}
    parts, metadata = compact(tensors, {})
    assert metadata == {}
    assert all(torch.equal(value, tensors[name]) for name, value in expand(parts, metadata).items())


def test_a_file_is_expanded_when_it_is_read_and_takes_a_byte_a_number(tmp_path: Path) -> None:
    table = torch.zeros(100_000, 1)
    table[::10] = torch.randn(10_000, 1)
    tensors = {
        "words": torch.randn(2000, 50),
        "regions": torch.cat([torch.randn(6000, 65), torch.zeros(1000, 65)]),
        "slots": table,
        "layer": torch.randn(64, 64),
        "bias": torch.randn(2),
    }
    parts, metadata = compact(tensors, {"words": "rows", "regions": "nibbles", "slots": "slots", "layer": "half"})
    write_tensors(tmp_path / "small.safetensors", parts, metadata)
    words, regions = 2000 * (50 + 2), 4000 * (65 + 2) + 2000 * (33 + 2) + 1100
    assert (tmp_path / "small.safetensors").stat().st_size < words + regions + 20_000 + 8192 + 2000
    back, _ = read_tensors(tmp_path / "small.safetensors")
    assert {name: value.shape for name, value in back.items()} == {name: it.shape for name, it in tensors.items()}
    assert {value.dtype for value in back.values()} == {torch.float32}
    assert torch.allclose(back["words"], tensors["words"], atol=0.03)


@pytest.mark.parametrize("form", [*FORMS_OF_TABLES, "half"])
def test_a_number_that_is_not_finite_is_refused(form: Form) -> None:
    with pytest.raises(ValueError, match="weights holds numbers that are not finite"):
        compact({"weights": torch.tensor([[1.0, float("nan")]])}, {"weights": form})


def test_a_number_that_a_half_float_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        compact({"weights": torch.tensor([1e6])}, {"weights": "half"})


@pytest.mark.parametrize(
    ("form", "part", "other"),
    [
        ("rows", "weights.scale", torch.ones(5, 1)),
        ("rows", "weights.scale", torch.ones(1, 1)),
        ("rows", "weights.bytes", None),
        ("rows", "weights.bytes", torch.ones(1, 2, dtype=torch.int8)),
        ("rows", "weights.bytes", torch.ones(40, 1, dtype=torch.int8)),
        ("rows", "weights.empty", torch.zeros(3, dtype=torch.uint8)),
        ("rows", "weights.empty", torch.tensor([100], dtype=torch.uint8)),
        ("nibbles", "weights.scale", torch.ones(30, 1)),
        ("nibbles", "weights.scale", torch.ones(50, 1)),
        ("nibbles", "weights.nibbles", None),
        ("nibbles", "weights.nibbles", torch.ones(1, 1, dtype=torch.uint8)),
        ("nibbles", "weights.nibbles", torch.ones(40, 1)),
        ("nibbles", "weights.bytes", torch.ones(41, 2, dtype=torch.int8)),
        ("nibbles", "weights.bytes", torch.ones(10, 1, dtype=torch.int8)),
        ("nibbles", "weights.empty", torch.full((41,), 0, dtype=torch.uint8)),
        ("slots", "weights.bytes", torch.ones(1, 2, dtype=torch.int8)),
        ("slots", "weights.gaps", torch.full((40,), 200, dtype=torch.uint8)),
        ("slots", "weights.gaps", torch.zeros(3, dtype=torch.uint8)),
        ("tiers", "weights.bytes", torch.ones(1, 2, dtype=torch.int8)),
        ("tiers", "weights.bytes", None),
        ("tiers", "weights.bits", torch.zeros(1, dtype=torch.uint8)),
        ("tiers", "weights.bits", torch.full((5,), 254, dtype=torch.uint8)),
        ("tiers", "weights.bits", None),
        ("tiers", "weights.nibbles", torch.zeros(1, 3, dtype=torch.uint8)),
        ("tiers", "weights.nibbles", torch.zeros(40, dtype=torch.uint8)),
        ("tiers", "weights.scale", torch.ones(3, 2)),
        ("tiers", "weights.scale", torch.ones(2, 5)),
    ],
)
def test_parts_that_do_not_fit_are_a_broken_file(tmp_path: Path, form: Form, part: str, other: Tensor | None) -> None:
    parts, metadata = compact({"weights": torch.randn(40, 2)}, {"weights": form})
    parts = {name: value for name, value in (parts | {part: other}).items() if value is not None}
    write_tensors(tmp_path / "broken.safetensors", parts, metadata)
    with pytest.raises(RunError, match=r"broken\.safetensors cannot be read"):
        read_tensors(tmp_path / "broken.safetensors")


def test_metadata_that_was_altered_is_a_broken_file(tmp_path: Path) -> None:
    for metadata in ('{"weights": {"form": "brotli", "shape": [1]}}', "[]", '{"weights": 3}', "{"):
        write_tensors(tmp_path / "broken.safetensors", {"weights": torch.ones(1)}, {METADATA: metadata})
        with pytest.raises(RunError, match="cannot be read"):
            read_tensors(tmp_path / "broken.safetensors")
