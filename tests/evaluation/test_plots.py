import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from sentrec.evaluation import plots
from sentrec.evaluation.plots import save_png
from sentrec.evaluation.samples import SamplePrediction, predictions_for, random_rows, shortened, surest_mistakes
from sentrec.metrics.calibration import softmax
from sentrec.metrics.classification import classification_metrics


def drawn_figures(classes: int, n: int = 300) -> dict[str, Figure]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, n)
    probabilities = softmax(2 * generator.normal(size=(n, classes)) + 2 * np.eye(classes)[labels])
    names = [f"a long name of a class, number {number}, that goes on" for number in range(classes)]
    matrix = classification_metrics(labels, probabilities, names)["confusion_matrix"]
    return {
        "confusion": plots.confusion_matrix(matrix, names, "run on data"),
        "reliability": plots.reliability_diagram(labels, probabilities, "run on data"),
        "roc": plots.roc_curves(labels, probabilities, names, "run on data"),
    }


@pytest.mark.parametrize("classes", [2, 4, 25])
@pytest.mark.filterwarnings("error")
def test_every_figure_becomes_a_labelled_png(classes: int, tmp_path: Path) -> None:
    for name, figure in drawn_figures(classes).items():
        path = save_png(figure, tmp_path / f"{name}.png")
        assert path.read_bytes().startswith(b"\x89PNG")
        assert "run on data" in figure.axes[0].get_title()
        assert figure.axes[-1 if name == "reliability" else 0].get_xlabel()
        assert figure.axes[0].get_ylabel()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png"] * 3


def test_cells_state_counts_and_shares_with_rows_for_true_classes() -> None:
    axes = plots.confusion_matrix([[3, 1], [0, 1000]], ("no", "yes")).axes[0]
    assert [text.get_text() for text in axes.texts] == ["3\n75.0%", "1\n25.0%", "0\n0.0%", "1,000\n100.0%"]
    assert axes.get_ylabel() == "true class"


def test_roc_shows_each_class_and_of_many_the_hardest() -> None:
    assert len(drawn_figures(2)["roc"].axes[0].lines) == 1 + 1
    assert len(drawn_figures(4)["roc"].axes[0].lines) == 4 + 1
    axes = drawn_figures(25)["roc"].axes[0]
    assert len(axes.lines) == 10 + 1
    assert "10 hardest of 25" in axes.get_title()


def test_roc_leaves_out_what_has_no_curve(tmp_path: Path) -> None:
    figure = plots.roc_curves(np.ones(4, dtype=np.int64), np.full((4, 2), 0.5), ("no", "yes"))
    assert len(figure.axes[0].lines) == 1
    assert save_png(figure, tmp_path / "roc.png").is_file()


def test_training_curves_mark_the_best_validation_and_what_the_finished_run_reached() -> None:
    history = [
        {"step": 10, "epoch": 1, "loss": 0.7},
        {"step": 10, "epoch": 1, "validation_loss": 0.6, "validation_accuracy": 0.71},
        {"step": 20, "epoch": 2, "loss": 0.5},
        {"step": 20, "epoch": 2, "validation_loss": 0.5, "validation_accuracy": 0.83},
        {"step": 30, "epoch": 3, "loss": 0.3},
        {"step": 30, "epoch": 3, "validation_loss": 0.6, "validation_accuracy": 0.79},
    ]
    loss, accuracy = plots.training_curves(history, "imdb", 0.93).axes
    assert list(loss.lines[0].get_ydata()) == [0.7, 0.5, 0.3]
    legend = accuracy.get_legend()
    assert legend is not None
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["validation", "best step, 20: 83.00%", "finished run: 93.00%"]


@pytest.mark.filterwarnings("error")
def test_a_training_without_validations_is_drawn_too(tmp_path: Path) -> None:
    for number, history in enumerate(([], [{"step": 1, "epoch": 1, "loss": 0.7}])):
        assert save_png(plots.training_curves(history), tmp_path / f"{number}.png").is_file()


def test_drawing_needs_no_pyplot_and_so_no_global_state() -> None:
    check = "import sys, sentrec.evaluation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


NAMES = ("negative", "positive")
TEXTS = ["Fine film.", "Dull film.", "A gem.", "A bore."]
LABELS = np.array([1, 0, 1, 0])
PROBABILITIES = np.array([[0.4, 0.6], [0.3, 0.7], [0.9, 0.1], [0.8, 0.2]])


def test_mistakes_come_surest_first_with_their_rows() -> None:
    rows = surest_mistakes(LABELS, PROBABILITIES)
    first, second = predictions_for(rows, TEXTS, LABELS, PROBABILITIES, NAMES)
    assert first == SamplePrediction(row=3, text="A gem.", label="positive", predicted="negative", confidence=0.9)
    assert second.row == 2
    assert surest_mistakes(LABELS, PROBABILITIES, most=1).tolist() == [2]
    assert not len(surest_mistakes(PROBABILITIES.argmax(axis=1), PROBABILITIES))


def test_samples_are_the_same_each_time_and_never_repeat_a_row() -> None:
    rows = random_rows(4, most=3).tolist()
    assert rows == random_rows(4, most=3).tolist() == sorted(set(rows))
    assert random_rows(4, most=99).tolist() == [0, 1, 2, 3]


def test_a_shortened_text_ends_between_words() -> None:
    assert shortened("a wonderful film", 13) == "a wonderful…"
    assert shortened("a wonderful film", 16) == "a wonderful film"
    assert shortened("unbreakable", 5) == "unbr…"
    # It cannot steer a terminal.
    assert shortened("red \x1b[31malert\x07<br /><br />next\nline") == "red [31malert next line"


@given(st.text(), st.integers(2, 40))
def test_a_shortened_text_is_one_short_printable_line(text: str, longest: int) -> None:
    line = shortened(text, longest)
    assert len(line) <= longest
    assert line.isprintable()
