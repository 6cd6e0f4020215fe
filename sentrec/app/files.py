"""What the page does with a file: columns found, rows classified, items ranked, by the functions of the commands."""

from collections import Counter
from collections.abc import Callable, Mapping
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
"""Is told the share that is done (None: unknown), and how far that is in words."""
ROLES = ("text", "movie", "rating")


def columns_of(path: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The columns of a file, and those of `ROLES` among them, by role, as far as their names tell.

    Raises:
        DataError: If it is no file of rows.
    """
    source = Source(path)
    first = next((row for row in source.rows() if isinstance(row, Row)), None)
    if first is None:
        raise DataError("The file has no rows that can be read.")
    names = tuple(source.header or first.fields)
    roles = FieldNames().roles(names)
    return names, {role: roles[role][0] for role in ROLES if role in roles}


def classify_file(
    predictor: Predictor, path: str, text: str | None, folder: Path, on_share: OnShare
) -> tuple[Path, str]:
    """Adds label and probability to every row of a file, as `sentrec predict FILE --out` does.

    The column of the text is found by its name where it is None. Gives the file in `folder`, and how many rows got
    which label.

    Raises:
        DataError: If the file cannot be read, or no row has a text.
    """
    source, out = Source(path), folder / "classified.csv"
    labels: Counter[str] = Counter()
    rows = 0
    results = classify_source(predictor, source, FieldNames(text=text))
    with table_writer(out) as write:
        while chunk := list(islice(results, CHUNK)):
            write([one.to_row() for one in chunk if one.fields])
            labels.update(one.prediction.label for one in chunk if one.prediction)
            rows += len(chunk)
            on_share(source.bytes_read() / source.size if source.size else None, counted(rows, "row"))
        if not labels:
            raise DataError("No row has a text that can be read.")
    told = ", ".join(f"{count:,} {label}" for label, count in labels.most_common())
    unread = rows - labels.total()
    return out, told + (f"; {counted(unread, 'row')} without a text" if unread else "")


def rank_file(
    predictor: Predictor,
    path: str,
    columns: Mapping[str, str | None],
    options: RankOptions,
    folder: Path,
    on_share: OnShare,
) -> tuple[list[RankedItem], str, list[Path]]:
    """Ranks the items of a file of reviews, as `sentrec recommend FILE --html` does.

    Columns that are None are found by their names. Gives the list, its page, and the files in `folder`: page and table.

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
    texts = {"ranking.html": to_page(result.items, result.summary()), "ranking.csv": to_csv(result.items)}
    for name, text in texts.items():
        write_text(folder / name, text)
    return result.items, texts["ranking.html"], [folder / name for name in texts]
