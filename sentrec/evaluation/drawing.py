"""What all plots share: the Agg canvas without pyplot's global state, the style of axes, and writing as PNG."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sentrec.files.storage import atomic_path

TURNED: Mapping[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
"""Of tick labels that are too long to stand side by side."""
_LONGEST_NAME = 24


def new_figure(width: float, height: float) -> Figure:
    """An empty figure with a canvas of its own; the sizes are inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


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
    """Writes a figure as PNG, atomically.

    Raises:
        SentrecError: If the disk is full or may not be written.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return path
