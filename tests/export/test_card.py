"""The card: every number is measured, what is missing is said to be missing, and the text says the same."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
import pytest

import sentrec
from sentrec.data.polarity import POLARITIES
from sentrec.errors import RunError
from sentrec.export.card import card_as_markdown
from sentrec.export.challenge import challenge_sentences, measure_challenge
from sentrec.export.export import Export
from sentrec.export.known import card_of, card_text_of, known_models
from sentrec.export.measure import CARD_DATA, measure_accuracy
from sentrec.runs.directory import Run
from sentrec.training.ensemble import ensemble


def test_it_lies_beside_the_weights_in_two_forms(starter: Export) -> None:
    card = json.loads((starter.run.path / "card.json").read_text(encoding="utf-8"))
    assert card == starter.card
    assert (starter.run.path / "card.md").read_text(encoding="utf-8") == card_as_markdown(card)
    assert starter.megabytes <= 8


def test_its_accuracies_are_what_evaluate_measures(
    starter: Export, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(films))
    own, other = starter.card["accuracy"]
    assert (own["data"], own["split"], own["zero_shot"], own["n"]) == ("train", "test", False, 32)
    assert (other["data"], other["split"], other["zero_shot"], other["n"]) == ("blitzer_dvd", "test", True, 5)
    evaluated = sentrec.evaluate(starter.run, "blitzer_dvd", plots=False, out=tmp_path / "evaluated")
    for key in ("accuracy", "accuracy_interval", "ece"):
        assert other[key] == pytest.approx(evaluated.metrics[key])
    assert 0 <= other["original"] <= 1
    assert "Zero-shot, no label of it was learned from: Blitzer DVD." in card_as_markdown(starter.card)
    assert other["notes"] == ["Labels were matched by number: 0 = bad, 1 = good."]


def test_data_that_is_not_here_is_said_to_be_missing(starter: Export) -> None:
    missing = {line.partition(":")[0] for line in starter.card["missing"]}
    assert missing == CARD_DATA.keys() - {"blitzer_dvd"}
    text = card_as_markdown(starter.card)
    assert all(f"- Not measured: {line}" in text for line in starter.card["missing"])


def test_it_says_what_it_was_made_from_and_how_near_it_stayed(starter: Export, stacked_run: Run) -> None:
    card, text = starter.card, card_as_markdown(starter.card)
    assert card["training"]["rows"] == stacked_run.metrics["data"]["train_rows"] == 96
    assert card["training"]["seed"] == stacked_run.recipe.seed
    assert card["agreement"]["equal_labels"] == starter.agreement.equal_labels
    assert card["agreement"]["bound"]["equal_labels"] == 0.995
    assert card["size"]["bytes"].items() <= starter.bytes.items() | card["size"]["bytes"].items()
    assert card["size"]["bytes"]["model.safetensors"] == starter.bytes["model.safetensors"]
    assert "96 texts of train.csv, seed 1, no pretrained word vectors" in text
    assert f"| {100 * starter.agreement.equal_labels:.2f} % | at least 99.50 % |" in text
    assert "MIT" in text
    assert "GloVe (Pennington" not in text


def test_it_names_teacher_unlabelled_texts_and_what_it_went_on_from(starter: Export) -> None:
    card = json.loads(json.dumps(starter.card))
    plain, _, _ = card_as_markdown(card).partition("## Accuracy")
    assert not any(word in plain for word in ("teacher", "without labels", "went on from"))
    card["training"] |= {"unlabelled_rows": 50000, "teacher": "ngrams", "init": "starter"}
    card["training"] |= {"mixed_with": ["sst2"], "sentences": {"teacher": "runs/minilm", "most": 80000}}
    card["training"] |= {"test_texts_in_unlabelled": 1234, "validation_texts_in_unlabelled": 5}
    counted = "1,234 test texts and 5 validation texts were also among them, and were left out there."
    text = card_as_markdown(card)
    assert f"It also read 50,000 texts without labels. {counted}" in text
    assert "A teacher, the n-grams of the model itself, labelled these for it." in text
    assert "Another, minilm, labelled up to 80,000 of their sentences." in text
    assert "96 texts of train.csv, sst2, seed 1" in text
    assert "It went on from another model: starter." in text
    card["training"]["unlabelled"] = ["unsupervised", "mine.csv"]
    assert f"50,000 texts without labels, of unsupervised, mine.csv. {counted}" in card_as_markdown(card)
    del card["training"]["test_texts_in_unlabelled"]  # a card from before they were counted
    assert "50,000 texts without labels, of unsupervised, mine.csv.\n" in card_as_markdown(card)


def test_its_speed_is_of_this_machine(starter: Export) -> None:
    speed = starter.card["speed"]
    assert speed["texts_per_second"]["float32"] > 0
    assert 0 < speed["texts"] <= 32
    assert speed["first_answer_seconds"] > 0
    assert f"{speed['texts_per_second']['float32']:,} texts a second in float32" in card_as_markdown(starter.card)


def test_the_challenge_set_is_large_and_every_category_has_both_sides() -> None:
    sentences = challenge_sentences()
    assert len({text for *_, text in sentences}) == len(sentences) >= 300
    assert {answer for _, answer, _ in sentences} == set(POLARITIES)
    categories = {category for category, *_ in sentences}
    for category in categories - {"mixed feelings", "questions, requests and facts"}:
        assert {"negative", "positive"} <= {answer for one, answer, _ in sentences if one == category}


def test_it_says_which_sentences_the_exported_model_gets_wrong(starter: Export) -> None:
    predictor, found = sentrec.load(starter.run.path), starter.card["challenge_set"]
    expected = [
        text
        for _, answer, text in challenge_sentences()
        if answer != "neutral" and {"good": "positive", "bad": "negative"}[predictor.predict([text])[0].label] != answer
    ]
    assert [one["text"] for one in found["failures"]] == expected
    opinions, right = (sum(one[key] for one in found["categories"]) for key in ("opinions", "two_classes"))
    assert opinions - right == len(expected)
    text = card_as_markdown(starter.card)
    assert f"| all | {right} of {opinions} |  |" in text
    assert all(one["text"] in text for one in found["failures"])
    assert found["categories"][0]["three_classes"] is None


def test_a_star_head_is_judged_in_three_classes_and_by_its_stars(
    stacked_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    stars = np.array([1, 2, 3, 4, 5])
    for name, columns in {
        "yelp_2013": {"text": [f"stars {star}" for star in stars], "stars": stars},
        "tweets_extraction": {"text": ["stars 1", "stars 3", "stars 5 !"], "label": [0, 1, 2]},
    }.items():
        (tmp_path / name).mkdir()
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / name / "test.parquet")
    predictor = sentrec.load(stacked_run)
    # Says what a text says, but for one star too many of four.
    table = np.eye(5)[[0, 1, 2, 4, 4]]

    def predict_stars(texts: Sequence[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        found = table[[int(text.split()[1]) - 1 if text.startswith("stars ") else 2 for text in texts]]
        positive = found @ np.array([0.0, 0.0, 0.5, 1.0, 1.0])
        return np.stack([1 - positive, positive], axis=1), found

    monkeypatch.setattr(predictor, "predict_stars", predict_stars)
    measured = measure_accuracy(predictor, sentrec.load(stacked_run))
    of_stars, tweets = measured["accuracy"][1:]
    assert (of_stars["n"], of_stars["accuracy"], of_stars["macro_f1"]) == (4, 1.0, 1.0)
    assert of_stars["stars_mae"] == pytest.approx(0.2)
    assert (tweets["n"], tweets["macro_f1"], "stars_mae" in tweets) == (2, 1.0, False)
    challenge = measure_challenge(predictor)
    right = {one["category"]: (one["three_classes"], one["sentences"]) for one in challenge["categories"]}
    assert right["mixed feelings"] == (22, 22)  # it calls everything else neutral
    assert right["plain praise and blame"] == (0, 20)


def test_a_model_that_does_not_say_what_is_positive_gets_no_card() -> None:
    class Topics:
        label_names = ("sports", "business")

    with pytest.raises(RunError, match="tells apart sports, business"):
        measure_challenge(Topics())  # type: ignore[arg-type]


def test_a_run_without_a_card_is_described_from_its_training(stacked_run: Run) -> None:
    facts = card_of(stacked_run.path)
    assert facts["test"]["accuracy"] == stacked_run.metrics["test"]["accuracy"]
    assert facts["encoder"]["name"] == "bilstm"
    text = card_text_of(stacked_run.path)
    assert f"Test accuracy {stacked_run.metrics['test']['accuracy']:.4f}" in text
    assert "It has no card" in text


def test_the_shelf_lists_what_comes_with_sentrec_and_finished_runs(
    stacked_run: Run, starter: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentrec.runs.directory, "BUILTIN_MODELS", {"starter": starter.run.path})  # type: ignore[attr-defined]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metrics.json").write_text("{}")
    (tmp_path / "mine").symlink_to(stacked_run.path)
    first, second = known_models(tmp_path)
    assert (first.name, first.has_card) == ("starter", True)
    assert (second.name, second.has_card) == (str(tmp_path / "mine"), False)
    assert second.accuracy == stacked_run.metrics["test"]["accuracy"]
    assert first.megabytes == pytest.approx(starter.megabytes, abs=0.001)


def test_an_ensemble_is_listed_and_described_by_its_members(
    stacked_run: Run, starter: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentrec.runs.directory, "BUILTIN_MODELS", {})  # type: ignore[attr-defined]
    pair = ensemble([stacked_run, starter.run], tmp_path / "pair", name="both")
    headless = shutil.copytree(stacked_run.path, tmp_path / "headless")
    (headless / "recipe.yaml").unlink()
    facts = card_of(pair.path)
    assert [(one["encoder"]["name"], one["seed"]) for one in facts["members"]] == [
        ("bilstm", stacked_run.recipe.seed)
    ] * 2
    assert facts["test"]["accuracy"] == pair.metrics["test"]["accuracy"]
    text = card_text_of(pair.path)
    assert text.startswith("# both\n")
    assert "Made by: ensemble of quickstart (encoder bilstm, seed " in text
    assert "an ensemble is no single model" in text
    assert [(one.name, one.recipe) for one in known_models(tmp_path)] == [(str(pair.path), "both")]
