"""Says what a trained model thinks of some texts: ``python examples/predict.py RUN TEXT...``."""

import sys

from rich.console import Console
from rich.table import Table

import sentrec


def main(run: str, texts: list[str]) -> None:
    """Prints the likeliest class of each text and its probability.

    Args:
        run: A run directory, e.g. ``runs/quickstart``.
        texts: What to classify.
    """
    table = Table("label", "probability", "text", box=None, header_style="bold", pad_edge=False)
    for text, prediction in zip(texts, sentrec.load(run).predict(texts), strict=True):
        table.add_row(prediction.label, f"{prediction.probability:.2f}", text)
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python examples/predict.py RUN TEXT...")
    main(sys.argv[1], sys.argv[2:])
