import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_corpus import write_reviews
from typer.testing import CliRunner

import sentrec
from sentrec.cli.main import app
from sentrec.data.sources import Source
from sentrec.data.text_rows import Row
from sentrec.errors import DataError, RunError, SentrecError
from sentrec.evaluation.evaluate import EVALUATION, PLOTS, evaluate
from sentrec.evaluation.rows import RunData
from sentrec.recipe.sections import DataConfig
from sentrec.runs.directory import Run


def test_on_its_own_test_rows_it_repeats_what_training_measured(run: Run) -> None:
    result = evaluate(run.path, plots=False)
    assert result.metrics["accuracy"] > 0.9
    assert result.metrics["confusion_matrix"] == run.metrics["test"]["confusion_matrix"]
    assert result.metrics["log_loss"] == pytest.approx(run.metrics["test"]["log_loss"], abs=1e-4)


def test_json_on_disk_is_what_is_returned_and_plots_lie_beside_it(run: Run) -> None:
    result = sentrec.evaluate(run)
    directory = run.path / "evaluation" / "train-test"
    assert Path(result.directory) == directory
    assert json.loads((directory / EVALUATION).read_text("utf-8")) == result.to_dict()
    assert {path.name for path in directory.iterdir()} == {EVALUATION, *PLOTS}
    assert all((directory / name).read_bytes().startswith(b"\x89PNG") for name in PLOTS)


def test_without_plots_none_is_left_and_an_evaluation_that_fails_half_way_leaves_the_earlier_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    evaluate(run, out=out)
    assert evaluate(run, out=out, plots=False).plots == ()
    assert [path.name for path in out.iterdir()] == [EVALUATION]

    def fail(*_: Any) -> None:
        raise OSError("broken pen")

    monkeypatch.setattr("sentrec.evaluation.plots.roc_curves", fail)
    with pytest.raises(OSError, match="broken pen"):
        evaluate(run, out=out)
    assert [path.name for path in out.iterdir()] == [EVALUATION]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_never_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SentrecError, match=r"thesis\.tex"):
        evaluate(run, out=tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_another_run_is_compared_on_the_same_rows(run: Run, rival: Run) -> None:
    (comparison,) = evaluate(run, against=rival.path, plots=False).comparisons
    assert (comparison.first, comparison.second, comparison.n) == ("well", "hardly", 60)
    assert comparison.second_accuracy == pytest.approx(rival.metrics["test"]["accuracy"])
    assert "well is more accurate than hardly" in comparison.verdict
    # A run beside itself is named by its directory.
    (comparison,) = evaluate(run, against=run, plots=False).comparisons
    assert comparison.difference == 0
    assert comparison.first == comparison.second == str(run.path)


def test_a_baseline_learns_from_exactly_the_training_rows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentrec.ngrams.baselines import TfidfLogisticRegression

    seen: list[list[str]] = []
    fit = TfidfLogisticRegression.fit

    def spy(self: TfidfLogisticRegression, texts: list[str], *rest: Any) -> TfidfLogisticRegression:
        seen.append(texts)
        return fit(self, texts, *rest)

    monkeypatch.setattr(TfidfLogisticRegression, "fit", spy)
    (comparison,) = evaluate(run, baseline="tfidf-lr", plots=False).comparisons
    assert comparison.second == "tfidf-lr"
    assert comparison.second_accuracy > 0.9
    assert len(seen[0]) == run.metrics["data"]["train_rows"] < 240


def test_a_baseline_is_refused_when_the_training_rows_changed(run: Run) -> None:
    data = RunData(run)
    data.part("train").labels[0] += 1
    with pytest.raises(DataError, match="no longer"):
        data.part("train")


def test_an_unknown_baseline_or_a_missing_run_fails_before_any_work(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SentrecError, match="nb-rl"):
        evaluate(run, data="nowhere.csv", baseline="nb-rl")
    with pytest.raises(RunError, match="no run"):
        evaluate(tmp_path / "nothing", data="nowhere.csv")


def test_a_file_like_the_training_file_has_its_columns(run: Run, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "more.csv", ["GOOD", "bad", "bad"], ["good", "bad", "good"])
    result = evaluate(run, path, plots=False)
    assert result.metrics["confusion_matrix"] == [[1, 1], [0, 1]]
    assert Path(result.directory).name == "more-test"
    assert [(one.row, one.label, one.predicted) for one in result.mistakes] == [(3, "bad", "good")]


def test_labels_are_matched_by_number_where_that_can_be(run: Run, tmp_path: Path) -> None:
    result = evaluate(run, write_reviews(tmp_path / "numbers.csv", [2, 1], ["good", "bad"]), plots=False)
    assert result.metrics["accuracy"] == 1.0
    assert "Labels were matched by number: 1 = bad, 2 = good." in result.notes
    with pytest.raises(DataError, match=r"purple.*bad, good"):
        evaluate(run, write_reviews(tmp_path / "mixed.csv", ["good", "purple"], ["good", "bad"]))
    assert not (run.path / "evaluation" / "mixed-test").exists()


def test_data_of_one_class_is_measured_with_a_note(run: Run, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "praise.csv", ["good", "good"], ["good", "good"])
    result = evaluate(run, path)
    assert result.metrics["roc_auc"] is None
    assert any("No row is labelled bad" in note for note in result.notes)
    path.write_text("review,verdict\n")
    with pytest.raises(DataError, match=r"praise\.csv"):
        evaluate(run, path)


def test_columns_can_be_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"body": "superb and lovely", "stars": 1}\n{"body": "awful and dull", "stars": 0}\n')
    data = DataConfig(dataset=str(path), text_columns=("body",), label_column="stars", label_names=("bad", "good"))
    assert evaluate(run, data, plots=False).metrics["accuracy"] == 1.0


def test_texts_that_were_trained_on_are_counted(run: Run, corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes((corpus / "train.csv").read_bytes())
    assert "240 of the 240 texts also occur in train or validation." in evaluate(run, copy, plots=False).notes


@pytest.mark.parametrize(("split", "warning"), [("train", "was trained on"), ("validation", "were chosen on")])
def test_rows_that_the_run_has_seen_are_flagged(run: Run, split: str, warning: str) -> None:
    result = evaluate(run, split=split, plots=False)
    assert result.metrics["n"] == run.metrics["data"][f"{split}_rows"]
    assert any(warning in note for note in result.notes)


def test_it_evaluates_elsewhere_without_the_training_data(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise DataError("train.csv does not exist.")

    monkeypatch.setattr("sentrec.evaluation.rows.load_splits", missing)
    path = write_reviews(tmp_path / "more.csv", ["good", "bad"], ["good", "bad"])
    result = evaluate(run, path, plots=False)
    assert result.metrics["n"] == 2
    assert any("were not counted: train.csv does not exist." in note for note in result.notes)


def test_runs_with_other_classes_cannot_be_compared(run: Run, rival: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(rival, label_names=("cold", "warm"))
    with pytest.raises(RunError, match="cold, warm"):
        evaluate(run, against=other, plots=False)


def test_a_rival_with_its_classes_in_another_order_is_read_rightly(
    run: Run, rival: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentrec.inference import predictor

    load = predictor.load

    class Turned:
        encode = load(rival).encode

        def predict_proba(self, texts: list[str]) -> Any:
            return np.tile([0.9, 0.1], (len(texts), 1))

    turned = replace(rival, label_names=("good", "bad"))
    monkeypatch.setattr(predictor, "load", lambda which: Turned() if which is turned else load(which))
    (comparison,) = evaluate(run, against=turned, plots=False).comparisons
    assert comparison.second_accuracy == 0.5
    good = evaluate(run, plots=False).metrics["per_class"]["good"]["support"]
    assert comparison.n == 2 * good


def test_the_command_prints_the_same_as_json(run: Run, rival: Run, tmp_path: Path) -> None:
    arguments = ["evaluate", str(run.path), "--against", str(rival.path), "--no-plots", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / EVALUATION).read_text("utf-8"))


def test_the_command_takes_a_file_with_its_columns(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("title,body,stars\nHm,superb and lovely,1\nOh,awful and dull,0\nEh,,1\n")
    columns = ["data.text_columns=[body]", "data.label_column=stars", "data.label_names=[bad, good]"]
    options = [word for change in (*columns, "data.bad_rows=skip") for word in ("--set", change)]
    result = CliRunner().invoke(app, ["evaluate", str(run.path), "--data", str(path), *options, "--no-plots"])
    assert result.exit_code == 0
    assert "2 rows" in result.stdout
    assert "100.00 %" in result.stdout


def test_stars_are_matched_by_meaning_and_the_answers_written_row_by_row(run: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "hotels.csv", tmp_path / "answers.csv"
    write_reviews(path, [5, 3, 1, 4, 2], ["good", "good", "bad", "good", "bad"])
    result = evaluate(run, path, plots=False, out=tmp_path / "out", predictions=out)
    assert result.metrics["n"] == 4
    assert any("4, 5 = good" in note and "1 rows are left out" in note for note in result.notes)
    rows = [dict(row.fields) for row in Source(str(out)).rows() if isinstance(row, Row)]
    assert [row["label"] for row in rows] == ["good", "bad", "good", "bad"]
    assert [row["predicted_label"] for row in rows] == ["good", "bad", "good", "bad"]
