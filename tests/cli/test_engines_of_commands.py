"""`recommend` and `predict` write the very same with any engine, from shards of any format."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import DataError, SentrecError
from sentrec.recommend import shards
from sentrec.runs.directory import Run

WITHOUT_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install sentrec[ray]")
ENGINES = ["processes", pytest.param("ray", marks=[WITHOUT_RAY, pytest.mark.slow])]
Call = Callable[..., Result]


def rows_of(seed: int, count: int = 400) -> list[dict[str, object]]:
    generator, rows = random.Random(seed), []
    for number in range(count):
        mood = generator.choice((("lovely", "superb", "moving"), ("dull", "tedious", "awful")))
        words = " and ".join(generator.choices(mood, k=4))
        text = f"The film, seen on day {generator.randrange(90)}, was {words} from start to end, says {seed}-{number}."
        rows.append({"id": f"{seed}-{number}", "movie": f"m{generator.randrange(12)}", "text": text, "rating": 3})
    return rows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three shards of three formats; some reviews are in two of them, one row cannot be used."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    first, second, third = (rows_of(seed) for seed in range(3))
    second[3:9], third[5:9] = first[1:7], second[20:24]
    made = tmp_path / "reviews"
    made.mkdir()
    (made / "_SUCCESS").touch()
    (made / "part-0.jsonl").write_text("".join(json.dumps(row) + "\n" for row in first) + "{broken\n")
    with (made / "part-1.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(second[0]))
        writer.writeheader()
        writer.writerows(second)
    pa.parquet.write_table(pa.Table.from_pylist(third), made / "part-2.parquet")
    return made


@pytest.fixture
def call(small_run: Run) -> Call:
    return lambda *arguments: CliRunner().invoke(
        app, [*arguments, "--model", str(small_run.path), "--device", "cpu", "-q"]
    )


def engine_of(name: str) -> list[str]:
    return ["--engine", name, *(["--workers", "2"] if name != "local" else [])]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_ranking_and_all_scores_are_the_same_bytes(
    engine: str, folder: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    positive = ("--positive", "good", "--min-reviews", "1")
    for name in ("local", engine):
        outputs = (
            f"--out={name}.jsonl",
            f"--html={name}.html",
            f"--scores={name}.parquet",
            f"--rejects={name}.rejects",
        )
        result = call("recommend", "reviews", *positive, f"--out={name}.jsonl", *outputs, *engine_of(name))
        assert result.exit_code == 0, (result.output, result.exception)
    for suffix in ("jsonl", "html", "parquet", "rejects"):
        assert (tmp_path / f"{engine}.{suffix}").read_bytes() == (tmp_path / f"local.{suffix}").read_bytes()
    items = [json.loads(line) for line in (tmp_path / "local.jsonl").read_text().splitlines()]
    assert sum(item["duplicates"] for item in items) == 10
    assert sum(item["reviews"] for item in items) == 1190
    assert not (tmp_path / ".ray").exists()  # no token is left in the home folder


@pytest.mark.parametrize("engine", ENGINES)
def test_answers_are_the_same_bytes_in_the_order_of_the_rows(
    engine: str, folder: Path, call: Call, tmp_path: Path
) -> None:
    for name in ("local", engine):
        for out in (f"{name}.jsonl", name):
            result = call("predict", "reviews/", f"--out={out}", f"--rejects={name}.rejects", *engine_of(name))
            assert result.exit_code == 0, (result.output, result.exception)
    assert (tmp_path / f"{engine}.jsonl").read_bytes() == (tmp_path / "local.jsonl").read_bytes()
    rows = [json.loads(line) for line in (tmp_path / "local.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows[:400]] == [row["id"] for row in rows_of(0)]
    assert len(rows) == 1200
    assert json.loads((tmp_path / f"{engine}.rejects").read_text())["source"] == "reviews/part-0.jsonl"
    parts = sorted(path.name for path in (tmp_path / engine).iterdir())
    assert parts == [f"part-0000{number}.parquet" for number in range(3)]
    for part in parts:
        table = pa.parquet.read_table(tmp_path / engine / part)
        assert table.equals(pa.parquet.read_table(tmp_path / "local" / part))
        assert {"label", "probability"} < set(table.column_names)


def test_a_folder_with_other_files_is_not_written_over(folder: Path, call: Call) -> None:
    result = call("predict", "reviews/", "--out", "reviews")
    assert isinstance(result.exception, SentrecError)
    assert "holds other files" in result.exception.message
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("command", ["recommend", "predict"])
def test_a_bad_shard_is_an_error_of_one_line_that_names_it(command: str, folder: Path, call: Call) -> None:
    (folder / "part-1.csv").write_text("who,when\na,b\nc,d\n")
    more = ["--positive", "good"] if command == "recommend" else ["--out", "out.csv"]
    result = call(command, "reviews/", *more, *engine_of("processes"))
    assert isinstance(result.exception, DataError)
    assert "reviews/part-1.csv" in result.exception.message
    assert "\n" not in result.exception.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recommend", "-", "--engine", "processes"], "standard input cannot be divided"),
        (["recommend", "reviews", "--workers", "2"], "--workers needs --engine"),
        (["recommend", "reviews", "--engine", "processes", "--address", "auto"], "--address needs --engine ray"),
        (["predict", "a film", "--engine", "processes"], "takes a file or folder"),
        (["predict", "reviews/", "--engine", "processes", "--explain"], "neither --explain nor --languages"),
        (["predict", "none/*.csv"], "holds no table"),
        (["recommend", "oci://bucket/reviews", "--positive", "good"], "is read by ocifs"),
        (["predict", "oci://bucket/*.parquet"], "is read by ocifs"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    arguments: list[str], message: str, folder: Path, call: Call
) -> None:
    result = call(*arguments, *(["--positive", "good"] if "-" in arguments else []))
    said = " ".join(result.output.split()) + str(result.exception)
    assert message in said.replace("│ ", ""), said


def test_addresses_and_patterns_name_the_same_reviews(folder: Path, call: Call, tmp_path: Path) -> None:
    inputs = {"a": "reviews", "b": "reviews/part-*", "c": f"file://{folder}", "d": f"file://{folder}/part-[0-9].*"}
    for name, given in inputs.items():
        result = call("recommend", given, "--positive", "good", f"--out={name}.csv")
        assert result.exit_code == 0, (result.output, result.exception)
    assert len({(tmp_path / f"{name}.csv").read_bytes() for name in inputs}) == 1


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_what_was_scored_is_kept(folder: Path, small_run: Run) -> None:
    for path in sorted(folder.glob("part-*")):
        path.unlink()
    for number in range(2):
        rows = (json.dumps(row) + "\n" for row in rows_of(number, 40_000))
        (folder / f"part-{number}.jsonl").write_text("".join(rows))
    # What a shell starts in the background ignores interrupts, and so would whatever it starts.
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{hear}; from sentrec.cli.main import run; run()"
    options = ["--positive", "good", *engine_of("processes")]
    command = [sys.executable, "-c", code, "recommend", "reviews", "--model", str(small_run.path), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (parts := list(Path(os.environ["SENTREC_HOME"]).glob("scoring/*/part-*"))) and process.poll() is None:
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert parts
    assert process.returncode == 130, said
    assert "are scored and kept" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
