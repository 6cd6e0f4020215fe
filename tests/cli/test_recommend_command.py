"""`sentrec recommend` and `sentrec predict` as a user types them, with a model trained for the purpose."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from command_line import Invoke
from typer.testing import CliRunner

from sentrec import load_recipe
from sentrec.cli.main import app
from sentrec.data.sources import Source
from sentrec.data.text_rows import Row
from sentrec.errors import SentrecError
from sentrec.training.train import train

EXAMPLES = Path(__file__).parents[2] / "examples" / "reviews.jsonl"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTREC_HOME", str(folder / "home"))
        recipe = load_recipe("quickstart", ["training.epochs=1", "training.max_steps=20", "training.device=cpu"])
        return train(recipe, folder / "quick").path


@pytest.fixture
def invoke(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(tmp_path)

    def call(command: str, *arguments: str, input: str | bytes | None = None) -> Result:
        model = [] if "--scores" in arguments and str(EXAMPLES) not in arguments else ["--model", str(run)]
        return CliRunner().invoke(app, [command, *arguments, *model], input=input)

    return call


def test_it_prints_a_table_and_says_what_it_read(invoke: Invoke) -> None:
    result = invoke("recommend", str(EXAMPLES), "--top", "5")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["item", "score", "95"]
    assert sum(line.lstrip()[:1].isdigit() for line in lines) == 5
    assert re.search(r"189 reviews of 27 items, scored at [\d,]+ a second\n", result.stderr)
    assert "Concrete Orchard" not in result.stdout


def test_json_csv_out_and_html_hold_the_same_list(invoke: Invoke, tmp_path: Path) -> None:
    printed = invoke("recommend", str(EXAMPLES), "--json", "--html", "page.html", "--out", "list.csv")
    films = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [film["rank"] for film in films] == list(range(1, 21))
    rows = (tmp_path / "list.csv").read_text().splitlines()
    assert len(rows) == 21
    assert (tmp_path / "page.html").read_text().count("<li>") == 20
    assert invoke("recommend", str(EXAMPLES), "--csv").stdout.splitlines() == rows


def test_scores_rank_again_without_a_model_and_measure_against_stars(invoke: Invoke) -> None:
    first = invoke("recommend", str(EXAMPLES), "--scores", "scores.parquet", "--json", "-q")
    again = invoke("recommend", "--scores", "scores.parquet", "--json", "-q")
    keys = [[json.loads(line)["movie"] for line in one.stdout.splitlines()] for one in (first, again)]
    assert keys[0] == keys[1]
    assert again.stderr == ""
    measured = json.loads(invoke("recommend", "--scores", "scores.parquet", "--evaluate", "--json", "-q").stdout)
    assert measured["items"] == 25
    assert set(measured["scores"]) == {"rank score", "lower bound", "raw mean", "share positive", "review count"}
    shown = invoke("recommend", "--scores", "scores.parquet", "--evaluate", "-q")
    assert "25 items with at least 3 reviews" in shown.stdout
    assert "best possible" in shown.stdout
    softer = invoke("recommend", "--scores", "scores.parquet", "--soften", "2", "--json", "-q")
    means = [[json.loads(line)["mean"] for line in one.stdout.splitlines()] for one in (again, softer)]
    spread = [max(one) - min(one) for one in means]
    assert 0 < spread[1] < spread[0]
    old = invoke("recommend", "--scores", "scores.parquet", "--sort", "expected", "--json")
    assert old.stdout == again.stdout
    assert "--sort expected is now --sort score" in " ".join(old.stderr.split())


@pytest.fixture
def known(tmp_path: Path) -> tuple[Path, Path]:
    """A prior that also knows a film without reviews, and ratings of users."""
    names = sorted({json.loads(line)["movie"] for line in EXAMPLES.read_text().splitlines()})
    prior, target = tmp_path / "prior.csv", tmp_path / "ratings.csv"
    rows = [f'"{name}",{len(name)},0.8' for name in [*names, "A Film That Nobody Has Reviewed Yet"]]
    prior.write_text("\n".join(["title,rating,deviation", *rows]))
    rows = [f'{user},"{name}",{1 + (len(name) + user) % 5}' for name in names for user in range(3)]
    target.write_text("\n".join(["user,item,rating", *rows]))
    return prior, target


def test_a_prior_places_films_and_says_what_came_from_it(invoke: Invoke, known: tuple[Path, Path]) -> None:
    prior, target = map(str, known)
    assert invoke("recommend", str(EXAMPLES), "--scores", "s.parquet", "-q").exit_code == 0
    ranked = ("recommend", "--scores", "s.parquet", "--prior", prior, "--min-reviews", "0", "--top", "99", "-q")
    films = {film["movie"]: film for film in map(json.loads, invoke(*ranked, "--json").stdout.splitlines())}
    assert len(films) == 28
    (unseen,) = (film for film in films.values() if not film["reviews"])
    assert unseen["mean"] is None
    assert unseen["prior_weight"] == pytest.approx(1.0)
    assert all(0 < film["prior_weight"] < 1 for film in films.values() if film["reviews"])
    assert "of the score; the prior counts 100%" in invoke(*ranked).stdout
    assert invoke(*ranked, "--out", "list.html").exit_code == 0
    targeted = invoke(*ranked, "--target", target, "--json")
    assert {json.loads(line)["prior_weight"] for line in targeted.stdout.splitlines()} == {None}
    measured = invoke(
        "recommend", "--scores", "s.parquet", "--prior", prior, "--target", target, "--evaluate", "--json"
    )
    assert json.loads(measured.stdout)["items"] == 27
    few = invoke("recommend", "--scores", "s.parquet", "--prior", prior, "--evaluate", "-q").stdout
    assert "without prior: Spearman" in few
    assert "after 5 reviews" in few


def test_explain_tells_words(invoke: Invoke) -> None:
    films = invoke("recommend", str(EXAMPLES), "--explain", "--top", "2", "--json", "-q").stdout.splitlines()
    assert all(json.loads(film)["words"] for film in films)
    assert "  words: +" in invoke("recommend", str(EXAMPLES), "--explain", "--top", "2", "-q").stdout


def test_standard_input_filters_and_rejects(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text("movie_id,title,year,genres\nLittle Thunder,Tonnerre,2001,Drama\n")
    text = EXAMPLES.read_text(encoding="utf-8") + "{broken\n"
    result = invoke("recommend", "-", "--movies", "movies.csv", "--year", "2000-2002", "--json", input=text)
    (film,) = map(json.loads, result.stdout.splitlines())
    assert (film["movie"], film["title"], film["year"]) == ("Little Thunder", "Tonnerre", 2001)
    assert "1 row left out; line and reason of each: reviews.rejects.jsonl" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name at least one file"),
        ((str(EXAMPLES), "--json", "--csv"), "choose one"),
        ((str(EXAMPLES), "--out", "list.xlsx"), "must end in"),
        ((str(EXAMPLES), "--baseline", "nb-lr"), "--baseline needs"),
        (("-", "-"), "can be read once"),
        ((str(EXAMPLES), "--top", "0"), "--top"),
        ((str(EXAMPLES), "--soften", "0.5"), "--soften"),
        (("--scores", "x.parquet", "--soften", "nan"), "--soften"),
        ((str(EXAMPLES), "--evaluate", "--html", "list.html"), "--html has no effect with --evaluate"),
        ((str(EXAMPLES), "--evaluate", "--top", "20"), "--top has no effect with --evaluate"),
        ((str(EXAMPLES), "--genre", "Drama"), "--genre has no effect without --movies"),
        ((str(EXAMPLES), "--min-reviews", "0"), "needs --prior"),
        ((str(EXAMPLES), "--evaluate", "--prior", "p.csv"), "needs --scores"),
        ((str(EXAMPLES), "--evaluate", "--movies", "m.csv"), "--movies has no effect with --evaluate"),
        (("--scores", "x.parquet", "--explain"), "--explain has no effect without files of reviews"),
        (("--scores", "x.parquet", "--resume"), "--resume has no effect without files of reviews"),
        (("--scores", "x.parquet", "--text-field", "a"), "--text-field has no effect without files of reviews"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_scored(
    invoke: Invoke, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke("recommend", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", "").split())


def test_predict_gives_one_result_a_text(invoke: Invoke) -> None:
    texts = ["A superb film, I adored it.", "Absolutely terrible.\nI want my two hours back."]
    result = invoke("predict", *texts)
    assert result.exit_code == 0, result.output
    assert [line.split()[0] in ("positive", "negative") for line in result.stdout.splitlines()] == [True, True]
    as_json = [json.loads(line) for line in invoke("predict", "--json", *texts).stdout.splitlines()]
    assert [one["line"] for one in as_json] == [1, 2]
    assert all(set(one["probabilities"]) == {"negative", "positive"} for one in as_json)


def test_predict_reads_standard_input_and_keeps_ids(invoke: Invoke) -> None:
    result = invoke("predict", "-", "--json", input='{"id": "x", "text": "Superb."}\n{"id": "y"}\n')
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["id"] for one in rows] == ["x", "y"]
    assert rows[1]["error"] == "no text (field 'text')"
    assert "1 line could not be used" in result.stderr
    assert invoke("predict", "-", "text").exit_code == 2


@pytest.mark.parametrize("command", [("predict", "Superb."), ("recommend", str(EXAMPLES))], ids=" ".join)
def test_a_device_that_is_not_there_is_the_users_mistake(invoke: Invoke, command: tuple[str, ...]) -> None:
    assert "'foo' is not a device" in str(invoke(*command, "--device", "foo").exception)


def test_predict_prints_ids_and_nothing_that_commands_a_terminal(invoke: Invoke) -> None:
    lines = '{"id": "r :cat: 1", "text": "Superb :cat: \\u001b[31mred [bold]x"}\n{"id": "r2"}\n'
    shown = invoke("predict", "-", input=lines).stdout.splitlines()
    assert shown[0].endswith("  [r :cat: 1] Superb :cat: [31mred [bold]x")
    assert shown[1].split(maxsplit=1) == ["error", "[r2] no text (field 'text')"]


def test_predict_takes_arguments_of_any_bytes_but_no_empty_one(invoke: Invoke, run: Path) -> None:
    for more in ((), ("--json",)):
        result = invoke("predict", "caf\udce9 superb", *more)
        assert result.exit_code == 0, result.output
        assert "caf? superb" in result.stdout or json.loads(result.stdout)["line"] == 1
    assert invoke("predict", "good", " ").exit_code == 2
    command = [str(Path(sys.executable).with_name("sentrec")), "predict", b"caf\xe9 superb", "--model", str(run)]
    assert subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "xlsx"])
def test_predict_adds_its_answer_to_every_row_of_a_file(invoke: Invoke, tmp_path: Path, suffix: str) -> None:
    path, out = tmp_path / "in.csv", tmp_path / f"out.{suffix}"
    path.write_text("Hotel;Title;Review;label\nMill;Superb;I adored it;=x\nMill;;;y\nMill;Terrible;Awful, dull;z\n")
    result = invoke("predict", str(path), "--text-field", "title,review", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "2 rows" in result.stderr
    assert "1 row could not be used, see in.csv.rejects.jsonl" in " ".join(result.stderr.split())
    rows = [dict(row.fields) for row in Source(str(out)).rows() if isinstance(row, Row)]
    assert [list(row) for row in rows] == [["Hotel", "Title", "Review", "label", "predicted_label", "probability"]] * 3
    assert [row["predicted_label"] in ("positive", "negative") for row in rows] == [True, False, True]
    assert [row["label"] for row in rows] == ["'=x" if out.suffix == ".csv" else "=x", "y", "z"]
    again = invoke("predict", str(path), "--text-field", "title", "--out", str(path))
    assert f"would overwrite {path}" in str(again.exception)


def test_predict_reads_files_and_takes_a_wrong_path_for_no_text(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("Superb, I adored it\nTerrible\n")
    shown = invoke("predict", str(tmp_path / "r.txt")).stdout.splitlines()
    assert [line.rpartition("  ")[2] for line in shown] == ["Superb, I adored it", "Terrible"]
    for name in ("reviews.csv", f"{'n' * 300}.csv"):
        missing = invoke("predict", name).exception
        assert isinstance(missing, SentrecError)
        assert missing.hint
    assert invoke("predict", "--out", "x.doc", "-", input="Superb").exit_code == 1
    assert invoke("predict", "--json", "-", input='{"text": ""}\n{"text": 3}\n').exit_code == 1


def test_a_real_process_ends_with_one_line_of_error(run: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("sentrec")), "recommend", "none.jsonl", "--model", str(run)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: none.jsonl does not exist.\nHint:")
    assert done.stdout == ""


def test_the_page_is_written_though_nobody_reads_the_list(run: Path, tmp_path: Path) -> None:
    words = ["recommend", str(EXAMPLES.resolve()), "--model", str(run), "--html", "page.html", "-q"]
    command = [str(Path(sys.executable).with_name("sentrec")), *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert (tmp_path / "page.html").is_file()


def test_evaluate_compares_with_a_baseline_which_writes_no_rejects(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_text(EXAMPLES.read_text(encoding="utf-8") + "{broken\n", encoding="utf-8")
    options = ("--evaluate", "--baseline", "nb-lr", "--rejects", "rejects.jsonl", "--json")
    result = invoke("recommend", "reviews.jsonl", *options)
    assert result.exit_code == 0, result.output
    assert {"nb-lr mean", "nb-lr rank score"} <= set(json.loads(result.stdout)["scores"])
    assert "189 reviews of 27 items" in result.stderr
    assert "1 row left out" in result.stderr
    assert len((tmp_path / "rejects.jsonl").read_text().splitlines()) == 1


def test_a_list_that_cannot_be_written_is_refused_before_the_scoring(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    for option in ("--out", "--html", "--rejects"):
        failed = invoke("recommend", str(EXAMPLES), option, "taken/list.csv")
        assert "Cannot write taken/list.csv" in str(failed.exception)
    over = invoke("recommend", "taken", "--out", "taken.csv", "--rejects", "taken")
    assert "--rejects taken would overwrite taken" in str(over.exception)
    assert not list((Path(os.environ["SENTREC_HOME"]) / "scoring").glob("*"))
