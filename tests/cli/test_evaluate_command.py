"""What `sentrec evaluate` says of an evaluation; that the figures are right is tested in tests/evaluation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from click.testing import Result
from command_line import Sentrec
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.cli.options import BaselineName
from sentrec.evaluation import evaluate as evaluation
from sentrec.evaluation.evaluate import Evaluation
from sentrec.evaluation.samples import predictions_for, random_rows, surest_mistakes
from sentrec.metrics.classification import classification_metrics
from sentrec.metrics.comparison import compare_paired

Invoke = Callable[..., Result]


def evaluation_of(names: tuple[str, ...], labels: list[int], **changes: Any) -> Evaluation:
    numbers = np.array(labels)
    probabilities = np.full((len(labels), len(names)), 0.1 / (len(names) - 1))
    probabilities[:, 0] = 0.9
    texts = [f"[bold]text[/] {row}" for row in range(len(labels))]
    values: dict[str, Any] = {
        "run": "runs/imdb",
        "name": "imdb",
        "data": "imdb",
        "split": "test",
        "label_names": names,
        "metrics": classification_metrics(numbers, probabilities, names),
        "samples": predictions_for(random_rows(len(texts)), texts, numbers, probabilities, names),
        "mistakes": predictions_for(surest_mistakes(numbers, probabilities), texts, numbers, probabilities, names),
        "comparisons": (compare_paired(numbers, np.zeros_like(numbers), numbers, ("imdb", "nb-lr")),),
        "notes": ("3 of the texts also occur in train.",),
        "directory": "runs/imdb/evaluation/imdb-test",
        "plots": ("roc.png",),
    }
    return Evaluation(**{**values, **changes})


@pytest.fixture
def asked() -> list[tuple[Any, ...]]:
    """The arguments of every call of `evaluate`."""
    return []


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, asked: list[tuple[Any, ...]]) -> Invoke:
    def call(*arguments: str, result: Evaluation | None = None) -> Result:
        def evaluate(*given: Any) -> Evaluation:
            asked.append(given)
            return result or evaluation_of(("negative", "positive"), [0, 0, 0, 1])

        monkeypatch.setattr(evaluation, "evaluate", evaluate)
        return CliRunner().invoke(app, ["evaluate", "runs/imdb", *arguments])

    return call


def test_it_shows_figures_classes_matrix_samples_comparison_notes_and_files(invoke: Invoke) -> None:
    shown = " ".join(invoke().stdout.split())
    for part in (
        "imdb on imdb test, 4 rows",
        "accuracy 75.00 % 95 % interval 30.06 % to 95.44 %",
        "ROC-AUC 0.5000",
        "negative 75.00 % 100.00 % 85.71 % 3",
        "negative 3 0 positive 1 0",
        "Most confident mistakes row predicted confidence true text 4 negative 90.0% positive [bold]text[/] 3",
        "These 4 rows do not tell imdb and nb-lr apart",
        "McNemar: p = 1 exact",
        "Note: 3 of the texts also occur in train.",
        "runs/imdb/evaluation/imdb-test/evaluation.json",
        "runs/imdb/evaluation/imdb-test/roc.png",
    ):
        assert part in shown


def test_json_is_the_evaluation_and_nothing_else(invoke: Invoke) -> None:
    result = evaluation_of(("no", "yes"), [0, 1])
    assert json.loads(invoke("--json", result=result).stdout) == result.to_dict()


def test_a_perfect_run_on_one_class_shows_no_mistakes_and_no_area(invoke: Invoke) -> None:
    shown = " ".join(invoke(result=evaluation_of(("no", "yes"), [0, 0])).stdout.split())
    assert "ROC-AUC n/a" in shown
    assert "mistakes" not in shown


def test_names_with_markup_and_many_classes_are_shown_as_they_are(invoke: Invoke) -> None:
    names = tuple(f"[red]class {number}" for number in range(20))
    shown = invoke(result=evaluation_of(names, list(range(20)))).stdout
    assert "[red]class 19" in shown
    assert "Confusion" not in shown


def test_options_are_handed_on(invoke: Invoke, asked: list[tuple[Any, ...]]) -> None:
    invoke("--split", "validation", "--against", "runs/b", "--baseline", "nb-lr", "--no-plots", "--out", "here")
    assert asked[0] == ("runs/imdb", None, "validation", "runs/b", "nb-lr", False, Path("here"), [], None, 0, None)
    changes = ["data.text_columns=[title, body]", "data.bad_rows=skip"]
    assert invoke("--data", "a.csv", "--set", changes[0], "--set", changes[1]).exit_code == 0
    assert (asked[1][1], asked[1][-4]) == ("a.csv", changes)


@pytest.mark.parametrize("arguments", [("--label-column", "stars"), ("--baseline", "svm")])
def test_wrong_usage_is_refused_before_any_work(
    invoke: Invoke, asked: list[tuple[Any, ...]], arguments: tuple[str, ...]
) -> None:
    assert invoke(*arguments).exit_code == 2
    assert not asked


def test_every_baseline_can_be_named() -> None:
    from sentrec.ngrams.baselines import BASELINES

    assert set(get_args(BaselineName)) == set(BASELINES)


def test_a_missing_run_is_one_clear_line(sentrec: Sentrec, tmp_path: Path) -> None:
    code, _, errors = sentrec("evaluate", str(tmp_path / "none"))
    assert code == 1
    assert errors.startswith("Error: There is no run at")
    assert "Traceback" not in errors
