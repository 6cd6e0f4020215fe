from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sentrec.metrics.intervals import holm, paired_difference
from sentrec.transfer.analysis import table
from sentrec.transfer.results import CHANCE, Budget, Cell, CellResult, Row, Target

ROWS = 200
LABELS = np.arange(ROWS) % 2


def film_reviews(name: str = "imdb", labels: Any = LABELS) -> Target:
    return Target(name, ("negative", "positive"), [f"review {row}" for row in range(len(labels))], labels, 1000)


def history(*accuracies: float) -> list[dict[str, Any]]:
    """One validation every 5 steps, which take a second each, with losses in between."""
    rows: list[dict[str, Any]] = []
    for number, accuracy in enumerate(accuracies, 1):
        rows.append({"step": 5 * number - 2, "epoch": number, "seconds": 5.0 * number - 2, "loss": 0.5})
        rows.append({"step": 5 * number, "epoch": number, "seconds": 5.0 * number, "validation_accuracy": accuracy})
    return rows


def result(
    arm: str,
    budget: Budget = 100,
    seed: int = 1,
    wrong: int = 40,
    source: str | None = None,
    validations: Sequence[float] = (),
    train_accuracy: float | None = 0.9,
    labels: int = 100,
    target: str = "imdb",
) -> CellResult:
    """A cell that is wrong on so many of the first test rows."""
    predicted = np.where(np.arange(ROWS) < wrong, 1 - LABELS, LABELS).astype(np.int16)
    return CellResult(
        cell=Cell(target, source, arm, budget, seed),
        labels=labels,
        accuracy=1 - wrong / ROWS,
        train_accuracy=train_accuracy,
        validation_rows=20,
        seconds=10.0 * seed,
        epoch_steps=10 if validations else 0,
        history=history(*validations),
        predicted=predicted,
    )


def row_of(rows: Sequence[Row], arm: str, budget: Budget = 100) -> Row:
    return next(row for row in rows if (row.arm, row.budget) == (arm, budget))


def test_a_row_summarises_its_seeds() -> None:
    cells = [result("scratch", seed=seed, wrong=wrong, labels=98 + seed) for seed, wrong in ((1, 40), (2, 50), (3, 60))]
    (row,) = table([film_reviews()], cells)
    assert (row.target, row.source, row.arm, row.budget) == ("imdb", None, "scratch", 100)
    assert (row.labels, row.seeds, table([film_reviews()], cells[:1])[0].sd) == (100, 3, None)
    assert (row.accuracy, row.sd, row.seconds) == pytest.approx((0.75, 0.05, 20.0))
    assert row.gap == pytest.approx(0.15)
    assert (row.difference, row.interval, row.baseline) == (None, None, None)


def test_the_difference_and_its_interval_are_over_the_seeds_that_both_arms_have() -> None:
    scratch = [result("scratch", seed=seed, wrong=wrong) for seed, wrong in ((1, 40), (2, 50), (3, 180))]
    full = [result("full", seed=seed, wrong=wrong, source="news") for seed, wrong in ((2, 30), (1, 24), (4, 0))]
    row = row_of(table([film_reviews()], [*scratch, *full]), "full")
    full_right, scratch_right = (
        np.stack([one.predicted == LABELS for one in some]) for some in ((full[1], full[0]), scratch[:2])
    )
    assert row.difference == pytest.approx(0.09)
    assert row.baseline is not None
    assert row.interval == paired_difference(full_right, scratch_right).interval
    assert (row.seeds, row.baseline.seeds, row.baseline.adjusted_p) == (3, 2, None)
    assert row.accuracy == pytest.approx(1 - 54 / 600)


def test_the_baseline_has_the_same_target_and_budget() -> None:
    cells = [
        result("scratch", budget=100, wrong=80),
        result("scratch", budget="all", wrong=20, labels=1000),
        result("full", budget="all", wrong=10, source="news", labels=1000),
        result("full", budget=500, wrong=10, source="news", labels=500),
        result("scratch", budget="all", wrong=100, target="dvd"),
    ]
    rows = table([film_reviews(), film_reviews("dvd")], cells)
    assert row_of(rows, "full", "all").difference == pytest.approx(0.05)
    alone = row_of(rows, "full", 500)
    assert (alone.difference, alone.interval, alone.reached) == (None, None, None)


def test_the_order_of_the_rows() -> None:
    cells = [
        result("full", "all", source="news"),
        result("full", 500, source="news"),
        result("nb-lr", 500),
        result("scratch", "all"),
        result("zero-shot", 0, source="shop", train_accuracy=None),
        result("full", 500, source="shop"),
        result("scratch", 500),
        result("probe", 500, source="news"),
        result("scratch", 5000, target="dvd"),
        result("scratch", 1000),
    ]
    rows = table([film_reviews("dvd"), film_reviews()], cells)
    assert [(row.target, row.budget, row.arm, row.source) for row in rows] == [
        ("dvd", 5000, "scratch", None),
        ("imdb", 0, "zero-shot", "shop"),
        ("imdb", 500, "scratch", None),
        ("imdb", 500, "full", "news"),
        ("imdb", 500, "probe", "news"),
        ("imdb", 500, "nb-lr", None),
        ("imdb", 500, "full", "shop"),
        ("imdb", 1000, "scratch", None),
        ("imdb", "all", "scratch", None),
        ("imdb", "all", "full", "news"),
    ]


def test_epochs_and_seconds_until_the_baselines_best_validation() -> None:
    cells = [
        result("scratch", seed=1, validations=(0.6, 0.8, 0.7)),
        result("scratch", seed=2, validations=(0.6, 0.7, 0.9)),
        result("scratch", seed=3, validations=(0.6, 0.7, 0.7)),
        result("full", seed=1, validations=(0.8, 0.6), source="news"),
        result("full", seed=2, validations=(0.8, 0.91), source="news"),
        result("full", seed=3, validations=(0.5, 0.69), source="news"),
    ]
    rows = table([film_reviews()], cells)
    full, scratch = row_of(rows, "full"), row_of(rows, "scratch")
    # Ten steps an epoch: seed 1 is there after half an epoch, seed 2 after a whole one, seed 3 never: infinite.
    assert (full.epochs_to_baseline, full.seconds_to_baseline, full.reached) == (1.0, 10.0, 2)
    assert (scratch.epochs_to_baseline, scratch.seconds_to_baseline, scratch.reached) == (1.0, 10.0, 3)


@pytest.mark.parametrize(("seeds", "reaching"), [(3, 1), (2, 1), (1, 0)])
def test_no_time_to_the_baseline_where_the_median_seed_never_gets_there(seeds: int, reaching: int) -> None:
    numbers = range(1, seeds + 1)
    cells = [result("scratch", seed=seed, validations=(0.8,)) for seed in numbers]
    cells += [
        result("full", seed=seed, validations=(0.8 if seed <= reaching else 0.7,), source="news") for seed in numbers
    ]
    rows = table([film_reviews()], [*cells, result("nb-lr")])
    full, linear = row_of(rows, "full"), row_of(rows, "nb-lr")
    assert (full.epochs_to_baseline, full.seconds_to_baseline, full.reached) == (None, None, reaching)
    assert (linear.epochs_to_baseline, linear.seconds_to_baseline, linear.reached) == (None, None, None)


def test_zero_shot_is_held_against_chance_and_the_baseline_of_every_budget() -> None:
    labels = np.where(np.arange(ROWS) < 150, LABELS, 1)
    wrong = np.where(np.arange(ROWS) < 40, 2, labels).astype(np.int16)
    shot = replace(result("zero-shot", 0, source="shop", train_accuracy=None), predicted=wrong)
    scratch = [result("scratch", "all", labels=1000), result("scratch")]
    cells = [shot, *(replace(one, predicted=labels.astype(np.int16)) for one in scratch)]
    row = row_of(table([film_reviews(labels=labels)], cells), "zero-shot", 0)
    assert (row.difference, row.gap) == (None, None)
    others = [(one.arm, one.budget, one.labels) for one in row.contrasts]
    assert others == [(CHANCE, 0, 0), ("scratch", 100, 100), ("scratch", "all", 1000)]
    # 125 of the 200 labels are of class 1.
    assert [one.difference for one in row.contrasts] == pytest.approx([0.8 - 0.625, -0.2, -0.2])
    assert row.contrasts[0].interval[0] < 0.175 < row.contrasts[0].interval[1]


def test_linear_arms_are_held_against_the_most_accurate_network_of_their_budget() -> None:
    cells = [
        result("scratch", wrong=40),
        result("full", wrong=30, source="news"),
        result("full", wrong=20, source="shop"),
        result("tfidf-lr", wrong=10),
        result("nb-lr", wrong=0),
        result("full", 500, wrong=0, source="news"),
    ]
    row = row_of(table([film_reviews()], cells), "nb-lr")
    (contrast,) = row.contrasts
    assert (contrast.arm, contrast.source, contrast.budget, contrast.seeds) == ("full", "shop", 100, 1)
    assert contrast.difference == pytest.approx(0.1)
    assert row.difference == pytest.approx(0.2)
    assert row_of(table([film_reviews()], cells), "scratch").contrasts == ()


def test_predictions_of_other_rows_are_refused_and_no_cells_are_no_rows() -> None:
    assert table([film_reviews()], []) == []
    with pytest.raises(ValueError, match="do not fit the test rows"):
        table([film_reviews(labels=LABELS[:50])], [result("scratch"), result("full", source="news")])


def cells_of_seeds(arm: str, wrong: Sequence[int], budget: Budget = 100, **options: Any) -> list[CellResult]:
    return [result(arm, budget, seed, count, **options) for seed, count in enumerate(wrong, 1)]


def test_p_values_are_corrected_for_all_that_the_study_judges_on_every_target_and_budget() -> None:
    cells = []
    for target in ("imdb", "dvd"):
        for budget in (100, 500):
            cells += cells_of_seeds("scratch", (40, 42, 41), budget, target=target)
            cells += cells_of_seeds("full", (20, 22, 24 + budget // 50), budget, target=target, source="news")
            cells += cells_of_seeds("nb-lr", (60, 60, 60), budget, target=target)
        cells += cells_of_seeds("zero-shot", (90, 95, 99), 0, target=target, source="news")
    rows = table([film_reviews(), film_reviews("dvd")], cells)
    # Of each target: full at two budgets, nb-lr beside the best network at two, zero-shot with chance and two budgets.
    judged = [one for row in rows for one in row.judged]
    assert len(judged) == 2 * (2 + 2 + 3)
    assert [one.adjusted_p for one in judged] == pytest.approx(holm([one.p_value for one in judged]))
    unjudged = [row.baseline for row in rows if row.arm == "nb-lr" and row.baseline]
    assert {(one.adjusted_p, one.significant) for one in unjudged} == {(None, False)}


def test_fewer_than_three_seeds_are_not_judged_and_not_counted() -> None:
    cells = [*cells_of_seeds("scratch", (40, 42, 41)), *cells_of_seeds("full", (20, 22), source="news")]
    cells += cells_of_seeds("probe", (20, 22, 21), source="news")
    rows = table([film_reviews()], cells)
    assert [(one.seeds, one.adjusted_p == one.p_value) for row in rows for one in row.judged] == [(2, False), (3, True)]


@pytest.mark.parametrize(("seeds", "spread"), [(3, 0.15), (5, 0.3)])
def test_studies_without_any_effect_claim_one_in_at_most_5_of_100(seeds: int, spread: float) -> None:
    """Five budgets and four arms beside the baseline, all equally good, on 300 test rows of differing difficulty."""
    generator, studies, claims, alone = np.random.default_rng(7), 120, 0, 0
    labels = np.arange(300) % 2
    arms = ("scratch", "full", "gradual", "frozen-glove", "random-embeddings")
    for _ in range(studies):
        easy, cells = generator.normal(size=300), []
        for budget in (100, 500, 1000, 5000, "all"):
            for arm in arms:
                suits = easy + 0.5 * generator.normal(size=300)
                noise = spread * generator.normal(size=(seeds, 1)) + 0.5 * generator.normal(size=(seeds, 300))
                for seed, right in enumerate(0.8 + suits + noise > 0.0, 1):
                    source = "news" if arm in ("full", "gradual") else None
                    predicted = np.where(right, labels, 1 - labels).astype(np.int16)
                    cell = Cell("imdb", source, arm, budget, seed)
                    cells.append(CellResult(cell, 100, float(right.mean()), None, 0, 1.0, 0, [], predicted))
        rows = table([film_reviews(labels=labels)], cells)
        judged = [one for row in rows for one in row.judged]
        assert len(judged) == 20
        claims += any(one.significant for one in judged)
        alone += any(one.p_value < 0.05 for one in judged)
    # The rate is measured with a standard error of 0.02.
    assert claims / studies <= 0.05 + 2 * 0.02
    assert alone / studies > 0.25  # what the correction is for
