import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sentrec.errors import GloveError
from sentrec.glove import parse as module
from sentrec.glove.parse import Block, LineReader, parse_block, parse_carefully, parse_plain, parse_text

DIM = 3

odd_bytes = (*b"\" ' nan NaN null NA #N/A 1 -0.5 , \\".split(b" "), b"", b"\t", b"\xa0", b"\xff\xfe")
odd_texts = ("\ufeff", "\u0085", "\u2028", "\0", "\x1a", '"a', 'a"b', "<unk>", "inf", "a\rb")
odd_words = st.sampled_from([*odd_bytes, *map(str.encode, odd_texts)])
words = odd_words | st.text(min_size=1, max_size=8).map(str.encode).filter(lambda word: not set(word) & set(b" \n"))
words_with_spaces = st.lists(st.sampled_from([b".", b"at", b"name@domain.com", b"\xc2\xa0"]), min_size=1, max_size=4)
any_word = words | words_with_spaces.map(b" ".join)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
numbers = floats.map(repr) | floats.map(lambda value: f"{value:.5g}") | st.integers(-9, 9).map(str)


def rows_of(word: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[tuple[bytes, list[str]]]]:
    return st.lists(st.tuples(word, st.lists(numbers, min_size=DIM, max_size=DIM)), min_size=1, max_size=12)


def as_text(rows: list[tuple[bytes, list[str]]], line_break: bytes = b"\n") -> bytes:
    return b"".join(b" ".join([word, *(number.encode() for number in row)]) + line_break for word, row in rows)


def parse(text: bytes, dim: int = DIM) -> tuple[list[str], np.ndarray]:
    parts: list[np.ndarray] = []
    parsed = parse_text(LineReader(io.BytesIO(text), "file.txt"), dim, parts.append)
    return parsed.words.to_pylist(), np.concatenate(parts)


@settings(deadline=None)
@given(rows=rows_of(words))
def test_plain_lines_take_the_fast_path(rows: list[tuple[bytes, list[str]]]) -> None:
    assume(not any(b"\r" in word or word.startswith(b"\xef\xbb\xbf") for word, _ in rows))
    block = Block("file.txt", 1, as_text(rows))
    plain, careful = parse_plain(block.data, DIM), parse_carefully(block, DIM)
    assert plain is not None
    assert plain.words.equals(careful.words)
    np.testing.assert_array_equal(plain.matrix, careful.matrix)


any_bytes = st.binary(max_size=60) | st.text('ab0.1 \n\r-e"\t\0', max_size=60).map(str.encode)


@settings(deadline=None)
@given(data=any_bytes | rows_of(words).map(as_text), dim=st.sampled_from([2, DIM]))
def test_the_paths_agree_on_any_bytes_even_on_whether_they_are_faulty(data: bytes, dim: int) -> None:
    block = Block("file.txt", 1, data)
    try:
        careful = parse_carefully(block, dim)
    except GloveError:
        with pytest.raises(GloveError):
            parse_block(block, dim)
        return
    chosen = parse_block(block, dim)
    assert chosen.words.equals(careful.words)
    np.testing.assert_array_equal(chosen.matrix, careful.matrix)


@settings(deadline=None)
@given(rows=rows_of(any_word), line_break=st.sampled_from([b"\n", b"\r\n", b" \n", b"\n\n"]), block=st.integers(8, 200))
def test_every_word_and_number_is_read_as_written(
    rows: list[tuple[bytes, list[str]]], line_break: bytes, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block)
        # A byte order mark in front of everything belongs to the file, not to its first word.
        found, matrix = parse(as_text([(b"first", ["0"] * DIM), *rows], line_break))
    expected = {"first": ["0"] * DIM}
    for word, row in rows:
        expected.setdefault(word.decode("utf-8", errors="replace"), row)
    assert found == list(expected)
    values = np.array([[np.float32(number) for number in row] for row in expected.values()], np.float32)
    np.testing.assert_allclose(matrix, values, rtol=1.2e-7, atol=0)


@pytest.mark.parametrize("word", ['"', "nan", "null", "NA", "NaN", "", "1", "''", "#N/A", "true"])
def test_words_that_mean_something_to_a_csv_reader_stay_words(word: str) -> None:
    assert parse(f"{word} 1 2 3\nx 4 5 6\n".encode())[0] == [word, "x"]


def test_words_with_spaces_take_all_but_the_last_fields() -> None:
    found, matrix = parse(b". . . 1 2 3\nat name@domain.com 4 5 6\n")
    assert found == [". . .", "at name@domain.com"]
    np.testing.assert_array_equal(matrix, np.array([[1, 2, 3], [4, 5, 6]], np.float32))


def test_bytes_that_are_not_utf8_become_replacement_characters_and_are_counted() -> None:
    reader = LineReader(io.BytesIO(b"caf\xe9 1\n\xe2\x82 2\nok 3\n"), "file.txt")
    parsed = parse_text(reader, 1, lambda matrix: None)
    assert parsed.words.to_pylist() == ["caf\ufffd", "\ufffd", "ok"]
    assert parsed.words.type == pa.string()
    assert parsed.not_utf8 == 2


def test_a_last_line_without_line_break_counts() -> None:
    assert parse(b"a 1 2 3\nb 4 5 6")[0] == ["a", "b"]


def test_a_word2vec_header_is_skipped() -> None:
    assert parse(b"2 3\na 1 2 3\nb 4 5 6\n")[0] == ["a", "b"]


def test_without_a_header_a_number_is_a_word() -> None:
    assert parse(b"2 3 1 2\n", 3)[0] == ["2"]
    assert parse(b"2 3\n", 1)[0] == ["2"]


def test_a_header_that_promises_more_words_than_there_are_tells_of_a_cut_file() -> None:
    with pytest.raises(GloveError, match=r"promises 3 words, the text holds 2"):
        parse(b"3 3\na 1 2 3\nb 4 5 6\n")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b"a 1 2 3\nb 1 2\n", 2, "2 numbers where 3 were expected"),
        (b"a 1 2 3\nb\n", 2, "0 numbers where 3"),
        (b"a 1 2 3\n\n\nb 1 2 3 4\n", 4, "more than 3 numbers"),
        (b"a 1 2 3\ncatch 22 1 2 3\n", 2, "a word of several parts may not end in a number"),
        (b"a 1 2 3\nnew york 1 2 x\n", 2, "'x' is not a number"),
        (b"a 1 2 3\nb 1  3\n", 2, "'' is not a number"),
        (b"a 1 2 3\nb 1 nan 3\n", 2, "not finite"),
        (b"a 1 2 3\nb 1 2 3\nc 1 -inf 3\n", 3, "not finite"),
        (b"a 1 2 3\nb 1 1e99 3\n", 2, "not finite"),
        (b"2 3\na 1 2 3\nb 1 2\n", 3, "2 numbers"),
        (b"a 1 2 3\nb 1 2 \xff\n", 2, "is not a number"),
    ],
)
def test_a_faulty_line_is_named_with_its_number(text: bytes, line: int, reason: str) -> None:
    with pytest.raises(GloveError) as caught:
        parse(text)
    assert f"file.txt, line {line}: " in caught.value.message
    assert reason in caught.value.message
    assert caught.value.hint


@settings(deadline=None)
@given(before=st.integers(0, 40), block=st.integers(10, 100))
def test_the_line_number_does_not_depend_on_the_blocks(before: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block)
        with pytest.raises(GloveError, match=rf"line {before + 2}: 1 numbers"):
            parse(b"a 1 2 3\n" * (before + 1) + b"b 1\n" + b"c 1 2 3\n" * 20)


@pytest.mark.parametrize(("text", "found"), [(b"a 1 2\nb 3 4\n", 2), (b"9 5\na 1 2 3 4 5\n", 5), (b"1 1 2 3 4\n", 4)])
def test_vectors_of_another_size_are_told_apart_from_a_faulty_line(text: bytes, found: int) -> None:
    with pytest.raises(GloveError, match=f"file.txt holds vectors of {found} dimensions, not 3") as caught:
        parse(text)
    assert caught.value.hint == f"Use --dim {found}."


@pytest.mark.parametrize("text", [b"", b"\n\n", b" \n"])
def test_an_empty_text_is_an_error(text: bytes) -> None:
    with pytest.raises(GloveError, match="no vectors"):
        parse(text)
