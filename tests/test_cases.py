"""Files that failed once, each with the command and the right answer, where ``SENTREC_CASES`` names their folder.

The kinds they stand for are tested in the rooms that they concern, too; these are the files as they were reported.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sentrec.cli.main import app

CASES = Path(os.environ.get("SENTREC_CASES") or Path(__file__).resolve().parents[2] / "shared" / "cases").resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.is_dir(), reason="SENTREC_CASES is not set: the folder of cases is absent"),
]
Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CASES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, stdin: str | None = None) -> Result:
    given = Path(stdin).read_bytes() if stdin else None
    return CliRunner().invoke(app, list(arguments), input=given)


def answered(*arguments: str, stdin: str | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def refused(*arguments: str, stdin: str | None = None) -> str:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code
    return f"{result.output} {result.exception} {getattr(result.exception, 'hint', '')}"


def train(dataset: str, *values: str) -> dict[str, Any]:
    """Trains the linear model on a file; its metrics."""
    values = (f"data.dataset={dataset}", *values)
    sets = [word for value in values for word in ("--set", value)]
    result = answered("train", "--recipe", "imdb-nb-lr", "--out", "RUN", "--force", "-q", "--json", *sets)
    metrics: dict[str, Any] = json.loads(result.stdout)
    return metrics


def rows_used(metrics: dict[str, Any]) -> int:
    return sum(metrics["data"][f"{part}_rows"] for part in ("train", "validation", "test"))


def lines_of(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def labels_of(*arguments: str, stdin: str | None = None) -> list[str | None]:
    return [one.get("label") for one in lines_of(answered("predict", *arguments, "--json", stdin=stdin))]


def counts(*arguments: str) -> dict[str, int]:
    """How many reviews each item of a ranking has."""
    ranked = lines_of(answered("recommend", *arguments, "--json", "--min-reviews", "1"))
    return {one["title"] or one["movie"]: one["reviews"] for one in ranked}


def test_a_run_without_an_encoder_ranks() -> None:
    train("no_encoder.csv")
    assert len(counts("-m", "RUN", "ids.jsonl")) == 4


@pytest.mark.parametrize("file", ["bool.csv", "bool.jsonl"])
def test_truth_values_keep_their_meaning(file: str) -> None:
    train(file, 'data.label_names=["True","False"]')
    assert labels_of("-m", "RUN", "a lovely film, warm and funny, what a joy") == ["True"]


@pytest.mark.parametrize("file", ["quotes.tsv", "quotes.csv"])
def test_an_open_quote_swallows_no_rows(file: str) -> None:
    assert rows_used(train(file)) == 200


@pytest.mark.parametrize("option", ["--out", "--html", "--scores"])
def test_inputs_are_not_overwritten(option: str) -> None:
    before = Path("movies.csv").read_bytes()
    assert "would overwrite" in refused("recommend", "ids.jsonl", "--movies", "movies.csv", option, "movies.csv")
    assert Path("movies.csv").read_bytes() == before
    assert "would overwrite" in refused("recommend", "ids.jsonl", "--exclude", "seen.txt", "--scores", "seen.txt")


def test_numbers_that_count_from_one_name_the_right_classes() -> None:
    sets = ("data.dataset=onebased.csv", "data.label_names=[bad,neutral,good]", "data.bad_rows=skip")
    values = [word for value in sets for word in ("--set", value)]
    answered("train", "--recipe", "my-reviews", *values, "--out", "RUN2", "--force", "-q")
    assert labels_of("-m", "RUN2", "a dull film, flat and tedious") == ["bad"]


def test_classes_that_differ_in_case_alone_stay_two() -> None:
    assert train("case.csv")["test"]["accuracy"] == 1.0
    measured = json.loads(answered("evaluate", "RUN", "--no-plots", "--json").stdout)
    assert measured["metrics"]["accuracy"] == 1.0


def test_codes_that_are_labels_stay_as_they_are() -> None:
    train("zeros_merge.csv")
    assert set(json.loads(Path("RUN/labels.json").read_text())) == {"01", "1", "2"}
    train("zeros.csv", 'data.label_names=["001","010"]')
    assert labels_of("-m", "RUN", "a lovely film, what a joy", "poor, a dull film") == ["001", "010"]
    assert "The data has: A03, 001, 010" in refused("evaluate", "RUN", "--data", "codes2.csv", "--no-plots")
    assert "10:30, 21:00" in refused("evaluate", "RUN", "--data", "times.csv", "--no-plots")


def test_a_forked_pool_answers() -> None:
    done = subprocess.run([sys.executable, "fork.py", "starter"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "fork ['positive', 'negative']"


def test_text_without_spaces_is_learned() -> None:
    assert train("zh.csv")["test"]["accuracy"] > 0.95


def test_utf16_is_read() -> None:
    expected = ["positive", "negative", "positive", "negative"]
    assert labels_of("-m", "starter", stdin="utf16.txt") == expected
    assert labels_of("-m", "starter", "u16.jsonl") == expected[:2]
    assert "iconv" not in refused("train", "imdb-nb-lr", "--out", "RUN", "-q", "--set", "data.dataset=u16.csv")


def test_negation_in_entities_is_read() -> None:
    assert labels_of("-m", "starter", stdin="entities.txt") == ["negative"] * 6


def test_a_console_of_another_encoding_ends_nothing() -> None:
    command = [sys.executable, "-m", "sentrec"]
    settings = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    texts = Path("cp1252.txt").read_bytes()
    done = subprocess.run([*command, "predict"], input=texts, env=settings, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4
    ranking = [*command, "recommend", "cp1252.jsonl", "--min-reviews", "1", "--csv"]
    done = subprocess.run(ranking, env=settings, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4


@pytest.mark.parametrize("stray", ["train", "test"])
def test_a_stray_file_is_not_looked_at(stray: str) -> None:
    Path(stray).write_text("x")
    train("bool.csv")
    answered("evaluate", "RUN", "--no-plots")


def test_a_name_that_two_items_have_is_told() -> None:
    result = answered("recommend", "ids.jsonl", "--movies", "movies.csv", "--exclude", "seen.txt")
    assert "'300' is the key or title of 2 items" in result.stderr


def test_one_item_however_it_is_written() -> None:
    assert counts("nfd.jsonl")["Amélie"] == 10
    assert "Amélie" not in counts("nfd.jsonl", "--exclude", "seen_nfc.txt")
    found = counts("float_a.csv", "float_b.jsonl", "--movies", "float_movies.csv")
    assert found == {"Quiet Harbour": 8, "Low Tide": 4}


def test_a_column_that_is_there_twice_is_told() -> None:
    assert "2 columns 'title'" in refused("recommend", "duphead.csv")


@pytest.mark.parametrize("file", ["array.json", "array1.json"])
def test_json_arrays_are_read(file: str) -> None:
    assert labels_of("-m", "starter", stdin=file) == ["negative", "positive"]


def test_a_text_may_begin_with_a_brace() -> None:
    assert labels_of("-m", "starter", stdin="brace.txt") == ["positive", "negative", "positive"]
    Path("none.jsonl").write_text("{broken\n")
    assert run("predict", "none.jsonl", "--json").exit_code == 1


def test_underscores_are_read() -> None:
    assert labels_of("-m", "starter", stdin="underscores.jsonl")[-1] == "negative"


def test_a_cache_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("afile").write_text("x")
    monkeypatch.setenv("SENTREC_HOME", str(Path("afile").absolute()))
    assert "SENTREC_HOME=FOLDER" in refused("doctor")


def test_ids_that_are_no_numbers_are_json() -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    shown = answered("predict", "-m", "starter", "--json", stdin="nanid.jsonl").stdout
    ids = [json.loads(line, parse_constant=refuse).get("id") for line in shown.splitlines()]
    assert ids == [None, None, 3]


def test_two_texts_are_too_few() -> None:
    assert "different" in refused("train", "imdb-nb-lr", "--out", "RUN", "-q", "--set", "data.dataset=dup.csv")


def test_a_phrase_that_ends_in_a_number_is_told() -> None:
    arguments = ("fetch-glove", "--from-file", "g_numword.txt", "--name", "t", "--dim", "5")
    assert "a word of several parts may not end in a number" in refused(*arguments)


def test_swapped_labels_are_told() -> None:
    sets = ("data.dataset=inverted.csv", "data.test=0.4")
    values = [word for value in sets for word in ("--set", value)]
    result = answered("train", "--recipe", "my-reviews", *values, "--out", "RUN3", "--force")
    assert "labels look swapped" in result.stderr
    assert "labels: {0: positive, 1: negative}" in result.stderr
