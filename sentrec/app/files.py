"""What the page does with a file: columns found, rows classified, items ranked, by the functions of the commands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.text_rows import Row
from sentrec.data.writers import table_writer
from sentrec.errors import DataError, counted
from sentrec.files.storage import write_text
from sentrec.inference.lines import CHUNK, classify_source
from sentrec.inference.predictor import Predictor
from sentrec.recommend.api import recommend
from sentrec.recommend.export import to_csv, to_page
from sentrec.recommend.ranking import RankedItem, RankOptions
from sentrec.recommend.scoring import ModelScorer
from sentrec.recommend.stream import ScoringOptions

OnShare = Callable[[float | None, str], None]
ROLES = ("text", "movie", "rating")


@dataclass(frozen=True)
class Columns:
    """The columns of a file.

    Attributes:
        names: All of them.
        found: Which of them is what, by role: see `sentrec.data.columns`.
    """

    names: tuple[str, ...]
    found: Mapping[str, str]


def columns_of(path: str) -> Columns:
    """The columns of a file, and which of them is the text, the item and the rating, as far as their names tell.

    Raises:
        DataError: If it is no file of rows.
    """
    source = Source(path)
    first = next((row for row in source.rows() if isinstance(row, Row)), None)
    if first is None:
        raise DataError("The file has no rows that can be read.")
    names = source.header or tuple(first.fields)
    roles = FieldNames().roles(names)
    return Columns(names, {role: roles[role][0] for role in ROLES if role in roles})


@dataclass(frozen=True)
class Classified:
    """A file whose rows were classified.

    Attributes:
        path: The rows with label and probability.
        summary: How many got which label.
    """

    path: Path
    summary: str


def classify_file(predictor: Predictor, path: str, text: str | None, folder: Path, on_share: OnShare) -> Classified:
    """Adds label and probability to every row of a file, as `sentrec predict FILE --out` does.

    Args:
        predictor: The model.
        path: The file.
        text: The column of the text; None: found by its name.
        folder: Where to write.
        on_share: Is told the share that is done (None: unknown), and how far that is in words.

    Raises:
        DataError: If the file cannot be read, or no row has a text.
    """
    source, out = Source(path), folder / "classified.csv"
    labels: dict[str, int] = {}
    rows = 0
    results = classify_source(predictor, source, FieldNames(text=text))
    with table_writer(out) as write:
        while chunk := list(islice(results, CHUNK)):
            write([one.to_row() for one in chunk if one.fields])
            for prediction in (one.prediction for one in chunk if one.prediction):
                labels[prediction.label] = labels.get(prediction.label, 0) + 1
            rows += len(chunk)
            on_share(source.bytes_read() / source.size if source.size else None, counted(rows, "row"))
        if not labels:
            raise DataError("No row has a text that can be read.")
    told = ", ".join(f"{count:,} {label}" for label, count in sorted(labels.items(), key=lambda pair: -pair[1]))
    unread = rows - sum(labels.values())
    return Classified(out, told + (f"; {counted(unread, 'row')} without a text" if unread else ""))


@dataclass(frozen=True)
class Ranked:
    """A file whose items were ranked.

    Attributes:
        items: The list, the best first.
        page: The same as a page.
        files: The page and a table, to take away.
    """

    items: list[RankedItem]
    page: str
    files: tuple[Path, Path]


def rank_file(
    predictor: Predictor,
    path: str,
    columns: Mapping[str, str | None],
    options: RankOptions,
    folder: Path,
    on_share: OnShare,
) -> Ranked:
    """Ranks the items of a file of reviews, as `sentrec recommend FILE --html` does.

    Args:
        predictor: The model.
        path: The file.
        columns: The column of each role; None: found by its name.
        options: What the list is to be.
        folder: Where to write.
        on_share: As of `classify_file`.

    Raises:
        DataError: If the file cannot be read, or no item can be ranked.
        RunError: If the model's classes do not say what is positive.
    """
    with TemporaryDirectory(prefix="sentrec-") as work:
        scoring = ScoringOptions(FieldNames(**columns), work=Path(work, "parts"), rejects=Path(work, "rejects.jsonl"))
        result = recommend(
            path,
            ModelScorer(predictor),
            options=options,
            scoring=scoring,
            on_progress=lambda now: on_share(now.share, counted(now.reviews, "review")),
        )
    page, table = folder / "ranking.html", folder / "ranking.csv"
    text = to_page(result.items, result.summary())
    write_text(page, text)
    write_text(table, to_csv(result.items))
    return Ranked(result.items, text, (page, table))
