from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentrec.metrics.intervals import paired_interval
from sentrec.transfer.analysis import CHANCE, Contrast, Row
from sentrec.transfer.results import Budget
from sentrec.transfer.verdict import verdicts


def row(
    arm: str = "full",
    budget: Budget = 500,
    points: tuple[float, float, float] | None = None,
    source: str | None = "ag-news",
    target: str = "imdb",
    seeds: int = 3,
    accuracy: float = 0.8,
    contrasts: tuple[Contrast, ...] = (),
) -> Row:
    """A row whose difference and interval are given in points."""
    difference, low, high = (value / 100 for value in points) if points else (0.0, 0.0, 0.0)
    return Row(
        target=target,
        source=source,
        arm=arm,
        budget=budget,
        labels=25_000 if budget == "all" else budget,
        seeds=seeds,
        accuracy=accuracy,
        sd=0.01,
        seconds=1.0,
        gap=0.1,
        difference=difference if points else None,
        interval=(low, high) if points else None,
        epochs_to_baseline=None,
        seconds_to_baseline=None,
        reached=None,
        compared_seeds=seeds if points else 0,
        contrasts=contrasts,
    )


def contrast(
    arm: str, budget: Budget, points: tuple[float, float, float], source: str | None = None, seeds: int = 3
) -> Contrast:
    difference, low, high = (value / 100 for value in points)
    return Contrast(arm, source, budget, 25_000 if budget == "all" else budget, seeds, difference, (low, high))


def test_an_arm_is_judged_budget_by_budget() -> None:
    rows = [row(budget=500, points=(2.1, 1.2, 3.0)), row(budget="all", points=(-0.1, -0.7, 0.5))]
    assert verdicts(rows)[0] == (
        "Full fine-tuning from ag-news changes imdb accuracy by +2.1 points (95 % interval +1.2 to +3.0) with 500 "
        "labels: a gain; by -0.1 (-0.7 to +0.5) with all 25,000: no evidence of transfer."
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ((2.0, 1.0, 3.0), ": a gain."),
        ((-2.0, -3.0, -1.0), ": a loss (negative transfer)."),
        ((2.0, -1.0, 5.0), ": no evidence of transfer."),
        ((0.4, 0.0, 0.8), ": no evidence of transfer."),
        ((0.0, -0.31, 0.22), ": no effect larger than 0.4 points."),
        ((0.0, -0.3, 0.2), ": no effect larger than 0.3 points."),
        ((0.1, -0.2, 0.5), ": no evidence of transfer."),
        ((0.0, 0.0, 0.0), ": no effect larger than 0.1 points."),
        ((0.2, 0.1, 0.3), ": a gain."),
    ],
)
def test_the_word_for_an_interval(points: tuple[float, float, float], words: str) -> None:
    (sentence,) = verdicts([row(points=points)])
    assert sentence.endswith(words)


@pytest.mark.parametrize("rows", [4, 100, 500])
def test_a_small_test_split_bounds_no_effect(rows: int) -> None:
    same = np.ones((3, rows), dtype=bool)
    low, high = paired_interval(same, same)
    assert verdicts([row(points=(0.0, 100 * low, 100 * high))])[0].endswith(": no evidence of transfer.")


def test_a_large_one_does() -> None:
    same = np.ones((3, 25_000), dtype=bool)
    low, high = paired_interval(same, same)
    assert verdicts([row(points=(0.0, 100 * low, 100 * high))])[0].endswith(": no effect larger than 0.1 points.")


@given(ends=st.tuples(st.floats(-9, 9), st.floats(-9, 9)).map(sorted))
def test_a_gain_or_a_loss_is_claimed_exactly_where_the_interval_excludes_0(ends: list[float]) -> None:
    low, high = ends
    (sentence,) = verdicts([row(points=((low + high) / 2, low, high))])
    assert ("a gain" in sentence) == (low / 100 > 0)
    assert ("a loss" in sentence) == (high / 100 < 0)


def test_an_end_that_is_not_0_is_not_shown_as_0() -> None:
    assert "by +0.41 points (95 % interval +0.02 to +0.80)" in verdicts([row(points=(0.41, 0.02, 0.80))])[0]
    assert "by +0.4 points (95 % interval 0.0 to +0.8)" in verdicts([row(points=(0.41, 0.0, 0.80))])[0]


def test_one_seed_is_said_not_to_be_covered() -> None:
    (sentence,) = verdicts([row(points=(2.0, 1.0, 3.0), seeds=1)])
    assert sentence.endswith(
        ": a gain on these test rows, with this one seed. "
        "There is one seed: such an interval covers the test rows, not the seed."
    )
    some = [row(points=(2.0, 1.0, 3.0), seeds=1), row(budget="all", points=(2.0, 1.0, 3.0))]
    assert "There is one seed with 500 labels: such an interval" in verdicts(some)[0]
    assert "with all 25,000: a gain. There" in verdicts(some)[0]
    assert "one seed" not in verdicts([row(points=(2.0, 1.0, 3.0))])[0]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ((-2.0, -3.0, -1.0), ": a loss (negative transfer) on these test rows, with this one seed. "),
        ((0.0, -0.2, 0.2), ": no effect larger than 0.2 points on these test rows, with this one seed. "),
        ((0.0, -2.0, 2.0), ": no evidence of transfer. "),
    ],
)
def test_whatever_one_seed_shows_is_claimed_for_that_seed(points: tuple[float, float, float], words: str) -> None:
    assert words in verdicts([row(points=points, seeds=1)])[0]


def test_a_lead_with_one_seed_is_claimed_for_that_seed() -> None:
    lead = contrast("full", 100, (2.2, 1.0, 3.4), "amazon", seeds=1)
    (sentence,) = verdicts([row("nb-lr", 100, source=None, contrasts=(lead,))])
    assert ", a lead on these test rows, with this one seed. " in sentence


def test_without_a_baseline_there_is_no_verdict_on_transfer() -> None:
    rows = [row(budget=500, points=(2.0, 1.0, 3.0)), row(budget=1000, accuracy=0.8123)]
    assert verdicts(rows) == [
        "Full fine-tuning from ag-news changes imdb accuracy by +2.0 points (95 % interval +1.0 to +3.0) with 500 "
        "labels: a gain. Full fine-tuning from ag-news reaches an accuracy of 0.8123 with 1,000 labels on imdb: no "
        "scratch to compare it with."
    ]
    assert verdicts([row("random-embeddings", source=None)]) == []


def test_every_target_source_and_arm_has_its_own_sentence() -> None:
    rows = [
        row(arm, source=source, target=target, points=(1.0, -1.0, 3.0))
        for target in ("imdb", "dvd")
        for source in ("ag-news", "amazon")
        for arm in ("full", "probe", "gradual")
    ]
    sentences = verdicts(rows)
    assert len(sentences) == 13
    for target in ("imdb", "dvd"):
        for source in ("ag-news", "amazon"):
            for subject in ("Full fine-tuning", "A probe on the frozen encoder", "Gradual unfreezing"):
                start = f"{subject} from {source} changes {target} accuracy by +1.0 points"
                assert sum(sentence.startswith(start) for sentence in sentences) == 1


def test_glove_is_credited_with_what_random_embeddings_lack() -> None:
    rows = [
        row("random-embeddings", 500, (-5.0, -7.0, -2.0), source=None),
        row("random-embeddings", "all", (0.6, 0.2, 1.0), source=None),
    ]
    assert verdicts(rows)[0] == (
        "GloVe in place of random embeddings changes imdb accuracy by +5.0 points (95 % interval +2.0 to +7.0) with "
        "500 labels: a gain; by -0.6 (-1.0 to -0.2) with all 25,000: a loss (negative transfer)."
    )


def test_other_networks_are_not_called_transfer() -> None:
    assert verdicts([row("frozen-glove", source=None, points=(-2.0, -3.0, -1.0))])[0].endswith(": a loss.")
    assert verdicts([row("frozen-glove", source=None, points=(1.0, -3.0, 5.0))])[0].endswith(
        "evidence of a difference."
    )
    assert verdicts([row("halved", source=None, points=(1.0, -3.0, 5.0))])[0].startswith("The arm halved changes imdb")
    assert verdicts([row("halved", points=(1.0, -3.0, 5.0))])[0].startswith("The arm halved from ag-news changes")


def zero_shot(*contrasts: Contrast) -> Row:
    return row("zero-shot", 0, source="amazon", accuracy=0.7812, contrasts=contrasts)


def test_zero_shot_is_held_against_chance_and_each_budget_of_the_baseline() -> None:
    sentence = verdicts(
        [
            zero_shot(
                contrast(CHANCE, 0, (28.1, 27.0, 29.2)),
                contrast("scratch", 100, (10.0, 8.0, 12.0)),
                contrast("scratch", 500, (3.0, 1.0, 5.0)),
                contrast("scratch", 1000, (0.5, -1.0, 2.0)),
                contrast("scratch", "all", (-9.0, -10.0, -8.0)),
            )
        ]
    )[0]
    assert sentence == (
        "Zero-shot, amazon reaches an accuracy of 0.7812 on imdb, +28.1 points (95 % interval +27.0 to +29.2) against "
        "always answering the most frequent class: above chance. It is more accurate than scratch with 100 labels, "
        "+10.0 (+8.0 to +12.0) and with 500 labels, +3.0 (+1.0 to +5.0); not told apart from scratch with 1,000 "
        "labels, +0.5 (-1.0 to +2.0); less accurate than scratch with all 25,000 labels, -9.0 (-10.0 to -8.0)."
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [((1.0, -1.0, 3.0), ": no evidence of more than chance."), ((-3.0, -4.0, -2.0), ": below chance.")],
)
def test_zero_shot_need_not_be_better_than_chance(points: tuple[float, float, float], words: str) -> None:
    assert verdicts([zero_shot(contrast(CHANCE, 0, points))])[0].endswith(words)


def test_zero_shot_with_one_seed_says_so() -> None:
    chance, some = (28.1, 27.0, 29.2), (10.0, 8.0, 12.0)
    sentence = verdicts([zero_shot(contrast(CHANCE, 0, chance, seeds=1), contrast("scratch", 100, some, seeds=1))])[0]
    assert ": above chance on these test rows, with this one seed. " in sentence
    assert ". On these test rows, with this one seed, it is more accurate than scratch with 100 labels" in sentence
    assert sentence.endswith("There is one seed: such an interval covers the test rows, not the seed.")


def test_linear_models_that_lead_are_named_with_what_they_lead_over() -> None:
    rows = [
        row("nb-lr", 100, source=None, contrasts=(contrast("full", 100, (1.0, 0.5, 1.5), "amazon"),)),
        row("tfidf-lr", 100, source=None, contrasts=(contrast("full", 100, (2.2, 1.0, 3.4), "amazon"),)),
        row("nb-lr", 500, source=None, contrasts=(contrast("scratch", 500, (0.3, -0.2, 0.8)),)),
        row("nb-lr", "all", source=None, contrasts=(contrast("scratch", "all", (-1.0, -2.0, -0.5)),)),
    ]
    assert verdicts(rows)[0] == (
        "Linear models ahead of the best network on imdb: with 100 labels tfidf-lr over full from amazon by +2.2 "
        "points (95 % interval +1.0 to +3.4), a lead; with 500 labels nb-lr over scratch by +0.3 (-0.2 to +0.8), no "
        "evidence of a lead."
    )
    assert verdicts(rows[-1:]) == ["On imdb no linear model is ahead of the best network with the same labels."]


def test_several_intervals_are_said_not_to_hold_together() -> None:
    one = row(points=(2.0, 1.0, 3.0))
    assert len(verdicts([one])) == 1
    assert verdicts([one, replace(one, source="amazon")])[-1].startswith("Each of the 2 intervals of this study")


def test_baselines_alone_give_nothing_to_say() -> None:
    assert verdicts([row("scratch", source=None), row("scratch", "all", source=None)]) == []
    assert verdicts([]) == []


def test_two_seeds_that_leave_a_question_open_are_said_to_tell_too_little() -> None:
    said = " Two seeds tell too little of how far seeds differ: such an interval is wide, and a third seed narrows it."
    wide = (-0.7, -52.3, 51.0)
    assert verdicts([row(points=wide, seeds=2)])[0].endswith(f": no evidence of transfer.{said}")
    compared = zero_shot(contrast(CHANCE, 0, wide, seeds=2), contrast("scratch", 100, (10.0, 8.0, 12.0), seeds=2))
    assert verdicts([compared])[0].endswith(f"with 100 labels, +10.0 (+8.0 to +12.0).{said}")
    assert said not in verdicts([row(points=(2.0, 1.0, 3.0), seeds=2)])[0]
    assert said not in verdicts([row(points=wide, seeds=3)])[0]
