import hashlib
import io
from pathlib import Path

import pytest
from glove_server import SMALL_TEXT, gzipped, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from sentrec.errors import GloveError
from sentrec.glove import parse as module
from sentrec.glove.fetch import open_text
from sentrec.glove.parse import LineReader


def read(path: Path, dim: int = 2, member: str | None = None) -> bytes:
    with open_text(path, dim, member) as reader:
        return b"".join(block.data for block in reader.blocks())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "any-name"


@pytest.mark.parametrize("content", [SMALL_TEXT, gzipped(SMALL_TEXT), zipped({"x.txt": SMALL_TEXT})])
def test_the_kind_is_told_by_content_not_by_name(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert read(file) == SMALL_TEXT


def test_the_size_is_that_of_the_text_where_it_is_known(file: Path) -> None:
    for content, size in ((SMALL_TEXT, len(SMALL_TEXT)), (zipped({"x.txt": SMALL_TEXT}), len(SMALL_TEXT))):
        file.write_bytes(content)
        with open_text(file, 2) as reader:
            assert reader.size == size


@pytest.mark.parametrize(
    ("members", "dim", "member"),
    [
        (["glove.6B.1d.txt", "glove.6B.2d.txt", "glove.6B.12d.txt"], 2, None),
        (["a.txt", "folder/wanted.txt"], 2, "wanted.txt"),
        (["readme.md", "only.vec"], 2, None),
        (["glove.6B.2d.txt"], 2, "glove.other.2d.txt"),
    ],
)
def test_the_wanted_text_of_an_archive_is_chosen(file: Path, members: list[str], dim: int, member: str | None) -> None:
    wanted = {name: SMALL_TEXT if "2d" in name or "wanted" in name or "only" in name else b"no" for name in members}
    wanted |= {name: b"no" for name in members if "12d" in name}
    file.write_bytes(zipped(wanted))
    assert read(file, dim, member) == SMALL_TEXT


@pytest.mark.parametrize(
    ("members", "member", "reason"),
    [
        ({"a.txt": b"", "b.txt": b""}, None, "one text of 2 dimensions; it holds a.txt, b.txt"),
        ({"a.csv": b""}, None, "it holds no .txt or .vec file"),
        ({"a.txt": b""}, "glove.6B.2d.txt", "does not hold glove.6B.2d.txt; it holds a.txt"),
    ],
)
def test_an_archive_without_the_wanted_text_tells_what_it_holds(
    file: Path, members: dict[str, bytes], member: str | None, reason: str
) -> None:
    file.write_bytes(zipped(members))
    with pytest.raises(GloveError, match=reason):
        read(file, member=member)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>503", b"\n <html>login</html>", b"<HTML>"])
def test_a_web_page_is_refused(file: Path, page: bytes) -> None:
    file.write_bytes(page)
    with pytest.raises(GloveError, match="web page"):
        read(file)


LONG = b"".join(b"word%d 0.%d 1\n" % (n, n * 7919) for n in range(2000))


@pytest.mark.parametrize(
    "content",
    [
        zipped({"x.txt": LONG})[:-30],
        zipped({"x.txt": LONG}).replace(zipped({"x.txt": LONG})[200:210], b"0123456789"),
        gzipped(LONG)[:-30],
        gzipped(LONG)[:300] + b"0123456789" + gzipped(LONG)[310:],
    ],
    ids=["cut zip", "garbled zip", "cut gzip", "garbled gzip"],
)
def test_a_damaged_file_is_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(GloveError, match="is damaged"):
        read(file)


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.txt", "No such file"), (tmp_path, "no regular file")):
        with pytest.raises(GloveError, match=reason):
            read(path)


def test_errors_of_the_reader_pass_unchanged(file: Path) -> None:
    file.write_bytes(SMALL_TEXT)
    with pytest.raises(PermissionError), open_text(file, 2):
        raise PermissionError("elsewhere")


pieces = st.lists(st.sampled_from([b"\n", b"\r\n", b"ab", b"\xe9", b" ", b"c" * 9]), max_size=60).map(b"".join)


@settings(deadline=None)
@given(text=pieces, block_bytes=st.integers(1, 40))
def test_blocks_are_whole_lines_that_together_are_the_text(text: bytes, block_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block_bytes)
        reader = LineReader(io.BytesIO(text), "text")
        blocks = list(reader.blocks())
    assert b"".join(block.data for block in blocks) == text
    assert all(block.data.endswith(b"\n") for block in blocks[:-1])
    at = 1
    for block in blocks:
        assert block.first_line == at
        at += block.data.count(b"\n")
    assert reader.sha256.hexdigest() == hashlib.sha256(text).hexdigest()
    assert reader.md5.hexdigest() == hashlib.md5(text).hexdigest()
    assert reader.bytes_read == len(text)


def test_a_byte_order_mark_is_dropped_but_counts_for_the_checksum() -> None:
    text = "\ufeffthe 1\n".encode()
    reader = LineReader(io.BytesIO(text), "text")
    assert [block.data for block in reader.blocks()] == [b"the 1\n"]
    assert reader.sha256.hexdigest() == hashlib.sha256(text).hexdigest()


def test_endless_line_is_refused_instead_of_filling_the_memory() -> None:
    with pytest.raises(GloveError, match=r"text, line 2: no line break in 4 MB"):
        list(LineReader(io.BytesIO(b"the 1\n" + b"\0" * (9 << 20)), "text").blocks())


def test_progress_counts_bytes_up_to_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 4)
    seen: list[tuple[str, int, int | None]] = []
    list(LineReader(io.BytesIO(b"ab 1\ncd 2\n"), "t", 10, lambda *event: seen.append(event)).blocks())
    assert seen == [("parse", 4, 10), ("parse", 8, 10), ("parse", 10, 10)]


@pytest.mark.parametrize("size", [9, 11, 10**12])
def test_a_text_of_another_size_than_its_archive_states_is_damaged(size: int) -> None:
    with pytest.raises(GloveError, match="t is damaged: it holds 10 bytes instead of"):
        list(LineReader(io.BytesIO(b"ab 1\ncd 2\n"), "t", size).blocks())
