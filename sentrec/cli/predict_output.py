"""What `sentrec predict` prints and writes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from sentrec.cli.display.console import err, out, print_json_line, printable
from sentrec.errors import DataError, counted

if TYPE_CHECKING:
    from sentrec.inference.lines import RowResult

_PART = re.compile(r"part-\d{5}\.parquet")


def check_output(out_file: Path, rejects: Path | None, file: str | None, as_json: bool) -> Path:
    """Refuses outputs that cannot be written, or overwrite the input; where rejects go."""
    from sentrec.data.sources import open_sources
    from sentrec.data.writers import check_table_name
    from sentrec.recommend.outputs import check_outputs, default_rejects

    if as_json:
        raise typer.BadParameter("--json prints the results, --out writes them: choose one.")
    if out_file.suffix:
        check_table_name(out_file)
    elif out_file.is_dir() and any(not _PART.fullmatch(one.name) for one in out_file.iterdir()):
        raise DataError(f"{out_file} holds other files than --out writes.", "Name a new folder, or a file: scored.csv")
    sources = open_sources([file or "-"])
    rejects = rejects or default_rejects(sources)
    check_outputs(sources, {"--out": out_file, "--rejects": rejects})
    return rejects


def written(results: "Iterator[RowResult]", path: Path, rejects: Path, csv_safe: bool) -> "Iterator[RowResult]":
    """Writes all results, those that are errors also to a file of their own, and passes them on.

    They go to one table; or where the path has no suffix to a folder, with a table for each file that they are from.
    """
    from sentrec.data.text_rows import Row
    from sentrec.data.writers import table_writer
    from sentrec.files.storage import atomic_directory
    from sentrec.inference.lines import CHUNK
    from sentrec.recommend.outputs import RejectsFile
    from sentrec.recommend.reviews import Reject, shown_row

    is_folder = not path.suffix
    groups: Iterable[tuple[str, Iterator[RowResult]]] = [("", results)]
    with (
        TemporaryDirectory(prefix="sentrec-") as work,
        RejectsFile(rejects, Path(work)) as left_out,
        atomic_directory(path) if is_folder else nullcontext(path) as place,
    ):
        for number, (_, rows) in enumerate(groupby(results, lambda one: one.source) if is_folder else groups):
            with table_writer(place / f"part-{number:05d}.parquet" if is_folder else place, csv_safe) as write:
                while chunk := list(islice(rows, CHUNK)):
                    write([one.to_row() for one in chunk if one.fields])
                    for one in chunk:
                        if one.error is not None:
                            content = shown_row(Row(one.line, one.fields)) if one.fields else one.content
                            left_out.add(Reject(one.source, one.line, one.error, content))
                        yield one


def report(
    labels: "Counter[str | None]", problem: str, out_file: Path | None, rejects: Path | None, quiet: bool
) -> None:
    """Says what was written and which rows could not be used; exits with 1 where none could."""
    unusable = labels.pop(None, 0)
    if out_file is not None and not quiet:
        counts = ", ".join(f"{count:,} {label}" for label, count in labels.most_common())
        classified = f" ({counted(labels.total(), 'row')} classified: {counts})" if counts else ""
        err.print(printable(f"Written: {out_file}{classified}"), markup=False, soft_wrap=True)
    if unusable:
        message = f"{counted(unusable, 'line')} could not be used: the result is an error. First: {problem}."
        if rejects is not None:
            message = f"{counted(unusable, 'row')} could not be used, see {rejects}. First: {problem}."
        err.print(Text.assemble(("Warning: ", "yellow"), printable(message)), soft_wrap=True)
        if not labels:
            raise typer.Exit(1)


def print_result(result: "RowResult", as_json: bool) -> None:
    """Label, probability, stars, the id in brackets if any, and the text; or all but the text as JSON."""
    if as_json:
        return print_json_line(result.to_dict())
    key = "" if result.id is None else f"[{result.id}] "
    if result.prediction is None:
        line = Text.assemble((f"{'error':<12}", "red"), printable(f"         {key}{result.error}"))
    else:
        one = result.prediction
        text = printable(" ".join(f"{key}{result.text}".split()))
        stars = "" if one.stars is None else f"  {one.stars:.1f}\N{BLACK STAR}"
        unsure = ("  unsure" if one.is_unsure else "", "yellow")
        line = Text.assemble((f"{one.label:<12}", "bold"), f" {one.probability:6.1%}{stars}", unsure, f"  {text}")
    out.print(line, soft_wrap=True)
    if result.reasons:
        words = ", ".join(f"{value:+.2f} {printable(word)}" for word, value in result.reasons.items())
        out.print(Text(f"{'':<20} {words}", "dim"), soft_wrap=True)
