"""`sentrec transfer`: what it hands to the study, and what it prints where."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import Sentrec
from small_study import make_study

from sentrec.errors import Interrupted
from sentrec.transfer.results import Study, StudyProgress


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text("{name: small, source: quickstart, target: quickstart}\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Puts a finished study in the place of one that would have to be computed; gives what it was asked for."""
    asked: list[dict[str, Any]] = []

    def transfer(recipe: Any, out: Path | None, *, on_progress: Any, **options: Any) -> Study:
        asked.append({"recipe": recipe, "out": out, **options})
        study = make_study(out or tmp_path / "study")
        if on_progress is not None:
            on_progress(StudyProgress(3, 10, "full, 50 labels, seed 1", 0.25, 90.0))
            on_progress(StudyProgress(4, 10, "full, 50 labels, seed 1", 1.0, 80.0, study.results[1]))
        return study

    monkeypatch.setattr("sentrec.transfer.study.transfer", transfer)
    return asked


def test_it_prints_the_table_the_verdict_and_where_to_go_on(
    sentrec: Sentrec, recipe: str, calls: list[Any], tmp_path: Path
) -> None:
    code, output, errors = sentrec("transfer", "--recipe", recipe, "--out", str(tmp_path / "my study"))
    assert (code, len(calls)) == (0, 1), errors
    rows = [line.split() for line in output.splitlines()]
    assert "imdb from ag [news]: 200 test rows, all = 150 labels, 2 seeds" in output
    assert ["50", "scratch", "0.6000", "±", "0.0000", "0.5"] in rows
    assert [row[:5] for row in rows if row[:1] == ["full"]] == [
        ["full", figure, "±", "0.0000", sign] for figure, sign in (("0.7500", "+15.00"), ("0.8000", "0.00"))
    ]
    order = ["budget", "Full fine-tuning from ag [news] changes imdb accuracy"]
    order += ["Note: 3 texts of imdb are in ag [news], too.", "report.md", "sentrec transfer"]
    places = [output.index(part) for part in order]
    assert places == sorted(places)
    assert str(tmp_path / "my study" / "report.md") in output


def test_quiet_shows_results_that_fit_80_columns_but_for_what_is_to_be_copied(
    sentrec: Sentrec, recipe: str, calls: list[Any], tmp_path: Path
) -> None:
    study = tmp_path / ("a_long_name" * 9)
    code, output, errors = sentrec("transfer", "--recipe", recipe, "--quiet", "--out", str(study))
    assert (code, errors) == (0, "")
    assert [line for line in output.splitlines() if len(line) > 80] == [f"  {study / 'report.md'}"]
    assert output.splitlines()[-1] == "  sentrec transfer --recipe '[my] small.yaml' --seeds 4 --resume"


def test_the_options_reach_the_study(sentrec: Sentrec, recipe: str, calls: list[Any], tmp_path: Path) -> None:
    changes = ("--set", "budgets=[50, all]", "--set", "minimum_steps=9")
    sentrec("transfer", "--recipe", recipe)
    sentrec("transfer", "--recipe", recipe, *changes, "--out", str(tmp_path / "x"), "--seeds", "4", "--resume")
    sentrec("transfer", "--recipe", recipe, "--force")
    options = [{key: value for key, value in call.items() if key != "recipe"} for call in calls]
    assert options == [
        {"out": None, "seeds": None, "resume": False, "force": False},
        {"out": tmp_path / "x", "seeds": 4, "resume": True, "force": False},
        {"out": None, "seeds": None, "resume": False, "force": True},
    ]
    assert (calls[1]["recipe"].budgets, calls[1]["recipe"].minimum_steps) == ((50, "all"), 9)


def test_json_is_what_the_study_wrote_and_nothing_else(
    sentrec: Sentrec, recipe: str, calls: list[Any], tmp_path: Path
) -> None:
    written = '{\n  "name": "small",\n  "rows": ["ä"]\n}\n'
    (tmp_path / "results.json").write_text(written, encoding="utf-8")
    code, output, errors = sentrec("transfer", "--recipe", recipe, "--out", str(tmp_path), "--json")
    assert (code, output) == (0, written)
    assert "accuracy 0.7500" in errors
    assert json.loads(output)["name"] == "small"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--recipe"),
        (("--recipe", "x", "--seeds", "0"), "--seeds"),
        (("--recipe", "x", "--resume", "--force"), "replaces it"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_starts_nothing(
    sentrec: Sentrec, calls: list[Any], arguments: tuple[str, ...], message: str
) -> None:
    code, output, errors = sentrec("transfer", *arguments)
    assert (code, output, calls) == (2, "", [])
    assert message in re.sub(r"\x1b\[[0-9;]*m", "", errors)


@pytest.mark.parametrize(("change", "message"), [("budgts=[5]", "budgets"), ("arms=[full]", "scratch")])
def test_a_mistake_in_the_recipe_is_one_error(
    sentrec: Sentrec, recipe: str, tmp_path: Path, change: str, message: str
) -> None:
    arguments = ("--recipe", recipe, "--set", change, "--out", str(tmp_path / "study"))
    code, output, errors = sentrec("transfer", *arguments)
    assert (code, output) == (1, "")
    assert errors.startswith("Error: ")
    assert message in errors
    assert "fault of sentrec" not in errors


def test_an_interrupted_study_says_how_to_go_on(sentrec: Sentrec, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def transfer(*_: Any, **__: Any) -> Study:
        raise Interrupted("4 of 10 cells are finished and kept.", "Go on with: sentrec transfer --recipe x --resume")

    monkeypatch.setattr("sentrec.transfer.study.transfer", transfer)
    code, output, errors = sentrec("transfer", "--recipe", recipe)
    assert (code, output) == (130, "")
    assert (
        "Interrupted: 4 of 10 cells are finished and kept.\nGo on with: sentrec transfer --recipe x --resume" in errors
    )
