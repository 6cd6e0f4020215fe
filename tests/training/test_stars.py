"""The star head: what it learns from, what it adds to a prediction, and where that shows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from going_on import going_on
from small_runs import cache_in, start_sentrec

import sentrec
from sentrec.data.splits import load_splits
from sentrec.data.stars import load_star_texts
from sentrec.errors import DataError, Interrupted, RecipeError, RunError
from sentrec.inference.predictor import load
from sentrec.models.star_scores import stars_meant
from sentrec.models.stars import REGRESSORS, StarHead, star_probabilities
from sentrec.recipe import DataConfig, recipe_from_dict
from sentrec.recommend.scoring import ModelScorer
from sentrec.runs.directory import MODEL, Run

pytestmark = pytest.mark.usefixtures("warm_cache")
PARTS = {"validation": slice(0, 2), "test": slice(2, 4)}
WORDS = {1: "awful", 2: "dull", 3: "ordinary", 4: "nice", 5: "superb"}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def starred(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Texts of one to five stars in turn, which one word tells; 0, 1 or 2 for their polarity."""
    stars = [1 + row % 5 for row in range(count)]
    return [
        {"text": f"number {first + row} was {WORDS[one]} indeed", "stars": one, "label": int(np.sign(one - 3)) + 1}
        for row, one in enumerate(stars)
    ]


@pytest.fixture(scope="module")
def recipe_tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("stars")
    plain = [
        {"text": f"item {row} is {WORDS[1 + row % 2 * 4]}", "label": ("bad", "good")[row % 2]} for row in range(40)
    ]
    paths = {name: write(folder / f"{name}.jsonl", rows) for name, rows in {"a": plain, "b": starred(600)}.items()}
    test = write(folder / "test.jsonl", [{"text": "it was superb", "label": "good"}, {"text": "dull", "label": "bad"}])
    other = {"dataset": paths["b"], "label_map": {0: "bad", 2: "good"}, "neutral": 1, "stars_column": "stars"}
    return {
        "name": "starred",
        "data": {"dataset": paths["a"], "validation": 0.3, "test": test, "mixed_with": [other]},
        "glove": None,
        "encoder": {"name": "swem"},
        "objective": {"stars": 1.0, "unlabelled_tokens": 400},
        "model": {"embedding_dim": 8, "ngrams": {"table_bits": 12}},
        "training": {"epochs": 8, "learning_rate": 3e-2, "device": "cpu", "batch_size": 32},
    }


@pytest.fixture(scope="module")
def star_run(recipe_tree: dict[str, Any], shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with cache_in(shared_home):
        return sentrec.train(recipe_from_dict(recipe_tree), tmp_path_factory.mktemp("starred") / "run")


def test_what_is_known_of_a_text_is_learned_and_the_rest_is_left_open(recipe_tree: dict[str, Any]) -> None:
    data = DataConfig.model_validate(recipe_tree["data"])
    splits = load_splits(data)
    train, held_out = load_star_texts(data, splits)
    of = {text: row for part in (train, held_out) for text, row in zip(part.texts, part.decisions, strict=True)}
    assert len(of) == len(train) + len(held_out) == 600
    expected = {1: (0, 1, None), 2: (0, 0, None), 3: (1, None, None), 4: (0, None, 0), 5: (0, None, 1)}
    for row in starred(600):
        known = [None if np.isnan(one) else int(one) for one in of[row["text"]]]
        assert tuple(known) == expected[row["stars"]]
    held = set(held_out.texts)
    assert {text for text in splits.validation.texts if text.startswith("number")} <= held
    assert not held & set(train.texts)


def test_ten_stars_are_halved_and_a_neutral_label_is_enough(tmp_path: Path) -> None:
    ten = [{"text": f"t{stars}", "label": ("bad", "good")[stars > 5], "rating": stars} for stars in (1, 3, 4, 7, 9, 10)]
    three = [{"text": f"u{label}", "label": label} for label in (0, 1, 2, 0, 2)]
    other = {"dataset": write(tmp_path / "b.jsonl", three), "label_map": {0: "bad", 2: "good"}, "neutral": 1}
    tree = {"dataset": write(tmp_path / "a.jsonl", ten), "stars_column": "rating", "mixed_with": [other]}
    judged = [{"text": f"v{row}", "label": ("bad", "good")[row % 2]} for row in range(4)]
    files = {part: write(tmp_path / f"{part}.jsonl", judged[rows]) for part, rows in PARTS.items()}
    data = DataConfig.model_validate(tree | files)
    parts = load_star_texts(data, load_splits(data))
    of = {text: row for part in parts for text, row in zip(part.texts, part.decisions.tolist(), strict=True)}
    known = {text: [int(one) for one in row if not np.isnan(one)] for text, row in of.items()}
    expected = {"t1": [1], "t3": [0], "t4": [0], "t7": [0], "t9": [1], "t10": [1], "u0": [0], "u1": [1], "u2": [0]}
    assert known == expected


def test_where_no_text_has_three_stars_no_text_is_known_to_have_them(tmp_path: Path) -> None:
    rows = [{"text": f"t{stars}", "label": ("bad", "good")[stars > 5], "rating": stars} for stars in (1, 3, 8, 10)]
    rows += [{"text": f"more {row}", "label": ("bad", "good")[row % 2], "rating": None} for row in range(4)]
    judged = [{"text": f"v{row}", "label": ("bad", "good")[row % 2]} for row in range(4)]
    files = {part: write(tmp_path / f"{part}.jsonl", judged[rows]) for part, rows in PARTS.items()}
    data = DataConfig.model_validate({"dataset": write(tmp_path / "a.jsonl", rows), "stars_column": "rating"} | files)
    train, held_out = load_star_texts(data, load_splits(data))
    assert sorted(train.texts) == ["t1", "t10", "t3", "t8"]
    assert train.decisions[:, 0].tolist() == [0.0] * 4
    assert not len(held_out)


def test_stars_that_cannot_be_told_apart_are_refused(recipe_tree: dict[str, Any]) -> None:
    (other,) = recipe_tree["data"]["mixed_with"]
    tree = recipe_tree["data"] | {"mixed_with": [other | {"stars_column": None}]}
    data = DataConfig.model_validate(tree)
    with pytest.raises(DataError, match="no texts tell one star from two"):
        load_star_texts(data, load_splits(data))
    with pytest.raises(RecipeError, match="init goes on without"):
        recipe_from_dict(recipe_tree | {"init": "starter"})


def test_more_stars_are_told_for_better_words_and_the_classes_stay(star_run: Run) -> None:
    predictor = load(star_run, "cpu")
    texts = [f"number 7 was {word} indeed" for word in WORDS.values()]
    predictions = predictor.predict(texts)
    stars = [one.stars for one in predictions]
    assert stars == sorted(stars)  # type: ignore[type-var]
    assert np.abs(np.array(stars) - [1, 2, 3, 4, 5]).max() < 1.0
    probabilities = predictor.predict_proba(texts)
    for one, row in zip(predictions, probabilities, strict=True):
        assert list(one.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-6)
        assert sum(one.star_probabilities) == pytest.approx(1.0)
        three = one.in_classes(3).probabilities
        rest = three["bad"] + three["good"]
        assert three["good"] / rest == pytest.approx(one.probabilities["good"], abs=1e-6)
    assert [one.in_classes(5).label for one in predictions] == ["1", "2", "3", "4", "5"]
    assert predictions[2].in_classes(3).label == "neutral"


def test_rankings_tell_the_good_review_from_the_rave(star_run: Run) -> None:
    predictor = load(star_run, "cpu")
    texts = [f"number 7 was {word} indeed" for word in WORDS.values()]
    scores = ModelScorer(predictor).score(texts).positive
    share = (np.array([one.stars for one in predictor.predict(texts)]) - 1) / 4
    assert np.log(scores / (1 - scores)) == pytest.approx(2.0 * np.log(share / (1 - share)), rel=1e-4)
    assert ModelScorer(predictor, "bad").score(texts).positive == pytest.approx(1 - scores)


def test_a_model_without_a_star_head_says_so(small_run: Run) -> None:
    (one,) = load(small_run, "cpu").predict(["a film"])
    assert one.stars is None
    assert "stars" not in one.to_dict()
    with pytest.raises(RunError, match="no star head"):
        one.in_classes(3)


def test_a_resumed_training_is_the_uninterrupted_one(
    recipe_tree: dict[str, Any], star_run: Run, tmp_path: Path
) -> None:
    recipe = recipe_from_dict(recipe_tree)

    def stop(progress: Any) -> None:
        if progress.step == 5:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        sentrec.train(recipe, tmp_path / "run", on_progress=stop)
    resumed = sentrec.train(recipe, tmp_path / "run", resume=True)
    assert (resumed.path / MODEL).read_bytes() == (star_run.path / MODEL).read_bytes()


def test_commands_answer_in_as_many_classes_as_they_are_asked_for(
    star_run: Run, tmp_path: Path, sentrec_json: Callable[..., Any]
) -> None:
    run = str(star_run.path)
    (line,) = sentrec_json("predict", "number 3 was ordinary indeed", "--model", run, "--classes", "3", "--json")
    assert line["label"] == "neutral"
    assert 2 < line["stars"] < 4
    rows = write(tmp_path / "rows.jsonl", starred(50, first=5000))
    out = tmp_path / "scored.csv"
    sentrec_json("predict", rows, "--model", run, "--out", str(out))
    header, first, *_ = out.read_text(encoding="utf-8").splitlines()
    assert header == "text,stars,label,predicted_label,probability,predicted_stars"
    assert 1 <= float(first.split(",")[-1]) < 2
    options = ("--model", run, "--no-plots", "--json")[2:]
    (three,) = sentrec_json("evaluate", run, "--data", rows, "--classes", "3", "--out", str(tmp_path / "3"), *options)
    assert three["metrics"]["macro_f1"] > 0.9
    five = ("--classes", "5", "--set", "data.label_column=stars", "--out", str(tmp_path / "5"))
    (stars,) = sentrec_json("evaluate", run, "--data", rows, *five, *options)
    assert stars["metrics"]["stars_mae"] < 0.6


@pytest.fixture
def sentrec_json() -> Callable[..., Any]:
    """Runs a command as a process that must succeed, and gives the JSON that it prints."""

    def call(*arguments: str) -> list[Any]:
        process = start_sentrec(*arguments)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        if "--out" in arguments and "evaluate" not in arguments:
            return []
        return [json.loads(output)] if "evaluate" in arguments else [json.loads(one) for one in output.splitlines()]

    return call


def test_the_probabilities_of_stars_are_those_of_the_decisions() -> None:
    decisions = np.log(np.array([[0.25, 0.5, 4.0]]))  # odds of 0.2, 1/3 and 0.8
    (row,) = star_probabilities(np.array([0.75]), decisions)
    negative, positive = 0.8 * 0.25, 0.8 * 0.75
    assert row.tolist() == pytest.approx([negative / 3, negative * 2 / 3, 0.2, positive * 0.2, positive * 0.8])


def test_a_cap_takes_no_validation_text_from_the_calibration(recipe_tree: dict[str, Any]) -> None:
    (other,) = recipe_tree["data"]["mixed_with"]
    data = DataConfig.model_validate(recipe_tree["data"] | {"mixed_with": [other | {"most_per_class": 60}]})
    splits = load_splits(data)
    train, held_out = load_star_texts(data, splits)
    starred_ones = {text for text in splits.validation.texts if text.startswith("number")}
    assert len(starred_ones) > 30
    assert starred_ones <= set(held_out.texts)
    assert not starred_ones & set(train.texts)


def test_neutral_is_calibrated_as_three_tenths_of_the_texts_that_know_it() -> None:
    head = StarHead(4)
    regressors = np.zeros((1000, REGRESSORS), dtype=np.float32)
    regressors[:, -1] = 1
    decisions = np.full((1000, 3), np.nan, dtype=np.float32)
    decisions[:500, 0] = np.arange(500) < 25
    head.fit(regressors, decisions)
    assert 1 / (1 + np.exp(-float(head.calibration[0, -1]))) == pytest.approx(0.3, abs=0.01)
    assert head.calibration[1:].equal(StarHead(4).calibration[1:])


@pytest.mark.parametrize(
    ("names", "stars"),
    [
        (("1", "2", "3", "4", "5"), [1, 2, 3, 4, 5]),
        (("1", "3", "4"), [1, 3, 4]),
        (("10", "2", "1", "7"), [5, 1, 1, 4]),
        (("good", "neutral", "bad"), [5, 3, 1]),
        (("1", "5"), None),
        (("0", "1", "2"), None),
        (("sports", "world", "trade"), None),
    ],
)
def test_classes_that_stars_tell(names: tuple[str, ...], stars: list[int] | None) -> None:
    meant = stars_meant(names, ("bad", "good"))
    if stars is None:
        assert meant is None
        return
    assert meant is not None
    assert all(meant[star - 1, column] > 0 for column, star in enumerate(stars))
    assert set(meant.sum(axis=1).tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("means_stars", [True, False])
def test_own_stars_go_on_from_the_star_head_and_other_numbers_do_not(
    star_run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, means_stars: bool
) -> None:
    order = np.random.default_rng(0).integers(1, 6, 80)
    rows = [
        {"text": one["text"], "label": str(one["stars"] if means_stars else order[row])}
        for row, one in enumerate(starred(80, first=9000))
    ]
    caplog.set_level("INFO")
    run = sentrec.train(going_on(star_run, Path(write(tmp_path / "own.jsonl", rows))), tmp_path / "own")
    assert run.label_names == ("1", "2", "3", "4", "5")
    assert ("Starting from the star head" in caplog.text) == means_stars
    facts = run.metrics["init"]
    assert ("cross_fitted_accuracy_before" in facts) == means_stars
    if means_stars:
        assert facts["test_accuracy_before"] > 0.9
        assert run.metrics["test"]["accuracy"] >= facts["test_accuracy_before"] - 0.07
