"""Rows of any input are classified in their order, one result each."""

import io
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import sentrec
from sentrec.data.sources import Source
from sentrec.data.text_rows import Row
from sentrec.errors import Interrupted
from sentrec.files.lock import BusyError
from sentrec.inference.lines import (
    RowResult,
    classify_rows,
    classify_source,
    kept_answers,
    language_groups,
    script_of,
    unknown_share,
)
from sentrec.inference.predictor import Predictor
from sentrec.runs.directory import Run

GOOD, BAD = "the film was lovely and superb", "the film was dull and tedious"


@pytest.fixture(scope="module")
def predictor(small_run: Run) -> Predictor:
    return sentrec.load(small_run.path)


def classified(predictor: Predictor, monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[RowResult]:
    """What comes of standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return list(classify_source(predictor, Source("-")))


def test_every_line_gives_one_result_in_its_order(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    results = classified(predictor, monkeypatch, f"{GOOD}\n\n".encode() + b"caf\xe9 \n" + f"{BAD} 😡 é".encode())
    assert [one.line for one in results] == [1, 2, 3, 4]
    errors = [None, "no text (field 'text')", "not UTF-8: byte 0xe9 at 4", None]
    assert [one.error for one in results] == errors
    assert [one.prediction.label for one in results if one.prediction] == ["good", "bad"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(
    "content",
    [
        f'{{"id": 1, "text": "{GOOD}"}}\n{{"id": 2, "text": "{BAD}"}}\n',
        f'[\n {{"id": 1, "text": "{GOOD}"}},\n {{"id": 2, "text": "{BAD}"}}\n]\n',
        f'[{{"id": 1, "text": "{GOOD}"}}, {{"id": 2, "text": "{BAD}"}}]',
        f"id;review\n1;{GOOD}\n2;{BAD}\n",
        f"{{spoiler alert}} {GOOD}\n{BAD}\n",
    ],
)
def test_standard_input_is_told_by_its_content(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, content: str, encoding: str
) -> None:
    results = classified(predictor, monkeypatch, content.encode(encoding))
    assert [one.prediction and one.prediction.label for one in results] == ["good", "bad"]
    assert [str(one.id) for one in results] == (["None"] * 2 if "{spoiler" in content else ["1", "2"])


def test_bad_rows_keep_their_place_and_ids_are_json(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        b'{"id": NaN, "text": "lovely"}',
        b'{"id": 1e999, "text": "lovely"}',
        b"{oops",
        b'{"id": "b"}',
        b"[1]",
        b'{"id": "\\ud83d", "text": "half \\ud83d"}',
        b'{"id": ' + b"1" * 5000 + b"}",
    ]
    results = classified(predictor, monkeypatch, b"\n".join(lines))
    for one in results:
        json.dumps(one.to_dict(), ensure_ascii=False, allow_nan=False).encode()
    assert [one.id for one in results] == [None, None, None, "b", None, "?", None]
    assert [one.error.partition(":")[0] for one in results if one.error] == [
        *("not JSON", "no text (field 'text')", "not a JSON object", "not JSON")
    ]
    assert results[5].text == "half ?"


def test_one_row_at_a_time_is_answered_before_the_next_is_read(predictor: Predictor) -> None:
    read: list[int] = []

    def typed() -> Iterator[Row]:
        for number in (1, 2, 3):
            read.append(number)
            yield Row(number, {"text": GOOD})

    results = classify_rows(predictor, typed(), chunk_rows=1)
    for number in (1, 2, 3):
        assert next(results).line == len(read) == number


def test_rows_are_classified_before_very_long_ones_fill_the_memory(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrec.text.encoding.CHUNK_CHARACTERS", 100)
    given = iter([Row(1, {"text": "x" * 60}), Row(2, {"text": "y" * 60}), Row(3, {"text": "z"})])
    results = classify_rows(predictor, given)
    assert next(results).text == "x" * 60
    assert next(given).line == 3


def test_the_only_column_of_a_table_is_the_text(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"Kommentare\n{GOOD}\n")
    (result,) = classify_source(predictor, Source(str(tmp_path / "a.csv")))
    assert result.text == GOOD


def test_the_share_of_unknown_words_is_told(predictor: Predictor) -> None:
    assert unknown_share(predictor, [GOOD, BAD]) == 0
    assert unknown_share(predictor, ["这部电影非常好看"]) == 1
    assert unknown_share(predictor, []) == 0


def _take_five_and_stop(results: Iterator[RowResult]) -> None:
    assert len(list(islice(results, 5))) == 5
    raise KeyboardInterrupt


def test_what_was_stopped_goes_on_to_the_same_answers(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("\n".join(f"{GOOD} {number}" for number in range(10)))
    source = Source(str(tmp_path / "a.txt"))
    whole = list(classify_source(predictor, source, chunk_rows=2))
    with pytest.raises(Interrupted, match="is kept"), kept_answers(predictor, source.path) as kept:
        _take_five_and_stop(classify_source(predictor, source, chunk_rows=2, kept=kept))
    broken, *_ = sorted(kept.iterdir())
    broken.write_text("[{}]")
    asked: list[str] = []
    predict = predictor.predict
    monkeypatch.setattr(predictor, "predict", lambda texts: asked.extend(texts) or predict(texts))
    with kept_answers(predictor, source.path) as kept:
        assert list(classify_source(predictor, source, chunk_rows=2, kept=kept)) == whole
    assert len(asked) == 10 - 6 + 2, "all but the three chunks that were kept, of which one broke"
    assert not kept.exists()


def test_texts_are_grouped_by_script_and_known_words(predictor: Predictor) -> None:
    rows = (Row(line, {"text": text}) for line, text in enumerate([GOOD, "un film très émouvant", BAD, "Фильм", ""], 1))
    groups = language_groups(predictor, classify_rows(predictor, rows))
    assert [(one.script, one.is_known, one.rows, one.line) for one in groups] == [
        ("Latin", True, 2, 1),
        ("Latin", False, 1, 2),
        ("Cyrillic", False, 1, 4),
    ]
    assert groups[0].known == 1
    assert groups[2].example == "Фильм"
    assert [script_of(text) for text in ("这部", "8/10 👍", "мир hi мир")] == ["Cjk", "none", "Cyrillic"]


def test_two_commands_do_not_share_the_kept_answers_of_one_file(predictor: Predictor) -> None:
    def keep() -> None:
        with kept_answers(predictor, "reviews.csv"):
            pass

    with kept_answers(predictor, "reviews.csv"), pytest.raises(BusyError, match="another process"):
        keep()
    keep()
