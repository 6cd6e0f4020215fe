import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_study import TEST_ROWS, made_up_history, made_up_study, made_up_target, with_results

from sentrec.errors import SentrecError
from sentrec.transfer.report import code_block, escaped, markdown_table, write_report
from sentrec.transfer.results import Study, points


@pytest.fixture(autouse=True)
def blank_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots are drawn, but not turned into pixels, which takes the most time by far."""
    if "real_plots" not in request.fixturenames:
        monkeypatch.setattr("sentrec.transfer.report.save_png", lambda figure, path: path.touch())


@pytest.fixture
def real_plots() -> None:
    """Wants the pixels, too."""


def report_of(study: Study) -> str:
    write_report(study)
    return (study.path / "report.md").read_text(encoding="utf-8")


def test_the_verdict_comes_first_then_the_figures_and_last_how_to_remake_them(tmp_path: Path) -> None:
    study = made_up_study(tmp_path)
    report = report_of(study)
    headings = re.findall(r"^#+ (.+)$", report, re.MULTILINE)
    reviews = "Reviews of imdb that only one arm gets right"
    assert headings == ["news", "Verdict", "imdb", reviews, "Arms", "Methods", "How to remake it"]
    assert study.verdict
    assert all(f"- {escaped(sentence)}\n" in report for sentence in study.verdict)
    assert "\n- `scratch`: trained on the target alone, as its recipe starts it: the baseline.\n" in report
    assert "GloVe" not in report  # a study without it is not said to start from it
    assert "```sh\nsentrec transfer --recipe news.yaml --force\n```" in report
    assert "The study's own recipe, its defaults filled in; the recipes that it names stand expanded" in report
    assert "```yaml\nname: news\nseeds: 3\n```" in report


def test_notes_on_the_data_stand_under_the_verdict(tmp_path: Path) -> None:
    study = replace(made_up_study(tmp_path), notes=("12 texts of imdb are in ag-news, too.", "<b> is there twice."))
    report = report_of(study)
    assert (
        "\n## Notes on the data\n\n- 12 texts of imdb are in ag-news, too.\n- &lt;b&gt; is there twice.\n\n## imdb\n"
        in report
    )
    assert report.index("## Verdict") < report.index("## Notes on the data")
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["notes"] == list(study.notes)


def test_a_line_of_the_table_holds_every_figure_of_an_arm(tmp_path: Path) -> None:
    report = report_of(made_up_study(tmp_path))
    (line,) = (line for line in report.splitlines() if line.startswith("| 100 | `full`"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2] == "0.9500 ± 0.0000"
    assert re.fullmatch(r"\+30\.00 \(\+\d+\.\d\d to \+\d+\.\d\d\)", cells[3])
    # The baseline's best validation, 0.65 - 0.1 / 3, is passed by the first one: 0.95 - 0.1.
    assert cells[4:] == ["1.0", "1.0", "+5.0", "2.0"]


def test_an_arm_that_does_not_reach_the_baseline_says_how_many_seeds_do(tmp_path: Path) -> None:
    study = made_up_study(tmp_path)
    results = [
        replace(one, history=made_up_history(3, 0.3)) if one.cell.arm == "full" and one.cell.seed > 1 else one
        for one in study.results
    ]
    report = report_of(with_results(study, results))
    (line,) = (line for line in report.splitlines() if line.startswith("| 100 | `full`"))
    assert line.count("| 1 of 3 seeds |") == 1
    assert "| 1 of 3 seeds | 1 of 3 seeds |" in line


@pytest.mark.usefixtures("real_plots")
def test_the_plots_are_images(tmp_path: Path) -> None:
    write_report(made_up_study(tmp_path, budgets=("all",), seeds=1))
    images = list(tmp_path.glob("*.png"))
    assert len(images) == 2
    assert all(image.read_bytes().startswith(b"\x89PNG") for image in images)


@pytest.mark.parametrize("targets", [1, 2])
def test_every_plot_that_is_embedded_is_there_and_every_plot_is_embedded(tmp_path: Path, targets: int) -> None:
    sources = ("ag-news", "amazon")[:targets]
    films = [made_up_target(f"films/{number}") for number in range(targets)]
    study = made_up_study(tmp_path, targets=films, sources=sources)
    report = report_of(study)
    embedded = re.findall(r"^!\[.+\]\((.+)\)$", report, re.MULTILINE)
    assert sorted(embedded) == sorted(path.name for path in tmp_path.glob("*.png"))
    assert ("## Sources and targets" in report, "| `full` from amazon |" in report) == (targets == 2, targets == 2)
    if targets == 1:
        assert embedded == ["label-efficiency.png", "convergence-100.png", "convergence-all.png"]
    else:
        assert "label-efficiency-films-1.png" in embedded
        assert embedded[-2:] == ["matrix-full-100.png", "matrix-full-all.png"]


def test_the_csv_has_a_line_for_each_row_with_the_ends_of_its_interval(tmp_path: Path) -> None:
    study = made_up_study(tmp_path)
    write_report(study)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(study.rows)
    for line, row in zip(lines, study.rows, strict=True):
        assert (line["arm"], line["source"], line["budget"]) == (row.arm, row.source or "", str(row.budget))
        assert float(line["accuracy"]) == row.accuracy
        assert line["interval_low"] == ("" if row.interval is None else str(row.interval[0]))


def test_the_json_holds_rows_verdict_and_facts(tmp_path: Path) -> None:
    study = made_up_study(tmp_path)
    write_report(study)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["verdict"] == list(study.verdict)
    judged = [one for row in study.rows for one in row.judged]
    assert results["correction"] == {"method": "Holm", "comparisons": len(judged), "level": 0.05, "fewest_seeds": 3}
    assert [row["accuracy"] for row in results["rows"]] == [row.accuracy for row in study.rows]
    assert [row["baseline"] and row["baseline"]["adjusted_p"] for row in results["rows"]] == [
        row.baseline and row.baseline.adjusted_p for row in study.rows
    ]
    assert results["seeds"] == [1, 2, 3]
    assert results["command"] == f"{study.command} --force"
    facts = {"name": "imdb", "label_names": ["bad", "good"], "train_rows": 1000, "test_rows": TEST_ROWS}
    assert results["targets"] == [facts]


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ("full: 2, probe: 2.0", "`full` learns at 2 times the target recipe's rate; `probe` learns at 2 times"),
        ("full: 0.5", "`full` learns at 0.5 times the target recipe's rate; `probe` learns at 1"),
        ("full: 1.0", None),
        ("gradual: 2", "`gradual` learns at 2 times the target recipe's rate (`gradual`: its head; lower layers are"),
    ],
)
def test_arms_that_learn_at_other_rates_than_the_baseline_are_said_to(
    tmp_path: Path, factors: str, words: str | None
) -> None:
    arms = ("scratch", "gradual") if "gradual" in factors else ("scratch", "full", "probe")
    tree = re.sub(r"(\w+): ([\d.]+)", r"\1: {learning_rate_factor: \2}", factors).replace(", ", "\n")
    study = made_up_study(tmp_path, arms=arms, budgets=("all",), seeds=1, recipe_yaml=tree)
    measured = report_of(study).split("## Methods")[1].split("\n## ")[0]
    assert ("**Learning rates.**" in measured) == (words is not None)
    assert words is None or words in measured


def test_a_study_with_one_seed_and_the_baseline_alone_is_reported(tmp_path: Path) -> None:
    report = report_of(made_up_study(tmp_path, arms=("scratch",), seeds=1))
    assert "| 100 | `scratch` | 0.6500 |  |" in report
    assert "1 seed" in report
    assert "Reviews of" not in report
    assert "Sources and targets" not in report


def test_hostile_reviews_and_names_cannot_break_the_report(tmp_path: Path) -> None:
    texts = ["| <script>alert(1)</script> ![x](http://x) `|`\n\n# heading\r\n| a | b |"] * TEST_ROWS
    study = made_up_study(tmp_path, targets=[made_up_target("a|b", texts)], name="<b>x</b>", recipe_yaml="# ```\n")
    report = report_of(study)
    assert "<script>" not in report
    assert "<b>" not in report
    assert "\n# heading" not in report
    lines = [line for line in report.splitlines() if "(row " in line]
    assert lines
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert report.rstrip().endswith("````yaml\n# ```\n````")


def test_an_older_report_is_replaced_and_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("old")
    assert report_of(made_up_study(tmp_path)).startswith("# news\n")
    assert not list(tmp_path.glob(".*"))
    (tmp_path / "table.csv").unlink()
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(SentrecError, match=r"table\.csv"):
        write_report(made_up_study(tmp_path))


@given(st.text())
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    table_text = markdown_table(("a", "b"), (1,), [(escaped(text), "x")])
    (line,) = table_text.splitlines()[2:] if len(table_text.splitlines()) == 3 else ("",)
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
    assert "<" not in line


@given(st.text(alphabet="`a\n"))
def test_a_block_ends_only_where_its_text_does(text: str) -> None:
    first, *inner, last = code_block("yaml", text).split("\n")
    assert first == f"{last}yaml"
    assert all(last not in line for line in inner)


@pytest.mark.parametrize(("share", "text"), [(0.0212, "+2.12"), (-0.001, "-0.10"), (-0.000001, "0.00")])
def test_points_have_a_sign_unless_they_round_to_nothing(share: float, text: str) -> None:
    assert points(share, 2) == text
