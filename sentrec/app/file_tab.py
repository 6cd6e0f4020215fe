"""What the buttons of the tab for files do."""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from sentrec.app import rendering
from sentrec.app.files import ROLES, classify_file, columns_of, rank_file
from sentrec.errors import SentrecError
from sentrec.inference.predictor import Predictor
from sentrec.recommend.ranking import RankedItem, RankOptions

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
    """Answers the buttons, and deletes what a page has sent when it is closed.

    An upload lies in a folder named after its content, so that pages which sent the same file share it; what is made
    of it lies in a folder of the page's own.

    Args:
        predictors: The models by name.
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
