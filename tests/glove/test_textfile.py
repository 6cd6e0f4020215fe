from pathlib import Path

import pytest
from glove_server import SMALL_TEXT, gzipped, zipped

from sentrec.errors import GloveError
from sentrec.glove.textfile import open_text


def read(path: Path, dim: int = 2, member: str | None = None) -> bytes:
    with open_text(path, dim, member) as text:
        return text.stream.read()


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
        with open_text(file, 2) as text:
            assert text.size == size


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
    ("members", "member", "told"),
    [
        ({"a.txt": b"", "b.txt": b""}, None, "one text of 2 dimensions; it holds a.txt, b.txt"),
        ({"a.csv": b""}, None, "it holds no .txt or .vec file"),
        ({"a.txt": b""}, "glove.6B.2d.txt", "does not hold glove.6B.2d.txt; it holds a.txt"),
    ],
)
def test_an_archive_without_the_wanted_text_tells_what_it_holds(
    file: Path, members: dict[str, bytes], member: str | None, told: str
) -> None:
    file.write_bytes(zipped(members))
    with pytest.raises(GloveError, match=told):
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
