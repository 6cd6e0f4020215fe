"""An evaluation is on the rows that it says it is on, and tells what the runs have seen of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from evaluation_corpus import write_reviews

from sentrec.errors import DataError, RecipeError, RunError
from sentrec.evaluation.evaluate import evaluate
from sentrec.evaluation.rows import RunData, class_notes
from sentrec.recipe import recipe_from_dict
from sentrec.recipe.sections import InitConfig
from sentrec.runs.directory import Run
from sentrec.training.train import train


def with_data(run: Run, **data: Any) -> Run:
    """The run, as if it had been trained on other data."""
    recipe = run.recipe.model_copy(update={"data": run.recipe.data.model_copy(update=data)})
    return replace(run, recipe=recipe)


@pytest.mark.parametrize("part", ["test", "validation", "train"])
def test_own_rows_that_changed_are_refused(run: Run, corpus: Path, tmp_path: Path, part: str) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("train", "test")}
    for name, path in files.items():
        shutil.copy(corpus / path.name, path)
        changed = name == ("test" if part == "test" else "train")
        path.write_text(path.read_text().replace("the film", "a film") if changed else path.read_text())
    moved = with_data(run, dataset=str(files["train"]), test=str(files["test"]))
    with pytest.raises(DataError, match=f"the {part} rows of .* are no longer those of") as caught:
        evaluate(moved, split=part, plots=False, out=tmp_path / "out")
    assert "--data" in str(caught.value.hint)


def test_own_rows_at_another_place_are_still_the_same(run: Run, corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path / "moved", ignore=shutil.ignore_patterns("well", "hardly"))
    moved = with_data(run, dataset=str(tmp_path / "moved" / "train.csv"), test=str(tmp_path / "moved" / "test.csv"))
    assert evaluate(moved, plots=False, out=tmp_path / "out").metrics["n"] == 60


def test_a_split_that_a_run_on_files_lacks_is_refused(run: Run) -> None:
    with pytest.raises(DataError, match="has no split 'tset'") as caught:
        RunData(run).evaluation_rows(None, "tset")
    assert caught.value.hint == "did you mean 'test'?"


def test_what_describes_other_data_is_refused_for_the_runs_own(run: Run, corpus: Path) -> None:
    for data in (None, corpus / "train.csv"):
        with pytest.raises(DataError, match="own data is read as it was for training"):
            RunData(run).evaluation_rows(data, "test", ["data.bad_rows=skip"])


def test_overrides_leave_the_other_columns_as_the_training_file_has_them(run: Run, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "more.csv", ["good", None, "bad"], ["good", "good", "bad"])
    with pytest.raises(DataError) as caught:
        RunData(run).evaluation_rows(path, "test")
    change = str(caught.value.hint).split("--set ")[1]
    assert len(RunData(run).evaluation_rows(path, "test", [change]).examples) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.label_names=bad", "data.label_names: should be a list"),
        ("data.label_names=[a, a]", "data.label_names: a class is named twice"),
        ("data.label_colum=stars", "'data.label_colum' does not tell how to read rows"),
        ("data.test=validation", "'data.test' does not tell how to read rows"),
        ("training.epochs=3", "'training' does not tell how to read rows"),
        ("data=3", "'data' does not tell how to read rows"),
        ("bad_rows", "is not an override"),
    ],
)
def test_a_wrong_override_is_named(run: Run, tmp_path: Path, change: str, message: str) -> None:
    path = write_reviews(tmp_path / "more.csv", ["good", "bad"], ["good", "bad"])
    with pytest.raises(RecipeError) as caught:
        RunData(run).evaluation_rows(path, "test", [change])
    assert message in caught.value.message


def test_training_data_is_not_downloaded_to_count_overlaps(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: Any, **__: Any) -> None:
        pytest.fail("the hub was asked")

    monkeypatch.setattr("sentrec.data.examples.read_hub", download)
    elsewhere = with_data(run, dataset="imdb", test=None)
    path = write_reviews(tmp_path / "more.csv", ["good", "bad"], ["good", "bad"])
    named = ["data.text_columns=[review]", "data.label_column=verdict"]
    (note,) = RunData(elsewhere).evaluation_rows(path, "test", named).notes
    said = "Texts that also occur in train or validation were not counted: imdb is on the hub, not on this machine."
    assert note == said


def test_texts_that_were_learned_without_labels_are_told_beside_the_labelled_ones(run: Run, tmp_path: Path) -> None:
    def write(name: str, reviews: list[str]) -> str:
        verdicts = ["good", "bad"] * len(reviews)
        pa.csv.write_csv(pa.table({"review": reviews, "verdict": verdicts[: len(reviews)]}), tmp_path / name)
        return str(tmp_path / name)

    known, judged = (RunData(run).part(name).texts for name in ("train", "test"))
    others = ["nobody labelled this film", "nor that one", "nor these"]
    sections = run.recipe.model_dump(mode="json") | {"objective": {"distil": 1.0, "teacher": "ngrams"}}
    sections["model"] |= {"ngrams": {"table_bits": 10}}
    sections["data"] |= {"unlabelled": write("unlabelled.csv", others + judged[:3])}
    sections["training"] |= {"max_steps": 1}
    learned = train(recipe_from_dict(sections), tmp_path / "run")
    assert learned.metrics["data"]["test_texts_in_unlabelled"] == 3
    mixed = write("mixed.csv", [*others[:2], "seen nowhere", known[0], judged[0]])
    (note,) = RunData(learned).evaluation_rows(mixed, "test").notes
    labelled, without = "1 of the 5 texts also occur in train or validation.", "2 of the 5 texts also occur in the"
    assert note == f"{labelled} {without} unlabelled texts."
    own = RunData(learned).evaluation_rows(None, "test")
    assert not any("unlabelled" in note for note in own.notes), "what judges was left out there"
    write("unlabelled.csv", others[:2])
    (note,) = RunData(learned).evaluation_rows(mixed, "test").notes
    assert f"{labelled} Texts that also occur in the unlabelled texts were not counted: the unlabelled" in note


def test_what_a_rival_was_trained_on_is_told(run: Run, rival: Run, tmp_path: Path) -> None:
    sections = rival.recipe.model_dump()
    turned = sections["data"] | {"dataset": sections["data"]["test"], "test": 0.2}
    cheat = train(recipe_from_dict(sections | {"name": "cheat", "data": turned}), tmp_path / "cheat")
    notes = evaluate(run, against=cheat, plots=False).notes
    assert any(note.endswith("of the 60 texts also occur in train or validation of cheat.") for note in notes)
    assert not any("cheat" in note for note in evaluate(run, against=run, plots=False).notes)
    started = replace(run, recipe=run.recipe.model_copy(update={"init": InitConfig(run=str(cheat.path))}))
    (note,) = RunData(started).evaluation_rows(None, "test").notes
    assert note.endswith(f"of the 60 texts also occur in train or validation of {cheat.path}.")
    gone = replace(run, recipe=run.recipe.model_copy(update={"init": InitConfig(run="runs/gone")}))
    (note,) = RunData(gone).evaluation_rows(None, "test").notes
    assert note.endswith("runs/gone, which it learned from, is not here: texts that it has seen were not counted.")
    trained = evaluate(run, split="train", against=rival, plots=False).notes
    assert any("texts also occur in train or validation of hardly." in note for note in trained)


def test_the_best_of_a_group_is_shown_as_such(run: Run, rival: Run, tmp_path: Path) -> None:
    group = tmp_path / "group"
    for seed, member in ((1, rival), (2, run)):
        shutil.copytree(member.path, group / f"seed-{seed}", ignore=shutil.ignore_patterns("evaluation"))
    runs = [
        {"directory": f"seed-{seed}", "validation_accuracy": accuracy, "test_accuracy": accuracy}
        for seed, accuracy in ((1, 0.5), (2, 1.0))
    ]
    (group / "environment.json").write_text(json.dumps({"sentrec": "0", "versions": {"sentrec": "0"}, "seeds": [1, 2]}))
    (group / "metrics.json").write_text(json.dumps({"runs": runs}))
    note = evaluate(group, plots=False).notes[0]
    assert f"{group} holds 2 runs: this is seed {run.recipe.seed}, the best of them by validation." in note
    assert "75.00 % ± 35.36 (mean ± standard deviation)" in note
    assert evaluate(rival, against=group, plots=False, out=tmp_path / "out").notes[0] == note
    for one in runs:
        del one["test_accuracy"]
    (group / "metrics.json").write_text(json.dumps({"runs": runs}))
    with pytest.raises(RunError, match="was altered"):
        evaluate(group, plots=False)


def test_labels_that_count_the_other_way_round_are_asked_about() -> None:
    rows = {"per_class": {"bad": {"support": 20}, "good": {"support": 20}}, "n": 40}
    assert "the other way round" in class_notes(rows | {"roc_auc": 0.04}, ["bad", "good"])[0]
    assert not class_notes(rows | {"roc_auc": 0.5}, ["bad", "good"])
    assert not class_notes(rows | {"n": 9, "roc_auc": 0.0}, ["bad", "good"])
