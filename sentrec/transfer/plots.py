"""The plots of a transfer study, as matplotlib figures; an arm has the same colour in all of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from sentrec.errors import counted
from sentrec.evaluation.plots import TURNED, label_axes, new_figure, short_name
from sentrec.transfer.results import (
    BASELINE,
    LINEAR_ARMS,
    TRANSFER_ARMS,
    ZERO_SHOT,
    Budget,
    CellResult,
    Row,
    arm_name,
    label_count,
    points,
)

# Okabe and Ito's palette, which the colour-blind tell apart; the linear models, which only give a scale, are grey.
_COLOURS: Mapping[str, str] = {
    BASELINE: "#000000",
    "full": "#0072B2",
    "probe": "#E69F00",
    "gradual": "#009E73",
    ZERO_SHOT: "#CC79A7",
    "frozen-glove": "#56B4E9",
    "random-embeddings": "#D55E00",
    "nb-lr": "#606060",
    "tfidf-lr": "#909090",
}
_MARKERS: Mapping[str, str] = {"nb-lr": "x", "tfidf-lr": "+"}
_SOURCE_STYLES = (("o", "-"), ("^", (0, (5, 1.5))), ("s", (0, (3, 1, 1, 1))), ("D", (0, (1, 1))), ("v", "-."))
_GRID: Mapping[str, Any] = {"color": "#e2e8f0", "linewidth": 0.8}
_TICK_DISTANCE = 0.08
"""Share of the logarithmic axis that a tick label takes."""


class _Curve(NamedTuple):
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


def label_efficiency(rows: Sequence[Row], target: str) -> Figure:
    """Accuracy on a target against its labels, and below it the paired differences to the baseline.

    Linear models are dotted, zero-shot is a horizontal dashed line. Bands are one standard deviation over the seeds,
    bars the paired 95 % intervals. A filled marker is a gain or a loss by the corrected p-value, a hollow one is none.
    """
    rows = [row for row in rows if row.target == target]
    figure = new_figure(8.4, 7.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    above.set_xscale("log")
    ways = _ways(rows)
    for place, (way, style) in enumerate(ways.items()):
        own = sorted((row for row in rows if (row.source, row.arm) == way), key=lambda row: row.labels)
        if way[1] == ZERO_SHOT:
            above.axhline(own[0].accuracy, 0.01, 0.99, **{**style, "linestyle": "--"})
        else:
            _draw_accuracy(above, own, style)
            _draw_differences(below, [row for row in own if row.baseline], style, place - (len(ways) - 1) / 2)
    below.axhline(0.0, color=_COLOURS[BASELINE], linewidth=1.2)
    _tick_budgets(below, rows)
    above.yaxis.set_major_formatter(_percent)
    for axes in (above, below):
        axes.grid(axis="y", **_GRID)
        axes.set_axisbelow(True)
    note = counted(max((row.seeds for row in rows), default=0), "seed")
    if any(row.sd is not None for row in rows):
        note += "; bands: ± 1 standard deviation"
    label_axes(above, f"{target}: accuracy by number of labels", note, "", "test accuracy")
    note = "bars: paired 95 % intervals; filled: a difference after Holm's correction"
    label_axes(below, f"Difference to {BASELINE}", note, "labels of the target", "points")
    figure.legend(loc="outside right upper", frameon=False, fontsize=9.5)
    return figure


def convergence(results: Sequence[CellResult], target: str, budget: Budget) -> Figure:
    """Validation accuracy and training loss over the epochs, for the baseline and the arms that start from a source.

    A thin line is one seed. The bold one is their mean, as far as all seeds have been trained.
    """
    of_budget = [result for result in results if (result.cell.target, result.cell.budget) == (target, budget)]
    cells = [result for result in of_budget if result.cell.arm in (BASELINE, *TRANSFER_ARMS) and result.epoch_steps]
    figure = new_figure(9.0, 4.2)
    left, right = figure.subplots(1, 2)
    for way, style in _ways([result.cell for result in cells]).items():
        own = [result for result in cells if (result.cell.source, result.cell.arm) == way]
        _draw_curves(left, [_history(result, "validation_accuracy") for result in own], style)
        _draw_curves(right, [_history(result, "loss") for result in own], {**style, "label": None})
    left.yaxis.set_major_formatter(_percent)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.grid(axis="y", **_GRID)
    selected_on = max((result.validation_rows for result in cells), default=0)
    label_axes(left, f"Validation accuracy ({selected_on:,} rows)", "", "epoch", "accuracy")
    label_axes(right, "Training loss", "", "epoch", "cross-entropy (nats)")
    seeds = len({result.cell.seed for result in cells})
    labels = max((result.labels for result in cells), default=0)
    note = f" (thin: one of {seeds} seeds, bold: their mean)" if seeds > 1 else " (1 seed)"
    figure.suptitle(f"{target}, {labels:,} labels: convergence{note}", fontsize=11)
    if left.lines:
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
    return figure


def matrix(rows: Sequence[Row], budget: Budget, arm: str) -> Figure:
    """Heat map of sources by targets: the difference of an arm's accuracy to the baseline's, in points.

    A star marks a difference after Holm's correction over the study. A pair that was not measured stays empty.
    """
    of_arm = [row for row in rows if (row.arm, row.budget) == (arm, budget) and row.source is not None]
    shown = {(row.source, row.target): row.baseline for row in of_arm if row.baseline}
    sources = list(dict.fromkeys(source for source, _ in shown))
    targets = list(dict.fromkeys(target for _, target in shown))
    values = np.full((len(sources), len(targets)), np.nan)
    for (source, target), one in shown.items():
        values[sources.index(source), targets.index(target)] = 100 * one.difference
    limit = max(1.0, float(np.nanmax(np.abs(values), initial=0.0)))
    origins = [short_name(str(source)) for source in sources]
    width = 3.4 + 0.08 * max(map(len, origins), default=0) + 1.1 * len(targets)
    figure = new_figure(width, 2.2 + 0.7 * len(sources))
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    figure.colorbar(image, ax=axes, aspect=16).set_label("points")
    axes.set_xticks(range(len(targets)), [short_name(target) for target in targets], **TURNED)
    axes.set_yticks(range(len(sources)), origins)
    for (source, target), one in shown.items():
        text = points(one.difference, 1) + (" ★" if one.significant else "")
        colour = "white" if abs(100 * one.difference) > 0.6 * limit else "black"
        place = targets.index(target), sources.index(source)
        axes.text(*place, text, ha="center", va="center", color=colour, fontsize=10)
    seeds = max((row.seeds for row in of_arm if row.baseline), default=0)
    note = f"★ p < 0.05 after Holm's correction; {counted(seeds, 'seed')}"
    heading = f"Points of accuracy: {arm} against {BASELINE}, {label_count(budget)}"
    label_axes(axes, heading, note, "target", "source")
    return figure


def _percent(share: float, _: float) -> str:
    return f"{100 * share:.4g} %"


def _ways(cells: Sequence[Any]) -> dict[tuple[str | None, str], dict[str, Any]]:
    """The pairs of source and arm with their style, by arm; one arm's sources in order of first appearance.

    The colour tells the arm; marker and dashes tell the source, where there are several.
    """
    sources = list(dict.fromkeys(cell.source for cell in cells if cell.source is not None))
    ways = dict.fromkeys((cell.source, cell.arm) for cell in cells)
    return {(source, arm): _style(source, arm, sources) for arm in _COLOURS for source, other in ways if other == arm}


def _style(source: str | None, arm: str, sources: Sequence[str]) -> dict[str, Any]:
    marker, line = _SOURCE_STYLES[sources.index(source) % len(_SOURCE_STYLES) if source is not None else 0]
    return {
        "color": _COLOURS[arm],
        "marker": _MARKERS.get(arm, marker),
        "linestyle": ":" if arm in LINEAR_ARMS else line,
        "linewidth": 2.2 if arm == BASELINE else 1.7,
        "markersize": 5,
        "label": arm_name(arm, None if source is None else short_name(source)),
    }


def _draw_accuracy(axes: Axes, rows: Sequence[Row], style: Mapping[str, Any]) -> None:
    labels = [row.labels for row in rows]
    axes.plot(labels, [row.accuracy for row in rows], **style)
    if any(row.sd for row in rows):
        low, high = ([row.accuracy + sign * (row.sd or 0.0) for row in rows] for sign in (-1, 1))
        axes.fill_between(labels, low, high, color=style["color"], alpha=0.13, linewidth=0)


def _draw_differences(axes: Axes, rows: Sequence[Row], style: Mapping[str, Any], place: float) -> None:
    """Points with their intervals, arms of one budget side by side."""
    for row in rows:
        if row.baseline is None:
            continue
        low, high = (100 * end for end in row.baseline.interval)
        value, labels = 100 * row.baseline.difference, row.labels * 1.03**place
        # A small split's interval is shrunk towards 0, and need not hold what was measured.
        reach = [[max(0.0, value - low)], [max(0.0, high - value)]]
        face = style["color"] if row.baseline.significant else "white"
        axes.errorbar(
            [labels], [value], reach, fmt=style["marker"], color=style["color"], mfc=face, markersize=5, capsize=2.5
        )


def _tick_budgets(axes: Axes, rows: Sequence[Row]) -> None:
    """Ticks where the budgets are; of labels that would overlap, the larger budget keeps its own."""
    budgets = sorted({row.labels for row in rows if row.labels > 0})
    axes.xaxis.set_minor_locator(NullLocator())
    if not budgets:
        axes.set_xticks([])
        return
    axes.set_xlim(budgets[0] / 1.3, budgets[-1] * 1.3)
    span = np.log(budgets[-1] / budgets[0] * 1.3**2)
    texts, room = [], np.inf
    for budget in reversed(budgets):
        fits = np.log(room / budget) > _TICK_DISTANCE * span
        texts.append(f"{budget:,}" if fits else "")
        room = budget if fits else room
    axes.set_xticks(budgets, texts[::-1])


def _history(result: CellResult, column: str) -> _Curve:
    rows = [row for row in result.history if column in row]
    epochs = np.array([row["step"] / result.epoch_steps for row in rows], dtype=np.float64)
    return _Curve(epochs, np.array([row[column] for row in rows], dtype=np.float64))


def _draw_curves(axes: Axes, curves: Sequence[_Curve], style: Mapping[str, Any]) -> None:
    curves = [curve for curve in curves if len(curve.x)]
    if not curves:
        return
    if len(curves) > 1:
        thin = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 0.7, "alpha": 0.4}
        for curve in curves:
            axes.plot(curve.x, curve.y, **thin)
    mean = _mean_curve(curves)
    # A curve of few points, one epoch each, would be invisible or seem denser than it is.
    marker = style["marker"] if len(mean.x) <= 20 else None
    axes.plot(mean.x, mean.y, **{**style, "marker": marker, "markersize": 4})


def _mean_curve(curves: Sequence[_Curve]) -> _Curve:
    """The mean over what all curves cover, at every point that any of them has there."""
    first, last = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    points = np.unique(np.concatenate([curve.x for curve in curves]))
    points = points[(points >= first) & (points <= last)]
    return _Curve(points, np.mean([np.interp(points, curve.x, curve.y) for curve in curves], axis=0))
