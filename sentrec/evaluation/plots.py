"""The plots of an evaluation, and what all plots share: figures, the style of axes, writing as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn import metrics

from sentrec.files.storage import atomic_path
from sentrec.metrics.calibration import reliability_bins
from sentrec.metrics.intervals import wilson_interval

_BLUE, _PALE, _ORANGE, _GREY = "#2b6cb0", "#bcd4ee", "#dd6b20", "#718096"
_MOST_CURVES = 10
_MOST_LABELLED_CELLS = 20 * 20
TURNED: Mapping[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
"""Of tick labels that are too long to stand side by side."""
_LONGEST_NAME = 24


def new_figure(width: float, height: float) -> Figure:
    """An empty figure without pyplot's global state; the sizes are inches."""
    return Figure(figsize=(width, height), layout="constrained")


def label_axes(axes: Axes, heading: str, title: str, horizontal: str, vertical: str) -> None:
    """Gives axes a heading, with `title` as its second line where there is one, and their labels."""
    if heading:
        axes.set_title("\n".join(filter(None, (heading, title))), fontsize=11)
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.spines[["top", "right"]].set_visible(False)


def short_name(name: str) -> str:
    """A name that fits beside a tick; cut in the middle, since long names tend to differ at either end."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def save_png(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG, atomically; raises a `SentrecError` if the disk is full or may not be written."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return path


def training_curves(
    history: Sequence[Mapping[str, Any]], title: str = "", final_accuracy: float | None = None
) -> Figure:
    """Loss and validation accuracy over the steps of a training, from ``history.jsonl``; dotted lines end epochs.

    `final_accuracy` is the validation accuracy of the finished run, which may use more than what is trained step by
    step, such as n-grams.
    """
    figure = new_figure(9.0, 3.8)
    figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2)
    _draw_column(left, history, "loss", "training", color=_BLUE, linewidth=1.2)
    _draw_column(left, history, "validation_loss", "validation", color=_ORANGE, marker="o", markersize=4)
    if left.lines:
        left.legend(frameon=False)
    label_axes(left, "Loss", "", "step", "cross-entropy (nats)")
    steps, accuracies = _draw_column(
        right, history, "validation_accuracy", "validation", color=_ORANGE, marker="o", markersize=4
    )
    if accuracies:
        best = int(np.argmax(accuracies))
        note = f"best step, {steps[best]:,}: {accuracies[best]:.2%}"
        right.plot(steps[best], accuracies[best], "*", color=_BLUE, markersize=12, label=note)
    if final_accuracy is not None:
        note = f"finished run: {final_accuracy:.2%}"
        right.axhline(final_accuracy, color=_BLUE, linestyle="--", linewidth=1.2, label=note)
    if right.lines:
        right.legend(facecolor="white", framealpha=1.0, edgecolor="none", loc="lower right")
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    right.set_xlim(left.get_xlim())
    right.margins(y=0.25)  # room for the legend
    label_axes(right, "Validation accuracy", "", "step", "accuracy")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        for step in _epoch_ends(history):
            axes.axvline(step, color=_GREY, linestyle=":", linewidth=0.8, zorder=0)
    return figure


def confusion_matrix(matrix: Sequence[Sequence[int]], label_names: Sequence[str], title: str = "") -> Figure:
    """Counts of true (rows) against predicted classes, coloured by their share of the true class."""
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = len(label_names)
    names = [short_name(name) for name in label_names]
    longest = max(map(len, names))
    turned = longest > 8 and classes > 2
    side = float(np.clip(2.0 + 0.7 * classes, 3.4, 13.0))
    figure = new_figure(side + 2.0 + 0.08 * longest, side + 1.0 + (0.055 * longest if turned else 0.0))
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    bar = figure.colorbar(image, ax=axes, format=PercentFormatter(1.0), shrink=0.6, aspect=24)
    bar.set_label("share of the true class")
    axes.set_xticks(range(classes), names, **(TURNED if turned else {}))
    axes.set_yticks(range(classes), names)
    label_axes(axes, "Confusion matrix", title, "predicted class", "true class")
    if counts.size <= _MOST_LABELLED_CELLS:
        _write_cells(axes, counts, shares)
    return figure


def reliability_diagram(labels: npt.NDArray[Any], probabilities: npt.NDArray[np.float64], title: str = "") -> Figure:
    """Accuracy against confidence in 15 bins, above the number of predictions in each bin; see `reliability_bins`."""
    bins = reliability_bins(labels, probabilities)
    figure = new_figure(5.6, 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled, width = bins.counts > 0, 1.0 / len(bins.counts)
    middle = ((bins.edges[:-1] + bins.edges[1:]) / 2)[filled]
    accuracy, confidence, counts = bins.accuracy[filled], bins.confidence[filled], bins.counts[filled]
    upper.bar(middle, accuracy, width=width, color=_PALE, edgecolor="white")
    upper.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated")
    upper.errorbar(
        confidence,
        accuracy,
        yerr=_interval_lengths(accuracy, counts),
        fmt="o",
        color=_BLUE,
        markersize=4,
        capsize=3,
        linewidth=1.2,
        label="accuracy of the bin, 95 % interval",
    )
    upper.set_ylim(0, 1.02)
    upper.legend(loc="upper left", frameon=False)
    upper.yaxis.set_major_formatter(PercentFormatter(1.0))
    label_axes(upper, f"Reliability (calibration error {bins.calibration_error:.3f})", title, "", "accuracy")
    lower.bar(middle, counts, width=width, color=_PALE, edgecolor="white")
    # A chance-level classifier is never less sure than one class in `classes`.
    lower.set_xlim(np.floor(10 / probabilities.shape[1]) / 10, 1.0)
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.xaxis.set_major_formatter(PercentFormatter(1.0))
    label_axes(lower, "", "", "confidence: probability of the predicted class", "predictions")
    figure.align_ylabels()
    return figure


def roc_curves(
    labels: npt.NDArray[Any], probabilities: npt.NDArray[np.float64], label_names: Sequence[str], title: str = ""
) -> Figure:
    """ROC curves: of the second class where there are two, else of each class against the rest.

    A class that none or all of the rows have has no curve. Of more than ten classes, the ten with the lowest area under
    the curve are shown. Labels have the shape ``(n,)``, probabilities ``(n, classes)``.
    """
    candidates = [1] if len(label_names) == 2 else range(len(label_names))
    areas = {
        number: float(metrics.roc_auc_score(labels == number, probabilities[:, number]))
        for number in candidates
        if 0 < (labels == number).sum() < len(labels)
    }
    shown = sorted(sorted(areas, key=areas.__getitem__)[:_MOST_CURVES])
    figure = new_figure(5.6, 5.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="chance (AUC 0.5)")
    for place, number in enumerate(shown):
        false_positives, true_positives, _ = metrics.roc_curve(labels == number, probabilities[:, number])
        name = f"{short_name(label_names[number])} (AUC {areas[number]:.3f})"
        axes.plot(false_positives, true_positives, color=f"C{place}", linewidth=1.6, label=name)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    heading = "ROC" if len(label_names) == 2 else "ROC, each class against the rest"
    if len(shown) < len(areas):
        heading += f"\n(the {len(shown)} hardest of {len(areas)} classes)"
    label_axes(axes, heading, title, "false positive rate", "true positive rate")
    return figure


def _draw_column(
    axes: Axes, history: Sequence[Mapping[str, Any]], column: str, label: str, **style: Any
) -> tuple[list[int], list[float]]:
    rows = [row for row in history if column in row]
    steps, values = [int(row["step"]) for row in rows], [float(row[column]) for row in rows]
    if rows:
        axes.plot(steps, values, label=label, **style)
    return steps, values


def _epoch_ends(history: Sequence[Mapping[str, Any]]) -> list[int]:
    ends: dict[int, int] = {}
    for row in history:
        ends[row["epoch"]] = max(ends.get(row["epoch"], 0), row["step"])
    return list(ends.values())


def _interval_lengths(accuracy: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """How far the 95 % Wilson interval of each accuracy reaches below and above it, ``(2, bins)``."""
    low, high = np.array([wilson_interval(*one) for one in zip(accuracy, counts, strict=True)]).reshape(-1, 2).T
    return np.maximum([accuracy - low, high - accuracy], 0.0)


def _write_cells(axes: Axes, counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]) -> None:
    size = float(np.interp(len(counts), [2, 10, 20], [12, 8, 5]))
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        colour, text = "white" if share > 0.5 else "black", f"{count:,}\n{share:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
