"""The command line of the benchmarks: ``make bench``, or ``python -m benchmarks`` from the folder ``tests``."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from .measure import machine_facts, one_line
from .settings import FULL, QUICK, Settings
from .table import Section, show, to_json, to_markdown
from .workplace import NothingToMeasure, Workplace, workplace

_WIDTH = 190
Part = Callable[[Any, Settings], list[Section]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what was asked for, prints a table for each part, and writes the files that were named."""
    options = _parser().parse_args(arguments)
    settings = _settings(options)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(one_line(machine_facts()), highlight=False)
    started = time.perf_counter()
    try:
        parts = options.parts or (QUICK_PARTS if options.quick else PARTS)
        with nullcontext() if set(parts) <= set(SIMULATED) else workplace(settings) as place:
            sections = [section for name in parts for section in _measure(name, place, settings, console)]
    except NothingToMeasure as reason:
        console.print(f"Nothing was measured: {reason}", highlight=False)
        return
    spent = f"{'quick mode, ' if options.quick else ''}{time.perf_counter() - started:.0f} s in all"
    console.print(spent, highlight=False)
    facts = machine_facts()
    head = f"{one_line(facts)}; {spent}"
    for path in options.out:
        as_json = path.suffix == ".json"
        text = to_json(facts | {"run": spent}, sections) if as_json else to_markdown(head, sections)
        path.write_text(text, encoding="utf-8")


def _measure(name: str, place: Workplace | None, settings: Settings, console: Console) -> list[Section]:
    started = time.perf_counter()

    def tell(text: str) -> None:
        console.print(f"{name}, {time.perf_counter() - started:4.0f} s: {text}", style="dim", highlight=False)

    tell("begins")
    sections = _parts(tell)[name](place, settings)
    for section in sections:
        show(section, console)
    return sections


def _parts(tell: Callable[[str], None]) -> dict[str, Part]:
    from .adaptation import measure_adaptation
    from .comparison import compare
    from .fasttext_bigrams import measure_options
    from .ranking import measure_ranking
    from .scaling import measure_scaling
    from .starter import measure_starter
    from .vectors import measure_text, measure_vectors

    return {
        "peers": partial(compare, tell=tell),
        "vectors": measure_vectors,
        "text": measure_text,
        "scaling": measure_scaling,
        "adaptation": partial(measure_adaptation, tell=tell),
        "starter": partial(measure_starter, tell=tell),
        "fasttext": partial(measure_options, tell=tell),
        "ranking": measure_ranking,
    }


PARTS = ("peers", "vectors", "text", "scaling")
QUICK_PARTS = PARTS[:-1]
SIMULATED = ("ranking",)
"""What needs no data."""
ON_DEMAND = ("adaptation", "starter", "fasttext", *SIMULATED)
"""What needs data of other domains, or takes long: measured where it is named."""


def _settings(options: argparse.Namespace) -> Settings:
    changes = {
        "recipes": tuple(options.recipes) if options.recipes else None,
        "overrides": tuple(options.changes) if options.changes else None,
        "scoring_sizes": tuple(options.scoring_sizes) if options.scoring_sizes else None,
        "tutorial_epochs": options.tutorial_epochs,
        "init": options.init,
        "seeds": options.seeds,
    }
    return (QUICK if options.quick else FULL).changed(**changes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks", description="Measures sentrec beside its peers, on IMDB.")
    parser.add_argument("--quick", action="store_true", help="the same ratios on fewer rows, in under two minutes")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=(*PARTS, *ON_DEMAND),
        help=f"what to measure; default: all but {' and '.join(ON_DEMAND)}, without scaling if quick",
    )
    parser.add_argument(
        "--recipes",
        nargs="+",
        metavar="RECIPE",
        help=f"default: {' '.join(FULL.recipes)}; quick: {' '.join(QUICK.recipes)}",
    )
    parser.add_argument(
        "--set", action="append", dest="changes", metavar="KEY=VALUE", help=f"default: {' '.join(FULL.overrides)}"
    )
    parser.add_argument(
        "--tutorial-epochs", type=int, metavar="N", help="train the tutorial BiLSTM really (minutes each)"
    )
    parser.add_argument("--init", metavar="MODEL", help="what adaptation and starter measure; default: starter")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help=f"how often adaptation draws labels; default: {FULL.seeds}"
    )
    parser.add_argument("--scoring-sizes", type=int, nargs="+", metavar="N", help="e.g. 10000 100000 1000000")
    parser.add_argument(
        "--out", action="append", type=_output, default=[], metavar="FILE", help="also write FILE.md or FILE.json"
    )
    return parser


def _output(name: str) -> Path:
    path = Path(name)
    if path.suffix not in (".json", ".md"):
        raise argparse.ArgumentTypeError(f"{name} must end in .json or .md")
    return path


if __name__ == "__main__":
    main()
