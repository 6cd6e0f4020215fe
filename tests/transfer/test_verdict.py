from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentrec.metrics.intervals import paired_difference
from sentrec.transfer.analysis import corrected
from sentrec.transfer.results import CHANCE, Budget, Contrast, Row
from sentrec.transfer.verdict import verdicts

Points = tuple[float, float, float]


def contrast(
    arm: str, budget: Budget, points: Points, source: str | None = None, seeds: int = 3, p_value: float | None = None
) -> Contrast:
    """A difference and its interval, in points; by default as significant by itself as the interval says."""
    difference, low, high = (value / 100 for value in points)
    if p_value is None:
        p_value = 0.2 if low <= 0.0 <= high else 0.0001
    return Contrast(arm, source, budget, labels_of(budget), seeds, difference, (low, high), p_value)


def labels_of(budget: Budget) -> int:
    return 25_000 if budget == "all" else budget


PLAIN = Row("imdb", "ag-news", "full", 500, 500, 3, 0.8, 0.01, 1.0, 0.1, None, None, None)


def row(
    arm: str = "full", budget: Budget = 500, points: Points | None = None, p_value: float | None = None, **values: Any
) -> Row:
    seeds = values.get("seeds", 3)
    baseline = contrast("scratch", budget, points, seeds=seeds, p_value=p_value) if points else None
    return replace(PLAIN, arm=arm, budget=budget, labels=labels_of(budget), baseline=baseline, **values)


def said(*rows: Row, shared: tuple[str, ...] = ()) -> list[str]:
    return verdicts(corrected(rows), shared)


def test_an_arm_is_judged_budget_by_budget() -> None:
    rows = [row(budget=500, points=(2.1, 1.2, 3.0), p_value=0.002), row(budget="all", points=(-0.1, -0.7, 0.5))]
    assert said(*rows) == [
        "Full fine-tuning from ag-news changes imdb accuracy by +2.1 points (95 % interval +1.2 to +3.0) with 500 "
        "labels: a gain, p = 0.004; by -0.1 (-0.7 to +0.5) with all 25,000: no evidence of transfer.",
        "Judged at 5 % after Holm's correction for all 2 comparisons of this study; the p-values are corrected, each "
        "interval is a 95 % one by itself.",
    ]


@pytest.mark.parametrize(
    ("arm", "points", "words"),
    [
        ("full", (2.0, 1.0, 3.0), ": a gain, p < 0.001."),
        ("full", (-2.0, -3.0, -1.0), ": a loss (negative transfer), p < 0.001."),
        ("full", (2.0, -1.0, 5.0), ": no evidence of transfer."),
        ("full", (0.4, 0.0, 0.8), ": no evidence of transfer."),
        ("full", (0.0, -0.31, 0.22), ": no effect larger than 0.4 points."),
        ("full", (0.0, -0.3, 0.2), ": no effect larger than 0.3 points."),
        ("full", (0.0, 0.0, 0.0), ": no effect larger than 0.1 points."),
        ("full", (0.2, 0.1, 0.3), ": a gain, p < 0.001."),
        ("frozen-glove", (-2.0, -3.0, -1.0), ": a loss, p < 0.001."),
        ("frozen-glove", (1.0, -3.0, 5.0), ": no evidence of a difference."),
        ("probe", (-2.0, -3.0, -1.0), ": a loss, p < 0.001."),
    ],
)
def test_the_word_for_a_difference(arm: str, points: Points, words: str) -> None:
    assert said(row(arm, points=points))[0].endswith(words)


def test_what_only_holds_by_itself_is_no_gain() -> None:
    rows = [row(budget=budget, points=(2.0, 0.2, 3.8), p_value=0.03) for budget in (100, 500)]
    sentence = said(*rows)[0]
    assert sentence.count("no evidence of transfer (p = 0.03 by itself, 0.06 corrected)") == 2
    assert "gain" not in sentence


@given(values=st.lists(st.tuples(st.floats(1e-6, 1), st.booleans()), min_size=1, max_size=6))
def test_claims_are_as_many_as_significant_comparisons(values: list[tuple[float, bool]]) -> None:
    rows = corrected(
        [
            row(budget=100 + place, points=(3.0, 1.0, 5.0) if up else (-3.0, -5.0, -1.0), p_value=p_value)
            for place, (p_value, up) in enumerate(values)
        ]
    )
    sentence = verdicts(rows)[0]
    significant = [one.baseline for one in rows if one.baseline and one.baseline.significant]
    assert sentence.count(": a gain,") == sum(one.difference > 0 for one in significant)
    assert sentence.count(": a loss ") == sum(one.difference < 0 for one in significant)


@pytest.mark.parametrize(("rows", "bounded"), [(4, False), (100, False), (500, False), (25_000, True)])
def test_only_a_large_test_split_bounds_an_effect(rows: int, bounded: bool) -> None:
    same = np.ones((3, rows), dtype=bool)
    low, high = paired_difference(same, same).interval
    words = "no effect larger than 0.1 points." if bounded else "no evidence of transfer."
    assert said(row(points=(0.0, 100 * low, 100 * high)))[0].endswith(words)


def test_an_end_that_is_not_0_is_not_shown_as_0() -> None:
    assert "by +0.41 points (95 % interval +0.02 to +0.80)" in said(row(points=(0.41, 0.02, 0.80)))[0]
    assert "by +0.4 points (95 % interval 0.0 to +0.8)" in said(row(points=(0.41, 0.0, 0.80)))[0]


@pytest.mark.parametrize(("seeds", "words"), [(1, "One seed tells"), (2, "Two seeds tell")])
@pytest.mark.parametrize("points", [(2.0, 1.0, 3.0), (-2.0, -3.0, -1.0), (0.0, -0.2, 0.2), (0.0, -2.0, 2.0)])
def test_fewer_than_three_seeds_give_figures_and_no_verdict(seeds: int, words: str, points: Points) -> None:
    (sentence,) = said(row(points=points, seeds=seeds))
    assert "with 500 labels: no verdict. " in sentence
    assert sentence.endswith(f" {words} too little of how far seeds differ: a verdict wants three.")
    some = [row(points=points, seeds=seeds), row(budget="all", points=(2.0, 1.0, 3.0))]
    assert "too little of how far seeds differ with 500 labels: a verdict wants three." in said(*some)[0]
    assert "with all 25,000: a gain, p < 0.001." in said(*some)[0]
    assert "the one comparison" in said(*some)[1]


def test_few_seeds_give_no_verdict_on_zero_shot_and_linear_models_either() -> None:
    shot = zero_shot(
        contrast(CHANCE, 0, (28.1, 27.0, 29.2), seeds=2), contrast("scratch", 100, (10.0, 8.0, 12.0), seeds=2)
    )
    lead = row("nb-lr", 100, source=None, contrasts=(contrast("full", 100, (2.2, 1.0, 3.4), "amazon", seeds=2),))
    first, second = said(shot, lead)
    assert "always answering the most frequent class: no verdict. It is without a verdict against scratch" in first
    assert "is +2.2 points (95 % interval +1.0 to +3.4), no verdict." in second
    for sentence in (first, second):
        assert sentence.endswith("a verdict wants three.")


def test_without_a_baseline_there_is_no_verdict_on_transfer() -> None:
    rows = [row(budget=500, points=(2.0, 1.0, 3.0)), row(budget=1000, accuracy=0.8123)]
    assert said(*rows)[0].endswith(
        ": a gain, p < 0.001. Full fine-tuning from ag-news reaches an accuracy of 0.8123 with 1,000 labels on imdb: "
        "no scratch to compare it with."
    )
    assert said(row("random-embeddings", source=None)) == []


def test_every_target_source_and_arm_has_its_own_sentence() -> None:
    rows = [
        row(arm, source=source, target=target, points=(1.0, -1.0, 3.0))
        for target in ("imdb", "dvd")
        for source in ("ag-news", "amazon")
        for arm in ("full", "probe", "gradual")
    ]
    sentences = said(*rows)
    assert len(sentences) == 13
    for target in ("imdb", "dvd"):
        for source in ("ag-news", "amazon"):
            for subject in ("Full fine-tuning", "A probe on the frozen encoder", "Gradual unfreezing"):
                start = f"{subject} from {source} changes {target} accuracy by +1.0 points"
                assert sum(sentence.startswith(start) for sentence in sentences) == 1
    assert said(row("halved", points=(1.0, -3.0, 5.0)))[0].startswith("The arm halved from ag-news changes imdb")


def test_glove_is_credited_with_what_random_embeddings_lack() -> None:
    rows = [
        row("random-embeddings", 500, (-5.0, -7.0, -2.0), source=None),
        row("random-embeddings", "all", (0.6, 0.2, 1.0), source=None),
    ]
    assert said(*rows)[0] == (
        "GloVe in place of random embeddings changes imdb accuracy by +5.0 points (95 % interval +2.0 to +7.0) with "
        "500 labels: a gain, p < 0.001; by -0.6 (-1.0 to -0.2) with all 25,000: a loss (negative transfer), p < 0.001."
    )


def zero_shot(*contrasts: Contrast) -> Row:
    return row("zero-shot", 0, source="amazon", accuracy=0.7812, contrasts=contrasts)


def test_zero_shot_is_compared_with_chance_and_each_budget_of_the_baseline() -> None:
    sentence = said(
        zero_shot(
            contrast(CHANCE, 0, (28.1, 27.0, 29.2)),
            contrast("scratch", 100, (10.0, 8.0, 12.0)),
            contrast("scratch", 500, (3.0, 1.0, 5.0)),
            contrast("scratch", 1000, (0.5, -1.0, 2.0)),
            contrast("scratch", "all", (-9.0, -10.0, -8.0)),
        )
    )[0]
    assert sentence == (
        "Zero-shot, amazon reaches an accuracy of 0.7812 on imdb, +28.1 points (95 % interval +27.0 to +29.2) against "
        "always answering the most frequent class: above chance, p < 0.001. It is more accurate than scratch with 100 "
        "labels, +10.0 (+8.0 to +12.0) and with 500 labels, +3.0 (+1.0 to +5.0); not told apart from scratch with "
        "1,000 labels, +0.5 (-1.0 to +2.0); less accurate than scratch with all 25,000 labels, -9.0 (-10.0 to -8.0)."
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [((1.0, -1.0, 3.0), ": no evidence of more than chance."), ((-3.0, -4.0, -2.0), ": below chance, p < 0.001.")],
)
def test_zero_shot_need_not_be_better_than_chance(points: Points, words: str) -> None:
    assert said(zero_shot(contrast(CHANCE, 0, points)))[0].endswith(words)


def test_linear_models_are_named_with_their_interval_whether_or_not_they_lead() -> None:
    rows = [
        row("nb-lr", 100, source=None, contrasts=(contrast("full", 100, (1.0, 0.5, 1.5), "amazon"),)),
        row("tfidf-lr", 100, source=None, contrasts=(contrast("full", 100, (2.2, 1.0, 3.4), "amazon"),)),
        row("nb-lr", 500, source=None, contrasts=(contrast("scratch", 500, (0.3, -0.2, 0.8)),)),
        row("nb-lr", "all", source=None, contrasts=(contrast("scratch", "all", (-1.0, -2.0, -0.5)),)),
    ]
    assert said(*rows)[0] == (
        "Linear models beside the best network on imdb: with 100 labels tfidf-lr less full from amazon is +2.2 "
        "points (95 % interval +1.0 to +3.4), a lead, p < 0.001; with 500 labels nb-lr less scratch is +0.3 (-0.2 to "
        "+0.8), no evidence of a lead; with all 25,000 labels nb-lr less scratch is -1.0 (-2.0 to -0.5), behind, p < "
        "0.001."
    )
    assert said(*rows[-1:])[0] == (
        "On imdb no linear model is ahead of the best network with the same labels: with all 25,000 labels nb-lr less "
        "scratch is -1.0 points (95 % interval -2.0 to -0.5), behind, p < 0.001."
    )


def test_what_the_seeds_share_is_said_to_be_uncovered() -> None:
    one, other = row(points=(2.0, 1.0, 3.0)), row(points=(2.0, 1.0, 3.0), source="amazon")
    assert said(one, other, shared=("ag-news",))[2] == (
        "ag-news is one finished run, which serves every seed: how well that training happened to go is part of all "
        "effects and covered by no interval or p-value."
    )
    assert said(one, other, shared=("ag-news", "amazon"))[2].startswith("ag-news, amazon are one run each, which")
    assert not any("covered" in sentence for sentence in said(one, shared=("amazon",)))


def test_baselines_alone_give_nothing_to_say() -> None:
    assert said(row("scratch", source=None), row("scratch", "all", source=None)) == []
    assert said() == []
