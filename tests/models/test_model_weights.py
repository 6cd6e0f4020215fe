"""Quantized weights: how near they come back, what they take, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from sentrec.errors import RunError
from sentrec.models.weights import METADATA, dequantize, quantize, read_tensors, write_tensors

matrices = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 6)),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False),
).map(torch.from_numpy)


def there_and_back(tensor: Tensor) -> Tensor:
    return dequantize(*quantize({"weights": tensor}, int8_from=1))["weights"]


@given(matrices)
def test_a_number_is_off_by_half_a_step_of_its_block_at_most(matrix: Tensor) -> None:
    back, numbers = there_and_back(matrix), matrix.flatten()
    assert back.dtype == torch.float32
    assert back.shape == matrix.shape
    filled = matrix[matrix.ne(0).any(dim=1)].flatten() if len(back) > 8 else numbers
    largest = max(float(filled.abs().max()) if len(filled) else 0.0, 1e-3)
    # The scale has 11 bits.
    assert ((back.flatten() - numbers).abs() <= largest / 127 * 0.51 + largest * 2**-11).all()


def test_a_large_number_coarsens_its_block_alone() -> None:
    numbers = torch.linspace(-1, 1, 256)
    numbers[0] = 1000.0
    off = (there_and_back(numbers) - numbers).abs()
    assert off[64:].max() < 0.005
    assert off[1:64].max() > 0.5


@given(matrices, st.data())
def test_rows_of_zeros_take_a_bit_each_and_come_back(matrix: Tensor, data: st.DataObject) -> None:
    rows = sorted(data.draw(st.sets(st.integers(0, 999), min_size=len(matrix), max_size=len(matrix))))
    table = torch.zeros(1000, matrix.shape[1])
    table[rows] = matrix
    parts, metadata = quantize({"weights": table}, int8_from=1)
    filled = int(matrix.ne(0).any(dim=1).sum())
    numbers = filled * matrix.shape[1]
    assert sum(part.nbytes for part in parts.values()) == 125 + numbers + 2 * -(-numbers // 64)
    back = dequantize(parts, metadata)["weights"]
    assert (back[table == 0] == 0).all()
    # A scale below float16's smallest number is 0.
    assert torch.allclose(back, table, atol=max(float(table.abs().max()) / 127 * 0.6, 1e-5))


def test_large_tensors_become_int8_others_float16_and_small_ones_stay(tmp_path: Path) -> None:
    tensors = {
        "words": torch.randn(2000, 50),
        "layer": torch.randn(64, 64),
        "bias": torch.randn(2),
        "counts": torch.arange(4),
    }
    write_tensors(tmp_path / "small.safetensors", *quantize(tensors))
    assert (tmp_path / "small.safetensors").stat().st_size < 2000 * 50 * 66 / 64 + 8192 + 1000
    back, _ = read_tensors(tmp_path / "small.safetensors")
    assert {name: value.shape for name, value in back.items()} == {name: it.shape for name, it in tensors.items()}
    assert {value.dtype for name, value in back.items() if name != "counts"} == {torch.float32}
    assert torch.allclose(back["words"], tensors["words"], atol=0.02)
    assert torch.allclose(back["layer"], tensors["layer"], rtol=2**-11, atol=2**-24)
    assert all(torch.equal(back[name], tensors[name]) for name in ("bias", "counts"))


def test_weights_that_are_not_quantized_come_back_to_the_bit() -> None:
    tensors = {"bias": torch.randn(3), "half": torch.randn(4).half()}
    assert all(torch.equal(value, tensors[name]) for name, value in dequantize(tensors, {"format": "pt"}).items())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e38])
@pytest.mark.parametrize("int8_from", [1, 3000])
def test_a_number_that_has_no_small_form_is_refused(number: float, int8_from: int) -> None:
    tensor = torch.ones(2, 1024)
    tensor[1, 3] = number
    with pytest.raises(ValueError, match="weights holds numbers that are not finite, or too large"):
        quantize({"weights": tensor}, int8_from)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("weights.scale", torch.ones(5, dtype=torch.float16)),
        ("weights.scale", torch.full((2,), float("nan"), dtype=torch.float16)),
        ("weights.scale", None),
        ("weights.int8", torch.ones(70, dtype=torch.int8)),
        ("weights.int8", torch.ones(40, 2, dtype=torch.int8)),
        ("weights.int8", None),
        ("weights.rows", torch.zeros(3, dtype=torch.uint8)),
        ("weights.rows", torch.zeros(7, dtype=torch.uint8)),
        ("weights.rows", None),
    ],
)
def test_parts_that_do_not_fit_are_a_broken_file(tmp_path: Path, part: str, other: Tensor | None) -> None:
    table = torch.cat([torch.randn(40, 2), torch.zeros(10, 2)])
    parts, metadata = quantize({"weights": table}, int8_from=1)
    parts = {name: value for name, value in (parts | {part: other}).items() if value is not None}
    write_tensors(tmp_path / "broken.safetensors", parts, metadata)
    with pytest.raises(RunError, match=r"broken\.safetensors cannot be read"):
        read_tensors(tmp_path / "broken.safetensors")


@pytest.mark.parametrize("metadata", ['{"weights": [1, "x"]}', "[]", '{"weights": 3}', "{", '{"weights": [-5]}'])
def test_metadata_that_was_altered_is_a_broken_file(tmp_path: Path, metadata: str) -> None:
    parts, _ = quantize({"weights": torch.ones(1)}, int8_from=1)
    write_tensors(tmp_path / "broken.safetensors", parts, {METADATA: metadata})
    with pytest.raises(RunError, match="cannot be read"):
        read_tensors(tmp_path / "broken.safetensors")


def test_the_format_of_earlier_versions_is_named(tmp_path: Path) -> None:
    write_tensors(tmp_path / "old.safetensors", {"bias": torch.ones(1)}, {"sentrec.compact": "{}"})
    with pytest.raises(RunError, match="earlier version of sentrec; export the run again"):
        read_tensors(tmp_path / "old.safetensors")
