"""Rows of texts classified in their order; every row gives exactly one result."""

import json
import logging
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.columns import FieldNames, require_single
from sentrec.data.sources import Source
from sentrec.data.text_rows import AnyRow, BadRow, Row
from sentrec.data.values import UnusableError, text_of
from sentrec.data.writers import plain
from sentrec.errors import DataError, Interrupted
from sentrec.files.lock import sole_use
from sentrec.files.storage import cache_home, read_cached, remove_forgotten, write_json
from sentrec.files.versions import code_version
from sentrec.inference.prediction import Classifier, Prediction
from sentrec.text.encoding import EncodedTexts, in_chunks
from sentrec.text.tokenizer import UNKNOWN_ID
from sentrec.text.vocabulary import fingerprint

_log = logging.getLogger(__name__)

CHUNK = 1024
"""Rows that are classified together."""
UNKNOWN_SHARE = 0.2
"""From this share of unknown words on, a model's answers mean little."""
_LETTERS = 200
"""A text's first letters, which tell its script."""


@dataclass(frozen=True)
class RowResult:
    """The result of one row."""

    line: int  # its line or row in the input, from 1
    fields: Mapping[str, Any] = field(default_factory=dict)
    """All of its values by column; empty where it could not be read."""
    id: Any = None  # the text's id, where the row has one
    text: str | None = None  # the text; None where there is none
    prediction: Prediction | None = None  # None where the row cannot be used
    error: str | None = None  # why not
    content: str = ""  # a row that could not be read, as it stands in the file
    reasons: Mapping[str, float] | None = None
    """Words that decided, with what each adds to the log-odds of the label; None where nobody asked."""
    tells_stars: bool = False  # whether the model has a star head, so that every row has that column
    source: str = ""  # the file that it comes from, as it is named

    def to_dict(self) -> dict[str, Any]:
        """The result in plain JSON types, without the text."""
        values: dict[str, Any] = {"line": self.line} | ({} if self.id is None else {"id": self.id})
        if self.prediction is None:
            return values | {"error": self.error}
        return values | self.prediction.to_dict() | ({} if self.reasons is None else {"reasons": self.reasons})

    def to_row(self) -> dict[str, Any]:
        """The row with `label`, `probability` and `stars`, if any, added; ``predicted_label`` where it has a label."""
        one = self.prediction
        added = {"label": one and one.label, "probability": one and round(one.probability, 6)}
        if self.tells_stars:
            added["stars"] = one and round(one.stars or 0.0, 2)
        if self.reasons is not None:
            added["reasons"] = ", ".join(f"{word} {value:+.2f}" for word, value in self.reasons.items())
        named = {f"predicted_{name}" if name in self.fields else name: value for name, value in added.items()}
        return {**self.fields, **named}


@dataclass(frozen=True)
class Classification:
    """What is done with files of texts, each a shard: see `sentrec.inference.shards.Work`."""

    predictor: Classifier  # the model
    names: FieldNames | None = None  # which columns are the text and the id; None: those with the usual names
    chunk_rows: int = CHUNK
    """How many rows are classified together; with 1 each result comes before the next row is read."""
    kept: Path | None = None
    """A folder, as of `kept_answers`, from which answers are taken and to which new ones go; None: none."""

    def parts(self, shards: Iterable[Source], start: int = 0) -> Iterator[tuple[int, list[RowResult]]]:
        """Classifies texts of files, read as streams; a `DataError` if one has no rows, or no column of texts."""
        for place, source in enumerate(shards):
            rows, names = _opened(source, self.names or FieldNames())
            for chunk in self.chunks(rows, names, source.name, start):
                yield place, chunk
            start = 0

    def chunks(
        self, rows: Iterable[Row | BadRow], names: FieldNames, source: str = "", start: int = 0
    ) -> Iterator[list[RowResult]]:
        """Classifies rows, without the first `start` chunks; one that cannot be used gives a result with an error."""
        tells_stars = self.predictor.tells_stars
        results = (replace(_result(row, names), source=source, tells_stars=tells_stars) for row in rows)
        for chunk in islice(in_chunks(results, self.chunk_rows, lambda one: len(one.text or "")), start, None):
            texts = [one.text for one in chunk if one.text is not None]
            predictions = iter(_predictions(self.predictor, texts, self.kept))
            yield [one if one.text is None else replace(one, prediction=next(predictions)) for one in chunk]


def classify_source(
    predictor: Classifier,
    source: Source,
    names: FieldNames | None = None,
    chunk_rows: int = CHUNK,
    kept: Path | None = None,
) -> Iterator[RowResult]:
    """Classifies the texts of a file or of standard input, read as a stream; as of `Classification`."""
    parts = Classification(predictor, names, chunk_rows, kept).parts([source])
    return (one for _, chunk in parts for one in chunk)


def classify_rows(
    predictor: Classifier, rows: Iterable[Row | BadRow], names: FieldNames | None = None, chunk_rows: int = CHUNK
) -> Iterator[RowResult]:
    """Classifies rows from memory; as of `Classification`."""
    return (
        one
        for chunk in Classification(predictor, None, chunk_rows).chunks(rows, names or FieldNames())
        for one in chunk
    )


def _opened(source: Source, names: FieldNames) -> tuple[Iterator[AnyRow], FieldNames]:
    """The rows of a file that has some, and its columns."""
    rows = source.rows()
    first = next(rows, None)
    if first is None:
        raise DataError(f"{source.name} has no rows.", "It needs rows with a text.")
    if source.header is not None and not names.find("text", source.header):
        if len(source.header) > 1 or names.text is not None:
            raise names.missing(["text"], source.name, "its header has", source.header)
        names = replace(names, text=source.header)
    require_single(names.find("text", source.header or ()), source.header, source.name)
    columns = source.header or (tuple(first.fields) if isinstance(first, Row) else ())
    if found := names.describe(source.name, columns, ("text",)):
        _log.info(found)
    return chain([first], rows), names


@contextmanager
def kept_answers(predictor: Classifier, *paths: str) -> Iterator[Path]:
    """Gives a folder of the cache for a model's answers to files; it stays unless the block ends well.

    Raises a `BusyError` if another process is at it, `Interrupted` on Ctrl-C in the block.
    """
    key = fingerprint([*paths, predictor.key], code_version())
    folder = cache_home() / "predictions" / key
    remove_forgotten(folder.parent)
    with sole_use(folder, "another process classifies this file with this model."):
        if folder.is_dir():
            _log.info("Going on where an earlier run of this command was stopped")
        try:
            yield folder
        except KeyboardInterrupt:
            raise Interrupted("What was classified is kept.", "Go on with the same command.") from None
        shutil.rmtree(folder, ignore_errors=True)


def _predictions(predictor: Classifier, texts: list[str], kept: Path | None) -> list[Prediction]:
    if kept is None:
        return predictor.predict(texts)
    path = kept / f"{fingerprint(texts)}.json"
    found = read_cached(path, _read_predictions)
    if found is None:
        found = predictor.predict(texts)
        write_json(path, [asdict(one) for one in found])
    return found


def _read_predictions(path: Path) -> list[Prediction]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Prediction(**one | {"star_probabilities": tuple(one["star_probabilities"])}) for one in found]


def unknown_share(predictor: Classifier, texts: list[str]) -> float:
    """The share of the words of some texts that a model does not know, as its first member reads them."""
    return unknown_among(predictor.encode(texts)[0])


def unknown_among(texts: EncodedTexts) -> float:
    """The share of the words of encoded texts that have no id of their own."""
    tokens = texts.token_ids
    return float(np.mean(tokens == UNKNOWN_ID)) if len(tokens) else 0.0


def unknown_warning(share: float) -> str | None:
    """What to say of texts of which a model does not know this share of the words; None where it knows enough."""
    if share < UNKNOWN_SHARE:
        return None
    return f"The model does not know {share:.0%} of the words: is this its language? Its answers mean little."


@dataclass(frozen=True)
class LanguageGroup:
    """Texts of one script of which the model knows most words, or does not."""

    script: str  # of most letters, e.g. ``Latin``
    is_known: bool  # whether the model knows the words: all but `UNKNOWN_SHARE` of them
    rows: int  # how many texts
    known: float  # share of words that the model knows, the mean of the texts
    line: int  # where the first of them stands
    example: str  # the first of them


def language_groups(predictor: Classifier, results: Iterable[RowResult]) -> list[LanguageGroup]:
    """Groups texts, the largest group first; results without a text are left out."""
    rows: Counter[tuple[str, bool]] = Counter()
    known: Counter[tuple[str, bool]] = Counter()
    first: dict[tuple[str, bool], tuple[int, str]] = {}
    found = ((one.line, one.text) for one in results if one.text is not None)
    while chunk := list(islice(found, CHUNK)):
        encoded = predictor.encode([text for _, text in chunk])[0]
        unknown = np.add.reduceat(encoded.token_ids == UNKNOWN_ID, encoded.offsets[:-1], dtype=np.float64)
        for (line, text), share in zip(chunk, (unknown / encoded.lengths()).tolist(), strict=True):
            group = script_of(text), share < UNKNOWN_SHARE
            rows[group] += 1
            known[group] += 1 - share
            first.setdefault(group, (line, text))
    return [LanguageGroup(*group, count, known[group] / count, *first[group]) for group, count in rows.most_common()]


def script_of(text: str) -> str:
    """The script of most of a text's first letters, e.g. ``Cyrillic``; ``none`` where there are no letters."""
    letters = islice((mark for mark in text if mark.isalpha()), _LETTERS)
    scripts = Counter(unicodedata.name(mark, "UNKNOWN").partition(" ")[0].capitalize() for mark in letters)
    return scripts.most_common(1)[0][0] if scripts else "none"


def _result(row: Row | BadRow, names: FieldNames) -> RowResult:
    if isinstance(row, BadRow):
        return RowResult(row.line, error=row.reason, content=row.content)
    found = names.roles(tuple(row.fields))
    key = plain(row.fields.get(found["id"][0])) if "id" in found else None
    try:
        text = text_of(row.fields, found.get("text") or (str(names.text or "text"),))
    except UnusableError as error:
        return RowResult(row.line, row.fields, key, error=str(error))
    return RowResult(row.line, row.fields, key, text)
