"""Texts, one a line, classified in their order; every line gives exactly one result."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sentrec.inference.predictor import Prediction, Predictor
from sentrec.text.shorten import CHUNK_CHARACTERS

CHUNK = 1024
"""Lines that are classified together."""


@dataclass(frozen=True)
class LineResult:
    """What came of one line.

    Attributes:
        line: Its number, from 1.
        id: The text's id, where the line is a JSON object that has one.
        text: The text; None where there is none.
        prediction: What the model says; None where the line cannot be used.
        error: Why not.
    """

    line: int
    id: Any = None
    text: str | None = None
    prediction: Prediction | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The result in plain JSON types, without the text."""
        values: dict[str, Any] = {"line": self.line} | ({} if self.id is None else {"id": self.id})
        if self.prediction is None:
            return values | {"error": self.error}
        prediction = self.prediction
        return values | {
            "label": prediction.label,
            "probability": prediction.probability,
            "probabilities": prediction.probabilities,
        }


def classify_lines(predictor: Predictor, lines: Iterable[bytes], chunk_lines: int = CHUNK) -> Iterator[LineResult]:
    """Classifies plain texts, or JSON objects with ``text`` and optionally ``id``, one a line.

    Whether lines are JSON is told by the first one that is not blank. A line that cannot be used (blank, no JSON, not
    UTF-8, without text) gives a result with an error, so that there is one result a line.

    Args:
        predictor: The model.
        lines: The lines, as bytes; read as a stream.
        chunk_lines: How many are classified together; with 1 each result comes before the next line is read.
    """
    for chunk in _chunks(_read(lines), chunk_lines):
        usable = [result for result in chunk if result.text is not None]
        predictions = iter(predictor.predict([result.text for result in usable if result.text is not None]))
        for result in chunk:
            if result.text is None:
                yield result
            else:
                yield LineResult(result.line, result.id, result.text, next(predictions))


def _chunks(results: Iterable[LineResult], most: int) -> Iterator[list[LineResult]]:
    """Results some at a time; fewer where texts are very long, so that they cannot fill the memory."""
    chunk: list[LineResult] = []
    characters = 0
    for result in results:
        chunk.append(result)
        characters += len(result.text or "")
        if len(chunk) == most or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _read(lines: Iterable[bytes]) -> Iterator[LineResult]:
    is_json: bool | None = None
    for number, content in enumerate(lines, start=1):
        try:
            text = content.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            yield LineResult(number, error=f"not UTF-8: byte 0x{content[error.start]:02x} at {error.start + 1}")
            continue
        if not text:
            yield LineResult(number, error="blank line")
            continue
        is_json = text.startswith("{") if is_json is None else is_json
        yield _from_json(number, text) if is_json else LineResult(number, text=text)


def _from_json(number: int, content: str) -> LineResult:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of more digits than Python reads
        return LineResult(number, error=f"not JSON: {error}")
    if not isinstance(fields, dict):
        return LineResult(number, error="not a JSON object")
    # Half a surrogate pair can be written as JSON but not as UTF-8: it becomes a question mark.
    key = json.loads(json.dumps(fields.get("id"), ensure_ascii=False).encode("utf-8", "replace"))
    text = fields.get("text")
    if not isinstance(text, str) or not text.strip():
        return LineResult(number, key, error="no text (field 'text')")
    return LineResult(number, key, text.encode("utf-8", "replace").decode())
