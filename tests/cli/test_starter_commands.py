"""Commands without ``--model`` take the starter and say so; `models` and `export` as a user types them."""

import inspect
import json
import shutil
from pathlib import Path

import pytest
from command_line import Invoke

from sentrec.cli.export import export
from sentrec.errors import SentrecError
from sentrec.export.export import MAX_MEGABYTES
from sentrec.export.measure import Bound
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run

TEXT = "the film was lovely and superb"
SAYS_SO = "Model: starter, which comes with sentrec (--model RUN takes another one)"


def write_reviews(folder: Path) -> Path:
    rows = [{"movie": f"Film {number % 2}", "text": f"{TEXT} {number}"} for number in range(8)]
    path = folder / "reviews.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_predict_takes_the_starter_and_says_so(starter: Path, invoke: Invoke, small_run: Run) -> None:
    default, named = invoke("predict", TEXT), invoke("predict", "--model", "starter", TEXT)
    assert default.exit_code == named.exit_code == 0, default.output
    assert SAYS_SO in default.stderr
    assert SAYS_SO not in named.stderr
    assert default.stdout == named.stdout == invoke("predict", "--model", small_run.path, TEXT).stdout
    assert default.stdout.startswith("good")


def test_recommend_takes_the_starter_and_says_so_unless_it_is_quiet_or_needs_none(
    starter: Path, invoke: Invoke, tmp_path: Path
) -> None:
    reviews = write_reviews(tmp_path)
    default = invoke("recommend", reviews, "--json", "--scores", "scores.parquet")
    assert default.exit_code == 0, default.output
    assert SAYS_SO in default.stderr
    assert {json.loads(line)["movie"] for line in default.stdout.splitlines()} == {"Film 0", "Film 1"}
    quiet = invoke("recommend", reviews, "--json", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (default.stdout, "")
    shutil.rmtree(starter)
    again = invoke("recommend", "--scores", "scores.parquet")
    assert again.exit_code == 0, again.output
    assert SAYS_SO not in again.stderr


def test_evaluate_knows_the_name_and_leaves_the_installation_as_it_is(starter: Path, invoke: Invoke) -> None:
    before = sorted(starter.rglob("*"))
    result = invoke("evaluate", "starter", "--no-plots", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["metrics"]["accuracy"] > 0.9
    assert Path("runs/starter/evaluation/train-test/evaluation.json").is_file()
    assert sorted(starter.rglob("*")) == before
    against = invoke("evaluate", "starter", "--no-plots", "--json", "--against", "starter", "--out", "again")
    assert json.loads(against.stdout)["comparisons"][0]["only_first_right"] == 0


def test_evaluate_calls_it_by_its_name(starter: Path, invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("review,verdict\n" + "".join(f"{TEXT} {row},good\na dull film {row},bad\n" for row in range(9)))
    result = invoke("evaluate", "starter", "--data", file, "--no-plots", "--against", "starter")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("starter on ")
    assert "Against starter, on the same rows" in result.stdout
    assert "Classifying 18 texts with starter" in result.stderr
    assert "occur in train" not in result.output
    assert str(starter) not in result.output
    described = json.loads(invoke("evaluate", "starter", "--data", file, "--no-plots", "--json").stdout)
    assert (described["run"], described["name"]) == ("starter", "starter")


def test_a_study_takes_the_starter_as_its_source_whatever_folder_lies_there(starter: Path, reviews: Path) -> None:
    from sentrec.transfer.loading import load_sides, load_transfer

    Path("starter").mkdir()
    Path("study.yaml").write_text(
        "source: {run: starter, name: mine}\n"
        "target: {recipe: quickstart, name: other, set: {model: {embedding_dim: 8}}}\n"
        "glove: null\n"
        "encoder: {name: bilstm, hidden: 8}\n"
        "arms: [scratch, full]\n"
    )
    (source,), _ = load_sides(load_transfer("study.yaml"))
    assert source.run is not None
    assert source.run.path == starter


@pytest.mark.parametrize("arguments", [["predict", TEXT], ["evaluate", "starter"], ["models", "show", "starter"]])
def test_without_a_starter_it_is_said_what_to_do(
    arguments: list[str], invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {"starter": tmp_path / "nothing"})
    result = invoke(*arguments)
    assert isinstance(result.exception, SentrecError)
    assert result.exception.message == "this installation of sentrec came without the starter model."
    assert "sentrec export RUN --starter" in str(result.exception.hint)
    assert SAYS_SO not in result.stderr


def test_the_shelf_and_a_card(starter: Path, invoke: Invoke, small_run: Run) -> None:
    Path("runs").mkdir()
    shutil.copytree(small_run.path, "runs/mine")
    listed = invoke("models", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["model", "starter", "runs/mine"]
    (first, second) = json.loads(invoke("models", "list", "--json").stdout)
    assert first["accuracy"] == second["accuracy"] == small_run.metrics["test"]["accuracy"]
    (starter / "card.md").write_text("# The card\n")
    (starter / "card.json").write_text('{"made": "today"}')
    assert invoke("models", "show").stdout == "# The card\n"
    assert json.loads(invoke("models", "show", "starter", "--json").stdout) == {"made": "today"}
    assert invoke("models", "show", "runs/mine").stdout.startswith("# quickstart\n")


def test_export_writes_a_model_that_predicts_the_same(invoke: Invoke, small_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "small"
    result = invoke("export", small_run.path, "--out", out)
    assert result.exit_code == 0, result.output
    assert "100.00 %" in result.stdout
    assert f"The model is in {out}" in result.stdout
    answers = [invoke("predict", "--json", "--model", run, TEXT).stdout for run in (small_run.path, out)]
    first, second = (json.loads(answer) for answer in answers)
    assert first["label"] == second["label"]
    assert first["probability"] == pytest.approx(second["probability"], abs=0.01)
    described = json.loads(invoke("export", small_run.path, "--out", out, "--json").stdout)
    assert described["agreement"]["equal_labels"] == 1.0
    assert described["megabytes"] == pytest.approx(sum(described["bytes"].values()) / 1e6)


def test_export_passes_its_bound_on(
    invoke: Invoke, small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = inspect.signature(export).parameters
    names = ("min_agreement", "max_mean_difference", "max_difference")
    assert Bound(*(options[name].default for name in names)) == Bound()
    assert options["max_megabytes"].default == MAX_MEGABYTES

    class AskedError(Exception):
        pass

    def asked(run: str, out: Path, max_megabytes: float, bound: Bound, with_card: bool) -> None:
        assert (max_megabytes, bound, with_card) == (3.0, Bound(0.9, 0.1, 0.2), False)
        raise AskedError

    monkeypatch.setattr("sentrec.export.export.export_model", asked)
    bounds = ("--min-agreement", "0.9", "--max-mean-difference", "0.1", "--max-difference", "0.2")
    refused = invoke("export", small_run.path, "--out", tmp_path, *bounds, "--max-megabytes", "3")
    assert isinstance(refused.exception, AskedError)
    assert invoke("export", small_run.path).exit_code == 2
