from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentrec.adapt import cooccurrence, tokens
from sentrec.adapt.cooccurrence import Cooccurrences, count_cooccurrences, open_cooccurrences
from sentrec.adapt.tokens import open_positions, open_tokens, word_starts, write_positions, write_tokens
from sentrec.text.tokenizer import build_tokenizer

WORDS = [f"w{number}" for number in range(9)]


def silent(_: int) -> None:
    pass


def count(folder: Path, texts: list[list[str]], window: int, gap: int | None = None, threads: int = 2) -> Cooccurrences:
    folder.mkdir(exist_ok=True)
    gap = window if gap is None else gap
    batches = [[" ".join(text) for text in texts[start : start + 2]] for start in range(0, len(texts), 2)]
    write_tokens(folder / "tokens.bin", build_tokenizer(True), WORDS, batches, gap, silent)
    stream = open_tokens(folder / "tokens.bin", len(WORDS), gap)
    starts = word_starts(stream)
    write_positions(folder / "positions.bin", stream, starts)
    positions = open_positions(folder / "positions.bin", stream)
    count_cooccurrences(folder, stream, positions, starts, window, threads, silent)
    return open_cooccurrences(folder)


def dense(counts: Cooccurrences) -> np.ndarray:
    table = np.zeros((counts.words, counts.words))
    for row in range(counts.words):
        entries = slice(counts.ends[row], counts.ends[row + 1])
        table[row, counts.columns[entries]] = counts.counts[entries]
    return table


def counted_by_hand(texts: list[list[str]], window: int) -> np.ndarray:
    found: dict[tuple[int, int], float] = defaultdict(float)
    for text in texts:
        for i, one in enumerate(text):
            for j, other in enumerate(text):
                if i != j and abs(i - j) <= window and one in WORDS and other in WORDS:
                    found[WORDS.index(one), WORDS.index(other)] += 1 / abs(i - j)
    table = np.zeros((len(WORDS), len(WORDS)))
    for cell, value in found.items():
        table[cell] = value
    return table


TEXTS = st.lists(st.lists(st.sampled_from([*WORDS, "outside"]), min_size=1, max_size=30), min_size=1, max_size=12)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS.filter(lambda texts: any(set(text) & set(WORDS) for text in texts)), window=st.integers(1, 6))
def test_counts_are_those_of_a_naive_count(
    texts: list[list[str]], window: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # So small that rows, windows and the sorted parts of the stream are divided in every way.
        patch.setattr(cooccurrence, "_CELLS", 25)
        patch.setattr(cooccurrence, "_POSITIONS", 3)
        patch.setattr(tokens, "_SORTED_AT_ONCE", 7)
        counts = count(tmp_path_factory.mktemp("counts"), texts, window)
    np.testing.assert_allclose(dense(counts), counted_by_hand(texts, window), rtol=1e-5)
    assert (counts.counts > 0).all()


def test_counts_are_symmetric_and_columns_ascend(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    counts = count(tmp_path, [chance.choice(WORDS, 40).tolist() for _ in range(30)], 5)
    table = dense(counts)
    np.testing.assert_allclose(table, table.T, rtol=1e-5)
    for row in range(counts.words):
        assert (np.diff(counts.columns[counts.ends[row] : counts.ends[row + 1]]) > 0).all()


def test_the_number_of_threads_changes_no_bit(tmp_path: Path) -> None:
    texts = [np.random.default_rng(seed).choice(WORDS, 50).tolist() for seed in range(20)]
    one, several = (count(tmp_path / str(threads), texts, 4, threads=threads) for threads in (1, 5))
    np.testing.assert_array_equal(dense(one), dense(several))


@pytest.mark.parametrize("lost", [0, 1, 3, 7])
def test_an_interrupted_count_goes_on_behind_its_last_whole_row(tmp_path: Path, lost: int) -> None:
    texts = [np.random.default_rng(seed).choice(WORDS, 50).tolist() for seed in range(20)]
    whole = dense(count(tmp_path / "whole", texts, 4))
    count(tmp_path / "cut", texts, 4)
    lengths = tmp_path / "cut" / "lengths.bin"
    # As a kill leaves it: entries of a row that was not finished, and half a length.
    lengths.write_bytes(lengths.read_bytes()[: 8 * (len(WORDS) - lost) - (3 if lost else 0)])
    stream = open_tokens(tmp_path / "cut" / "tokens.bin", len(WORDS), 4)
    positions = open_positions(tmp_path / "cut" / "positions.bin", stream)
    told: list[int] = []
    count_cooccurrences(tmp_path / "cut", stream, positions, word_starts(stream), 4, 2, told.append)
    np.testing.assert_array_equal(dense(open_cooccurrences(tmp_path / "cut")), whole)
    assert bool(told) == bool(lost)


def test_a_window_wider_than_the_gap_between_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reaches across the gap"):
        count(tmp_path, [["w1", "w2"]], window=5, gap=2)
