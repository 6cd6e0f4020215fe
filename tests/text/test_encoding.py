"""Encoding cuts where it is told to, gives every text a token, and is the same from the cache or without it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sentrec.files.storage import cache_home
from sentrec.text.encoding import EncodedTexts, Keep, TextEncoder, encode_cached
from sentrec.text.tokenizer import UNKNOWN_ID, build_tokenizer, clean_text, with_vocabulary

ALPHABET = "abcdefghij"
TOKENIZER = with_vocabulary(build_tokenizer(lowercase=True), list(ALPHABET))
TEXT = " ".join(ALPHABET)


def rows(encoded: EncodedTexts) -> list[list[int]]:
    """The ids of each text."""
    pairs = zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True)
    return [encoded.token_ids[start:end].tolist() for start, end in pairs]


def decoded(encoded: EncodedTexts, tokenizer: Tokenizer = TOKENIZER) -> list[str]:
    """The words of each text, joined."""
    return ["".join(str(tokenizer.id_to_token(number)) for number in row) for row in rows(encoded)]


def cache_files() -> list[Path]:
    return sorted((cache_home() / "encoded").iterdir())


def encode_texts(texts: list[str], tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> EncodedTexts:
    return TextEncoder(tokenizer, max_tokens, keep).encode(texts)


@pytest.mark.parametrize(
    ("keep", "max_tokens", "kept"),
    [
        ("head", 4, "abcd"),
        ("tail", 4, "ghij"),
        ("head-tail", 4, "abij"),
        ("head-tail", 5, "abcij"),
        ("head", 1, "a"),
        ("tail", 1, "j"),
        ("head-tail", 1, "a"),
        ("head", 10, ALPHABET),
        ("tail", 11, ALPHABET),
        ("head-tail", 10, ALPHABET),
    ],
)
def test_a_long_text_keeps_the_part_that_is_asked_for(keep: Keep, max_tokens: int, kept: str) -> None:
    assert decoded(encode_texts([TEXT], TOKENIZER, max_tokens, keep)) == [kept]


@pytest.mark.parametrize("keep", ["head", "tail", "head-tail"])
def test_cutting_afterwards_is_cutting_at_once(keep: Keep) -> None:
    texts = [" ".join(ALPHABET[:length]) for length in (3, 10, 1, 7, 8)]
    for more in range(1, 11):
        longer = encode_texts(texts, TOKENIZER, more, keep)
        for most in range(1, more + 1):
            assert rows(longer.cut(most, keep)) == rows(encode_texts(texts, TOKENIZER, most, keep))


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\u200b\ufe0f", "<br />"])
def test_a_text_without_a_token_becomes_one_unknown_word(text: str) -> None:
    assert rows(encode_texts(["a", text, "b"], TOKENIZER, 5, "head")) == [[2], [UNKNOWN_ID], [3]]


def test_no_texts_give_no_rows() -> None:
    for encode in (encode_texts, encode_cached):
        encoded = encode([], TOKENIZER, 5, "head")
        assert (len(encoded), encoded.token_ids.size, encoded.lengths().tolist()) == (0, 0, [])


@given(
    st.lists(st.text(st.sampled_from(ALPHABET + " z,"), max_size=30), max_size=20),
    st.integers(1, 12),
    st.sampled_from(["head", "tail", "head-tail"]),
)
def test_lengths_and_order_hold_for_any_texts(texts: list[str], max_tokens: int, keep: Keep) -> None:
    encoded = encode_texts(texts, TOKENIZER, max_tokens, keep)
    whole = [TOKENIZER.encode(text).ids or [UNKNOWN_ID] for text in texts]
    assert encoded.lengths().tolist() == [min(len(ids), max_tokens) for ids in whole]
    for row, ids in zip(rows(encoded), whole, strict=True):
        assert row == ids if len(ids) <= max_tokens else set(row) <= set(ids)
    assert (encoded.token_ids.dtype, encoded.offsets.dtype) == (np.int32, np.int64)


# Whatever reaches across white space, or nearly does, and signs that look like it.
FRAGMENTS = [
    *(" ", "  ", "\t", "\n", "\x0b", "\x1c", "\x85", "\xa0", "\u2000", "\u200b", "\u3000", "_", "-", "--", ":)"),
    *("a", "B", "don't", "it", "s", "n", "film", "1990s", "e", "Mr", ".", "..", "'", "''", "'n'", "n't", "\U0001f600"),
    *("\u0130", "\u03a3", "\u017f", "e\u0301", "\u0301", "\u0338", "\u037e", "\u2026"),
    *("<", ">", "/", "br", "<br />", "<BR\t/>", "<a href=x y>", "</p>", "<br\xa0/>", "<\u017f", "p", "img", "h1", "="),
    *('"', "(", ")", ",", "!", "?", ":", "mrs", "Dr.", "a-b", "D"),
    *("&", ";", "#", "39", "#39;", " #39;s", " #039;", "&#39;", "&lt;", "&gt;", "&amp;", "&quot;", "quot;", "&nbsp;"),
    *("nbsp;", "&lt"),
]


@given(st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), max_size=4))
def test_remembered_chunks_give_the_tokens_of_the_whole_text(texts: list[str]) -> None:
    rules = build_tokenizer(lowercase=True)
    whole = [rules.pre_tokenizer.pre_tokenize_str(rules.normalizer.normalize_str(clean_text(text))) for text in texts]
    words = sorted({word for tokens in whole for word, _ in tokens})
    encoder = TextEncoder(with_vocabulary(rules, words), 100, "head")
    expected = [[words.index(word) + 2 for word, _ in tokens] or [UNKNOWN_ID] for tokens in whole]
    for copies in (1, 1, 64):  # many texts are taken apart by other means than few
        assert rows(encoder.encode(texts * copies)) == expected * copies


def test_a_chunk_is_split_once_however_often_it_occurs() -> None:
    class Counting:
        def __init__(self) -> None:
            self.split: list[str] = []

        def __getattr__(self, name: str) -> object:
            return getattr(TOKENIZER, name)

        def encode_batch(self, texts: list[str], add_special_tokens: bool) -> object:
            self.split += " ".join(texts).split()
            return TOKENIZER.encode_batch(texts, add_special_tokens=add_special_tokens)

        def encode_batch_fast(self, texts: list[str], add_special_tokens: bool) -> object:
            self.split += texts
            return TOKENIZER.encode_batch_fast(texts, add_special_tokens=add_special_tokens)

    tokenizer = Counting()
    encoder = TextEncoder(tokenizer, 10, "head")  # type: ignore[arg-type]
    for texts in (["a1 b a1", "\xe9 b"], ["b a1 \xe9 c3"]):
        encoder.encode(texts)
    assert sorted(tokenizer.split) == ["a1", "c3", "\xe9"]


def test_memory_does_not_grow_with_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrec.text.encoding.REMEMBERED_CHARACTERS", 10)
    encoder = TextEncoder(TOKENIZER, 10, "head")
    for number in range(50):
        assert rows(encoder.encode([f"a {number} b"])) == [[2, UNKNOWN_ID, 3]]
    assert len(encoder._ids_of) <= 10


def test_threads_may_share_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrec.text.encoding.REMEMBERED_CHARACTERS", 100)
    encoder = TextEncoder(TOKENIZER, 10, "head")
    batches = [[f"a {number + offset} b" for offset in range(40)] for number in range(100)]
    with ThreadPoolExecutor(4) as pool:
        for encoded in pool.map(encoder.encode, batches):
            assert rows(encoded) == [[2, UNKNOWN_ID, 3]] * 40


def test_more_texts_than_one_chunk_keep_their_order() -> None:
    texts = [ALPHABET[number % 10] for number in range(10_000)]
    assert decoded(encode_texts(texts, TOKENIZER, 5, "head")) == texts


def test_the_cache_gives_the_same_as_no_cache(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    texts = [TEXT, "", "b unheard c"]
    expected = rows(encode_texts(texts, TOKENIZER, 4, "head-tail"))
    for _ in range(2):
        assert rows(encode_cached(texts, TOKENIZER, 4, "head-tail")) == expected
    assert caplog.text.count("Tokenizing 3 texts") == 1, "the second time it was read from the cache"


def test_a_change_of_anything_is_encoded_anew() -> None:
    other = with_vocabulary(build_tokenizer(lowercase=False), list(ALPHABET))
    encode_cached([TEXT], TOKENIZER, 4, "head")
    encode_cached([TEXT + " a"], TOKENIZER, 4, "head")
    encode_cached([TEXT], TOKENIZER, 5, "head")
    encode_cached([TEXT], TOKENIZER, 4, "tail")
    encode_cached([TEXT], other, 4, "head")
    encode_cached([TEXT], TOKENIZER, 4, "head")
    assert len(cache_files()) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"\0" * len(content),
        lambda content: b"<html>not Arrow</html>",
    ],
    ids=["empty", "cut", "zeros", "other"],
)
def test_a_broken_cache_file_is_made_anew(damage: object, caplog: pytest.LogCaptureFixture) -> None:
    expected = rows(encode_cached([TEXT, "a b"], TOKENIZER, 4, "head"))
    [file] = cache_files()
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert rows(encode_cached([TEXT, "a b"], TOKENIZER, 4, "head")) == expected
    assert f"{file} cannot be read" in caplog.text
    caplog.clear()
    assert rows(encode_cached([TEXT, "a b"], TOKENIZER, 4, "head")) == expected
    assert not caplog.text
