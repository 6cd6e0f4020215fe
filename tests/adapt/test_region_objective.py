"""What a step of learning regions reads and minimises, against slow and plain versions of the same."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sentrec.adapt.region_objective import RegionModel, Regions, RegionSampler

OUTSIDE = 1000
"""More words than places in any corpus here, so that each place can have a word of its own."""


def sampler(tokens: npt.ArrayLike, window: int, reach: int, words: int = OUTSIDE) -> RegionSampler:
    """One over words that are equally frequent."""
    return RegionSampler(np.asarray(tokens, np.uint16), np.ones(words, np.int64), window, reach)


def stream(lengths: list[int], gap: int) -> list[int]:
    """Texts of such lengths, their words numbered through, as `sentrec.adapt.tokens.write_tokens` lays them out."""
    tokens, word = [OUTSIDE] * gap, 0
    for length in lengths:
        tokens += [*range(word, word + length), *[OUTSIDE] * gap]
        word += length
    return tokens


@given(
    window=st.integers(1, 6),
    reach=st.integers(1, 8),
    length=st.integers(1, 20),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_regions_and_neighbours_stand_where_they_are_said_to(
    window: int, reach: int, length: int, seed: int, data: st.DataObject
) -> None:
    tokens = np.arange(120)
    missing = data.draw(st.lists(st.integers(0, 119), max_size=40))
    tokens[missing] = OUTSIDE
    last = len(tokens) - length - window - reach
    starts = np.array(data.draw(st.lists(st.integers(reach, last), min_size=1, max_size=3)))
    found = sampler(tokens, window, reach).draw(starts, length, np.random.default_rng(seed))

    told = min(5, reach)
    assert found.words.shape == (len(starts), length + window - 1)
    assert found.begins.shape == (len(starts), length)
    assert found.neighbours.shape == found.kept.shape == (int(found.begins.sum()), 2 * told)
    distances = None
    rows = iter(found.neighbours.tolist())
    for text, start in enumerate(starts):
        np.testing.assert_array_equal(found.words[text], tokens[start : start + length + window - 1])
        for place in range(start, start + length):
            assert found.begins[text, place - start] == (tokens[place] != OUTSIDE)
            if tokens[place] == OUTSIDE:
                continue
            row = next(rows)
            left = [place - word if word != OUTSIDE else None for word in row[:told]]
            right = [word - (place + window - 1) if word != OUTSIDE else None for word in row[told:]]
            for one in (left, right):
                distances = distances or [None] * told
                distances = [old if new is None else new for old, new in zip(distances, one, strict=True)]
            assert all(new in (None, old) for one in (left, right) for old, new in zip(distances, one, strict=True))
    known = [distance for distance in distances or [] if distance is not None]
    assert known == sorted(set(known))  # nearest first, none twice
    assert all(1 <= distance <= reach for distance in known)


@given(
    window=st.integers(1, 5),
    reach=st.integers(1, 6),
    lengths=st.lists(st.integers(0, 9), min_size=8, max_size=20),
    seed=st.integers(0, 99),
)
def test_neighbours_are_of_the_text_of_their_region(window: int, reach: int, lengths: list[int], seed: int) -> None:
    gap = window + reach
    tokens = stream(lengths, gap)
    text_of = np.append(np.repeat(np.arange(len(lengths)), lengths), -1)
    places = len(tokens) - window - 2 * reach
    found = sampler(tokens, window, reach).draw(np.array([reach]), places, np.random.default_rng(seed))
    first = found.words[:, :places][found.begins]
    for region, neighbours, kept in zip(first.tolist(), found.neighbours, found.kept, strict=True):
        texts = {text_of[word] for word in neighbours.tolist() if word != OUTSIDE}
        assert texts <= {text_of[region]}
        assert not kept[neighbours == OUTSIDE].any()


def test_what_is_drawn_depends_on_the_generator_alone() -> None:
    one = sampler(np.arange(120), 3, 6)
    first, second, other = (one.draw(np.array([10, 50]), 16, np.random.default_rng((1, seed))) for seed in (4, 4, 5))
    for name, value in vars(first).items():
        assert torch.equal(value, vars(second)[name]), name
    assert not torch.equal(first.drawn, other.drawn)


def test_frequent_words_are_told_seldom_and_drawn_less_than_they_occur() -> None:
    counts = np.array([8000, 1000, 1000, 1])
    tokens = np.random.default_rng(1).choice(4, 400, p=counts / counts.sum()).astype(np.uint16)
    one = RegionSampler(tokens, counts, 2, 3)
    share = counts / counts.sum()
    np.testing.assert_allclose(one.kept[:4], np.minimum(1, np.sqrt(1e-4 / share) + 1e-4 / share), rtol=1e-5)
    assert one.kept[4] == 0  # what is no word of the vocabulary
    steps = [one.draw(np.array([5]), 20, np.random.default_rng(seed)) for seed in range(60)]
    drawn = torch.cat([step.drawn.flatten() for step in steps]).bincount(minlength=4) / (60 * 512)
    np.testing.assert_allclose(drawn, counts**0.75 / (counts**0.75).sum(), atol=0.01)


def test_the_first_logits_are_those_of_regions_that_tell_nothing() -> None:
    counts = np.array([500, 30, 7])
    told, drawn = counts * sampler_of(counts).kept[:3], counts**0.75
    expected = np.log(told / told.sum() / (8 * drawn / drawn.sum()))
    np.testing.assert_allclose(sampler_of(counts).expected(), expected, rtol=1e-5)


def sampler_of(counts: npt.NDArray[np.int64]) -> RegionSampler:
    return RegionSampler(np.zeros(50, np.uint16), counts, 2, 3)


def slow_loss(model: RegionModel, regions: Regions) -> float:
    """The loss by its definition, one region, one neighbour and one drawn word after the other."""
    vectors, told, bias = (value.detach().double().numpy() for value in (model.vectors, model.told, model.bias))
    sides, row, total, count = regions.neighbours.shape[1] // 2, 0, 0.0, 0
    for text, begins in enumerate(regions.begins.tolist()):
        for place, is_word in enumerate(begins):
            if not is_word:
                continue
            words = regions.words[text, place : place + model.window].tolist()
            region = np.maximum(0, sum(vectors[word] for word in words if word != model.vocabulary))
            for number, word in enumerate(regions.neighbours[row].tolist()):
                if not regions.kept[row, number]:
                    continue
                side = number // sides
                total += math.log1p(math.exp(-float(logit(told, bias, region, word + side * model.vocabulary))))
                for other in regions.drawn[side].tolist():
                    wrong = float(logit(told, bias, region, other + side * model.vocabulary))
                    total += math.log1p(math.exp(wrong)) * 8 / 256
                count += 1
            row += 1
    return total / max(1, count)


def logit(told: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], region: object, row: int) -> np.float64:
    found: np.float64 = told[row] @ region + bias[row]
    return found


@pytest.mark.parametrize(("window", "reach"), [(1, 1), (3, 2), (4, 7)])
def test_the_loss_is_what_it_is_defined_as(window: int, reach: int) -> None:
    chance = np.random.default_rng(1)
    tokens = np.where(chance.random(120) < 0.2, 40, chance.integers(0, 40, 120))
    one = sampler(tokens, window, reach, words=40)
    model = RegionModel(one.expected(), 6, window, chance)
    with torch.no_grad():
        for value in (model.vectors, model.told, model.bias):
            value += 0.5 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1))
        model.vectors[-1] = 0  # as it always is
    regions = one.draw(np.array([reach, 40]), 12, chance)
    regions = replace(
        regions, kept=torch.from_numpy(chance.random(regions.kept.shape) < 0.5) & (regions.neighbours != 40)
    )
    assert 0 < regions.kept.sum() < regions.kept.numel()
    found = model.loss(regions, bfloat16=False).item()
    assert found == pytest.approx(slow_loss(model, regions), rel=1e-4)
    assert model.loss(regions, bfloat16=True).item() == pytest.approx(found, rel=0.02)


def test_a_step_gives_the_same_bits_each_time_however_large_it_is() -> None:
    tokens = np.random.default_rng(1).integers(0, 300, 9000)
    one = sampler(tokens, 3, 6, words=300)

    def gradients() -> list[torch.Tensor]:
        model = RegionModel(one.expected(), 64, 3, np.random.default_rng(1))
        model.loss(one.draw(np.arange(10, 8000, 128), 128, np.random.default_rng(2)), bfloat16=False).backward()
        return [value.grad for value in model.parameters() if value.grad is not None]

    first = gradients()
    for _ in range(3):
        assert all(map(torch.equal, first, gradients()))


def test_regions_of_which_nothing_is_to_be_told_have_no_loss() -> None:
    one = sampler([OUTSIDE] * 60, 2, 3)
    model = RegionModel(one.expected(), 4, 2, np.random.default_rng(1))
    loss = model.loss(one.draw(np.array([5]), 16, np.random.default_rng(1)), bfloat16=False)
    loss.backward()
    assert loss.item() == 0
    assert all(value.grad is not None and not value.grad.any() for value in model.parameters())
