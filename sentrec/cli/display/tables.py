"""How rankings, personal lists, measures of both and transfer studies look on a terminal of 80 columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sentrec.cli.display.console import err, out, printable
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.metrics.ranking import Measure, RankingMeasures
    from sentrec.recommend.agreement import FewReviews, TargetMeasures
    from sentrec.recommend.ranking import RankedItem
    from sentrec.recommend.ratings.evaluation import Evaluation
    from sentrec.recommend.ratings.lists import RecommendedFilm
    from sentrec.recommend.stream import ScoredItems
    from sentrec.transfer.results import Row, Target

_FEW_ITEMS = 3
_NARROWEST_NAME = 12
_WIDEST_SCORE_NAME = 14
_MEASURES = {
    "spearman": "Spearman",
    "kendall": "Kendall",
    "ndcg10": "NDCG\n@10",
    "ndcg50": "NDCG\n@50",
    "precision10": "P\n@10",
    "precision50": "P\n@50",
    "stars10": "stars\n@10",
    "stars50": "stars\n@50",
}
_WITH_INTERVAL = ("spearman", "precision50", "stars50")
_PAIRED = ("spearman", "stars50")
_STUDY_HEADINGS = ("accuracy\n± sd", "difference in points\n(95 % interval)", "epochs\nto\nbaseline")
_STUDY_NOTE = (
    "Epochs to baseline: until the validation accuracy reaches the best one of\n"
    "scratch with the same labels and seed (the median); a dash: not reached."
)


def show_items(items: "Sequence[RankedItem]") -> None:
    """Prints a ranking: a line an item, its quotes below it."""
    headings = ["score", "95 % interval", "positive", "reviews"]
    if any(item.mean_rating is not None for item in items):
        headings.append("stars")
    if any(item.similarity is not None for item in items):
        headings.append("like")
    rows = [(f"{item.rank}", _name(item), *(_cells(item)[heading] for heading in headings)) for item in items]
    table = [("", "item", *headings), *rows]
    widths = [max(cell_len(row[column]) for row in table) for column in range(len(headings) + 2)]
    widths[1] = max(min(widths[1], out.width - sum(widths) + widths[1] - 2 * len(headings) - 1), _NARROWEST_NAME)
    _print_line(table[0], widths, "bold")
    for item, row in zip(items, rows, strict=True):
        _print_line(row, widths, "")
        for side, quote in item.quotes.items():
            if quote:
                _print_quote(quote.text, ("+", "green") if side == "positive" else ("-", "red"), widths[0] + 1)
        if item.from_prior is not None:
            weight = (
                "" if item.prior_weight is None else f"; the prior counts {item.prior_weight:.0%}, its reviews the rest"
            )
            out.print(Text(f"{' ' * (widths[0] + 1)}metadata: {item.from_prior:+.3f} of the score{weight}", "dim"))
        if item.words:
            words = ", ".join(f"{value:+.1f} {printable(word)}" for word, value in item.words.items())
            out.print(Text(f"{' ' * (widths[0] + 1)}words: {words}", "dim"), soft_wrap=True)


def _name(item: "RankedItem") -> str:
    name = _one_line(item.title or item.movie)
    return name if item.year is None or name.endswith(f"({item.year})") else f"{name} ({item.year})"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _cells(item: "RankedItem") -> dict[str, str]:
    return {
        "score": f"{item.score:.3f}",
        "95 % interval": f"{item.low:.3f} to {item.high:.3f}",
        "positive": "" if item.share_positive is None else f"{item.share_positive:.0%}",
        "reviews": f"{item.reviews:,}",
        "stars": "" if item.mean_rating is None else f"{item.mean_rating:.1f}",
        "like": "" if item.similarity is None else f"{item.similarity:.2f}",
    }


def _print_line(cells: Sequence[str], widths: Sequence[int], style: str) -> None:
    rank, name, *others = cells
    if cell_len(name) > widths[1]:
        name = set_cell_size(name, widths[1] - 1).rstrip() + "…"
    left = f"{rank:>{widths[0]}} {set_cell_size(name, widths[1])}"
    right = "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths[2:], strict=True))
    out.print((left + right).rstrip(), style=style, markup=False, soft_wrap=True)


def _print_quote(quote: str, mark: tuple[str, str], indent: int) -> None:
    lines = Text(_one_line(quote), "dim").wrap(out, max(out.width - indent - 2, _NARROWEST_NAME))
    for number, line in enumerate(lines):
        line.rstrip()
        out.print(Text.assemble(" " * indent, " " if number else mark, " ", line), soft_wrap=True)


def show_summary(scored: "ScoredItems") -> None:
    """Says how many reviews there were, how fast they were scored, and which did not count."""
    summary, speed = scored.summary(), ""
    if scored.reviews_per_second is not None:
        new = "" if scored.newly_scored == scored.reviews else f"{scored.newly_scored:,} of them "
        speed = f", {new}scored at {scored.reviews_per_second:,.0f} a second"
    counts = f"{counted(summary['reviews'], 'review')} of {counted(summary['items'], 'item')}"
    err.print(counts + speed, soft_wrap=True)
    if 1 < summary["items"] < _FEW_ITEMS:
        err.print(f"{summary['items']} items tell little of how items differ: their intervals mean little.")
    if summary["duplicates"]:
        err.print(f"{counted(summary['duplicates'], 'exact repetition')} counted once")
    if summary["rejected"]:
        left_out = (f"{counted(summary['rejected'], 'row')} left out", "yellow")
        where = printable(str(summary["rejects_file"]))
        err.print(Text.assemble(left_out, f"; line and reason of each: {where}"), soft_wrap=True)


def show_measures(measures: "RankingMeasures") -> None:
    """Prints how well several scores agree with star ratings."""
    least = counted(measures.min_reviews, "review")
    out.print(f"{counted(measures.items, 'item')} with at least {least}, against their mean stars\n")
    # Eight measures fit 80 columns only if names, and no numbers, may be wrapped.
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("score", max_width=_WIDEST_SCORE_NAME)
    for heading in _MEASURES.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, values in measures.scores.items():
        table.add_row(Text(name), *(_measure(key, values[key]) for key in _MEASURES))
    best = [f"{measures.best_stars[f'top{k}']:.2f}" for k in (10, 50)]
    table.add_row("[dim]best possible[/]", "1", "1", "1", "1", "", "", *best)
    table.add_row("[dim]chance[/]", *(f"{measures.chance[key]:.{_digits(key)}f}" for key in _MEASURES))
    out.print(table)
    liked = f"P@k: share with mean stars of {measures.liked_from:g} or more (Wilson's interval)."
    out.print(f"\n[dim]{liked} Other 95 % intervals: bootstrap over items.[/]")
    out.print(f"\n{next(iter(measures.scores))} less each other score, paired over the same items:")
    for name, values in measures.differences.items():
        parts = (f"{_MEASURES[key]} {_difference(key, values[key])}".replace("\n", "") for key in _PAIRED)
        out.print(f"  {name}: {'; '.join(parts)}", highlight=False, soft_wrap=True)


def show_few_reviews(found: "Sequence[FewReviews]") -> None:
    """Prints how well items with few reviews are ranked with and without a prior."""
    out.print("\nItems with few reviews as yet, against their other reviews' mean stars (Spearman):")
    for few in found:
        change = f"{few.without_prior:.3f} without prior, {few.with_prior:.3f} with it: {_signed(few.gain)}"
        text = f"  after {counted(few.reviews, 'review')} ({few.items:,.0f} items): {change}"
        out.print(text, highlight=False, soft_wrap=True)


def show_target(found: "TargetMeasures") -> None:
    """Prints how well ratings are predicted of items that no calibration has seen."""
    out.print(f"{counted(found.items, 'item')} with reviews and ratings, in turn left out of the calibration\n")
    for name, measure in (("without reviews", found.without_reviews), ("with reviews", found.score)):
        interval = f"{measure.low:.3f} to {measure.high:.3f}"
        out.print(f"R² of mean ratings, {name}: {measure.value:.3f} ({interval})", highlight=False, soft_wrap=True)
    out.print(f"reviews' gain, paired: {_signed(found.gain)}", highlight=False)
    out.print(f"95 % prediction intervals hold {found.covered:.1%} of the mean ratings", highlight=False)


def _digits(key: str) -> int:
    return 2 if key.startswith(("precision", "stars")) else 3


def _measure(key: str, measure: Any) -> str:
    digits = _digits(key)
    interval = f"\n[dim]{measure.low:.{digits}f}-{measure.high:.{digits}f}[/]" if key in _WITH_INTERVAL else ""
    return f"{measure.value:.{digits}f}{interval}"


def _difference(key: str, measure: Any) -> str:
    digits = _digits(key) + (key == "spearman")
    return f"{measure.value:+.{digits}f} ({measure.low:+.{digits}f} to {measure.high:+.{digits}f})"


def show_study(targets: Sequence["Target"], rows: Sequence["Row"]) -> None:
    """Prints a table of each target, and what its columns mean."""
    for target in targets:
        _show_target(target, [row for row in rows if row.target == target.name])
    out.print(f"[dim]{_STUDY_NOTE}[/]")


def _show_target(target: "Target", rows: Sequence["Row"]) -> None:
    from sentrec.transfer.results import arm_name, with_interval

    sources = list(dict.fromkeys(row.source for row in rows if row.source))
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("budget", justify="right", no_wrap=True)
    table.add_column("arm", overflow="fold")
    for heading in _STUDY_HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for row in rows:
        if previous not in (None, row.budget):
            table.add_row()
        budget = row.budget if isinstance(row.budget, str) else f"{row.budget:,}"
        table.add_row(
            "" if row.budget == previous else budget,
            escape(arm_name(row.arm, row.source if len(sources) > 1 else None)),
            f"{row.accuracy:.4f}" + ("" if row.sd is None else f" ± {row.sd:.4f}"),
            with_interval(row.difference, row.interval),
            _epochs(row),
        )
        previous = row.budget
    origin = f" from {sources[0]}" if len(sources) == 1 else ""
    seeds = counted(max((row.seeds for row in rows), default=0), "seed")
    facts = f"{len(target.labels):,} test rows, all = {target.train_rows:,} labels, {seeds}"
    out.print(f"\n[bold]{escape(target.name)}[/]{escape(origin)}: {facts}\n")
    out.print(table)
    out.print()


def _epochs(row: "Row") -> str:
    if row.epochs_to_baseline is None:
        return "" if row.reached is None else "-"
    return f"{row.epochs_to_baseline:.1f}"


_LIST_METRICS = {"ndcg10": "NDCG@10", "recall20": "Recall@20", "map": "MAP"}


def show_films(films: "Sequence[RecommendedFilm]") -> None:
    """Prints a list: a line a film, below it what its score and its expected stars are made of."""
    width = len(str(len(films)))
    for film in films:
        year = "" if film.year is None or film.title.endswith(f"({film.year})") else f" ({film.year})"
        stars = "" if film.stars is None else f"  {film.stars:.1f} stars expected"
        name = printable(f"{film.title}{year}")
        line = Text.assemble(f"{film.rank:>{width}} ", (name, "bold"), f"  score {film.score:.3f}{stars}")
        out.print(line, soft_wrap=True)
        _print_parts("because of", film.because, width + 1, digits=3)
        _print_parts("stars:", film.stars_because, width + 1, digits=1)


def show_evaluation(result: "Evaluation") -> None:
    """Prints each recommender's measures, and the paired differences from the first."""
    out.print(f"Split by {result.split}: {counted(result.users, 'user')} with a held-out film that they liked\n")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("recommender")
    for heading in (*_LIST_METRICS.values(), "coverage@10", "novelty@10"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, measures in result.lists.items():
        measured = measures.to_dict()
        cells = [_interval(measured[metric]) for metric in _LIST_METRICS]
        table.add_row(Text(name), *cells, f"{measures.coverage10:.1%}", f"{measures.novelty10:.1f}")
    out.print(table)
    first = next(iter(result.lists))
    out.print(f"\n{first} less each other one, paired over the same users:")
    for name, values in result.differences.items():
        parts = (f"{heading} {_signed(values[metric])}" for metric, heading in _LIST_METRICS.items())
        out.print(f"  {name}: {'; '.join(parts)}", highlight=False, soft_wrap=True)
    for name, error in result.errors.items():
        out.print(f"\nRMSE of {name}: {error.value:.3f} ({error.low:.3f} to {error.high:.3f})", highlight=False)
    out.print("\n[dim]95 % intervals: bootstrap over users.[/]")


def _print_parts(what: str, parts: Mapping[str, float], indent: int, digits: int) -> None:
    """Parts that are too small to be seen are left out."""
    values = [
        f"{printable(name)} {value:+.{digits}f}" for name, value in parts.items() if abs(value) >= 0.5 * 10**-digits
    ]
    if values:
        out.print(Text(f"{'':{indent}}{what} {', '.join(values)}", "dim"), soft_wrap=True)


def _interval(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:.3f}\n[dim]{measure['low']:.3f}-{measure['high']:.3f}[/]"


def _signed(measure: "Measure") -> str:
    return f"{measure.value:+.4f} ({measure.low:+.4f} to {measure.high:+.4f})"
