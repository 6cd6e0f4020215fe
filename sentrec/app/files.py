"""What the page does with a file: columns found, rows classified, items ranked, by the functions of the commands."""

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from sentrec.app import rendering
from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.text_rows import Row
from sentrec.data.writers import table_writer
from sentrec.errors import DataError, SentrecError, counted
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
    """The columns of a file, and by role those of `ROLES`, as far as names tell; a `DataError` if it has no rows."""
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
    which label. A `DataError` if the file cannot be read, or no row has a text.
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
    """Ranks the items of a file of reviews, as `sentrec recommend FILE --html` does, and raises what it does.

    Columns that are None are found by their names. Gives the list, its page, and the files in `folder`: page and table.
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


COLUMNS = ("rank", "item", "score", "low", "high", "positive", "reviews", "stars")
_NONE = ""
"""The column that a file does not have."""


@contextmanager
def shown_errors(path: str | None = None) -> Iterator[None]:
    """Shows a mistake of the user as a message on the page, which calls the file at `path` by its name."""
    try:
        yield
    except SentrecError as error:
        message = error.message.replace(f"{Path(path).parent}/", "") if path else error.message
        raise gr.Error(message, print_exception=False) from error  # it goes by itself: on a phone it lies over the tabs


class FileTab:
    """Answers the buttons, and deletes what a page has sent when it is closed; `predictors` are models by name.

    An upload lies in a folder named after its content, so that pages which sent the same file share it; what is made
    of it lies in a folder of the page's own.
    """

    def __init__(self, predictors: Mapping[str, Predictor]) -> None:
        self._predictors = predictors
        self._uploads: defaultdict[str, set[Path]] = defaultdict(set)
        self._results: dict[str, Path] = {}

    def look(self, path: str, request: gr.Request) -> list[Any]:
        """Fills the menus with the columns of a file."""
        with shown_errors(path):
            self._keep(path, request)
            names, found = columns_of(path)
            choices = [("(none)", _NONE), *((name, name) for name in names)]
            menus = (gr.Dropdown(choices, value=found.get(role, _NONE), visible=True) for role in ROLES)
            return [*menus, gr.Row(visible=True)]

    def classify(
        self,
        path: str,
        model: str,
        text: str,
        request: gr.Request,
        progress: Any = gr.Progress(),  # noqa: B008 - so gradio finds it
    ) -> tuple[str, gr.File]:
        """Classifies the rows of a file."""
        with shown_errors(path):
            folder = self._keep(path, request)
            out, summary = classify_file(self._predictors[model], path, text or None, folder, _on_share(progress))
            return summary, gr.File([str(out)], visible=True)

    def rank(
        self,
        path: str,
        model: str,
        text: str,
        movie: str,
        rating: str,
        reviews: float,
        request: gr.Request,
        progress: Any = gr.Progress(),  # noqa: B008 - so gradio finds it
    ) -> list[Any]:
        """Ranks the items of a file."""
        with shown_errors(path):
            folder = self._keep(path, request)
            columns = {"text": text or None, "movie": movie or None, "rating": rating or None}
            options = RankOptions(top=1000, min_reviews=max(int(reviews or 1), 1))
            on_share = _on_share(progress)
            items, page, files = rank_file(self._predictors[model], path, columns, options, folder, on_share)
            return [
                "Click an item for its quotes.",
                gr.File(list(map(str, files)), visible=True),
                items,
                gr.DataFrame([_row(item) for item in items], visible=True),
                rendering.frame(page),
            ]

    def quotes(self, ranked: list[RankedItem], event: gr.SelectData) -> str:
        """The quotes of the item whose row was clicked."""
        place = int(event.row_value[0])
        return rendering.quotes(next(item for item in ranked if item.rank == place))

    def forget(self, request: gr.Request) -> None:
        """Deletes all that a page has sent, and what was made of it."""
        page = request.session_hash or ""
        folders = self._uploads.pop(page, set()).difference(*self._uploads.values())
        for folder in [*folders, *filter(None, [self._results.pop(page, None)])]:
            shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, path: str | None, request: gr.Request) -> Path:
        """Remembers a file; gives the folder for what is made of it."""
        if path is None:
            raise SentrecError("Choose a file first.")
        page = request.session_hash or ""
        self._uploads[page].add(Path(path).parent)
        if page not in self._results:
            self._results[page] = Path(tempfile.mkdtemp(prefix="results-", dir=get_upload_folder()))
        return self._results[page]


def _row(item: RankedItem) -> list[Any]:
    stars = None if item.mean_rating is None else round(item.mean_rating, 1)
    scores = (round(value, 3) for value in (item.score, item.low, item.high, item.share_positive or 0.0))
    return [item.rank, item.title or item.movie, *scores, item.reviews, stars]


def _on_share(progress: Any) -> Callable[[float | None, str], None]:
    return lambda share, told: progress(0.0 if share is None else share, desc=told)
