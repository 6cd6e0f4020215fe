import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentrec.errors import GloveError
from sentrec.glove import lines
from sentrec.glove.lines import LineReader

pieces = st.lists(st.sampled_from([b"\n", b"\r\n", b"ab", b"\xe9", b" ", b"c" * 9]), max_size=60).map(b"".join)


@settings(deadline=None)
@given(text=pieces, block_bytes=st.integers(1, 40))
def test_blocks_are_whole_lines_that_together_are_the_text(text: bytes, block_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK_BYTES", block_bytes)
        reader = LineReader(io.BytesIO(text), "text")
        blocks = list(reader.blocks())
    assert b"".join(block.data for block in blocks) == text
    assert all(block.data.endswith(b"\n") for block in blocks[:-1])
    at = 1
    for block in blocks:
        assert block.first_line == at
        at += block.data.count(b"\n")
    assert reader.sha256 == hashlib.sha256(text).hexdigest()
    assert reader.md5 == hashlib.md5(text).hexdigest()
    assert reader.bytes_read == len(text)


def test_a_byte_order_mark_is_dropped_but_counts_for_the_checksum() -> None:
    text = "\ufeffthe 1\n".encode()
    reader = LineReader(io.BytesIO(text), "text")
    assert [block.data for block in reader.blocks()] == [b"the 1\n"]
    assert reader.sha256 == hashlib.sha256(text).hexdigest()


def test_endless_line_is_refused_instead_of_filling_the_memory() -> None:
    with pytest.raises(GloveError, match=r"text, line 2: no line break in 4 MB"):
        list(LineReader(io.BytesIO(b"the 1\n" + b"\0" * (9 << 20)), "text").blocks())


def test_progress_counts_bytes_up_to_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 4)
    seen: list[tuple[str, int, int | None]] = []
    list(LineReader(io.BytesIO(b"ab 1\ncd 2\n"), "t", 10, lambda *event: seen.append(event)).blocks())
    assert seen == [("parse", 4, 10), ("parse", 8, 10), ("parse", 10, 10)]


@pytest.mark.parametrize("size", [9, 11, 10**12])
def test_a_text_of_another_size_than_its_archive_states_is_damaged(size: int) -> None:
    with pytest.raises(GloveError, match="t is damaged: it holds 10 bytes instead of"):
        list(LineReader(io.BytesIO(b"ab 1\ncd 2\n"), "t", size).blocks())
