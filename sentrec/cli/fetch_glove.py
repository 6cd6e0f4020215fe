"""`sentrec fetch-glove`: brings GloVe vectors into the cache, and lists what exists."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from sentrec.cli.display import console
from sentrec.cli.display.progress import download_progress
from sentrec.cli.options import AsJson, hush

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors


def fetch_glove(
    published: Annotated[
        str, typer.Argument(metavar="[6B|42B|840B|twitter.27B]", help="Which published vectors.")
    ] = "6B",
    dim: Annotated[int, typer.Option(min=1, help="Dimensions.")] = 50,
    name: Annotated[
        str | None, typer.Option(help="Store the text of --from-file under this name, for recipes' glove.name.")
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take this text, .gz or .zip instead of a download.")
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Download from this folder, which holds the published archives.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is in the cache already.")] = False,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the downloaded archive, for other dimensions later.")
    ] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List what exists and what is cached, then stop.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=hush, help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    """Fetch GloVe word vectors into the cache (once; every recipe shares them).

    Tries the Hugging Face hub, then Stanford. A broken download is resumed by the same command.
    """
    if show_list:
        _show_list(as_json)
        return
    if name is not None and from_file is None:
        message = "needs --from-file: only a file of yours can have a name of yours."
        raise typer.BadParameter(message, param_hint="--name")
    if mirror is not None and from_file is not None:
        raise typer.BadParameter("cannot be used together with --from-file.", param_hint="--mirror")
    from sentrec.glove import fetch

    began = time.perf_counter()
    found = None if force else fetch.cached_vectors(name or published, dim)
    with download_progress(quiet) as progress:
        vectors = fetch.fetch_glove(
            name or published,
            dim,
            mirror=mirror,
            from_file=from_file,
            force=force,
            keep_archive=keep_archive,
            progress=progress,
        )
    _report(vectors, time.perf_counter() - began, already=found is not None, as_json=as_json, quiet=quiet)


def _report(vectors: "GloveVectors", seconds: float, *, already: bool, as_json: bool, quiet: bool) -> None:
    info = vectors.info
    if as_json:
        rest = {"path": str(vectors.path), "already": already, "seconds": round(seconds, 3)}
        console.print_json(info.model_dump() | rest)
    elif not quiet:
        size = f"{info.words:,} words, {info.dim} dimensions"
        if already:
            _say(f"GloVe {info.name} is there already: {size}, in {vectors.path}")
        else:
            _say(f"Stored GloVe {info.name}: {size}, in {seconds:.1f} s, in {vectors.path}")
            for remark in _remarks(vectors):
                _say(remark)
        name = "" if info.name == "6B" else f" --set glove.name={info.name}"
        dim = "" if info.dim == 50 else f" --set glove.dim={info.dim}"
        _say(f"Next: sentrec train --recipe imdb.yaml{name}{dim}")


def _remarks(vectors: "GloveVectors") -> Iterator[str]:
    info = vectors.info
    if not info.verified:
        yield f"No checksum is published for this text; its own: md5 {info.md5}, sha256 {info.sha256}"
    if info.repeated_words:
        yield f"{info.repeated_words:,} repeated words: the first line of each was kept."
    if info.not_utf8_words:
        yield f"{info.not_utf8_words:,} words with bytes that are not UTF-8: these became U+FFFD."


def _say(text: str) -> None:
    console.out.print(text, soft_wrap=True, markup=False)


def _show_list(as_json: bool) -> None:
    rows = _rows()
    if as_json:
        console.print_json(rows)
        return
    table = Table("Name", "Dim", "Words", "Download", "Stored", "Cached", "Trained on")
    described = set()
    for row in rows:
        cached = "no" if row["path"] is None else "damaged" if row["problem"] else "yes"
        sizes = (f"{row[key] / 1e6:,.0f} MB" if row[key] else "" for key in ("download_bytes", "stored_bytes"))
        words = "" if row["words"] is None else f"{row['words']:,}"
        description = "" if row["name"] in described else row["description"]
        described.add(row["name"])
        table.add_row(row["name"], str(row["dim"]), words, *sizes, cached, description)
    console.out.print(table)


def _rows() -> list[dict[str, Any]]:
    """Every published set, then the user's own, each with what the cache holds of it."""
    from sentrec.glove.catalog import PUBLICATIONS
    from sentrec.glove.store import cached

    entries = {(entry.name, entry.dim): entry for entry in cached()}
    published = {(item.name, dim): item for item in PUBLICATIONS.values() for dim in item.dims}
    rows = []
    for name, dim in [*published, *(key for key in entries if key not in published)]:
        item, entry = published.get((name, dim)), entries.get((name, dim))
        rows.append(
            {
                "name": name,
                "dim": dim,
                "words": entry.words if entry else item and item.words,
                "download_bytes": item and item.archive_bytes,
                "stored_bytes": entry.bytes if entry else item and item.stored_bytes(dim),
                "description": item.description if item else "your own",
                "path": str(entry.path) if entry else None,
                "problem": entry.problem if entry else None,
            }
        )
    return rows
