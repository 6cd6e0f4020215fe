"""Opens a GloVe text that lies in a plain, gzip or zip file, without unpacking it to the disk."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from sentrec.errors import GloveError

_TEXT_SUFFIXES = {".txt", ".vec"}


@dataclass(frozen=True)
class TextStream:
    """A GloVe text ready to be read.

    Attributes:
        stream: Its bytes, unpacked as they are read.
        label: File name, and name inside the archive.
        size: Length in bytes where it is known before reading.
    """

    stream: BinaryIO
    label: str
    size: int | None


def looks_like_html(start: bytes) -> bool:
    """Whether a file that starts so is a web page, e.g. the error page of a server or a login page of a network."""
    return start.lstrip()[:64].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))


@contextmanager
def open_text(path: Path, dim: int, member: str | None = None) -> Iterator[TextStream]:
    """Opens the text in `path`; its kind is told by its content, not by its name.

    Args:
        path: A text, or a gzip or zip file that holds one.
        dim: Dimensions; choose among several texts in one archive.
        member: File name of the text inside a zip archive, where it is known.

    Raises:
        GloveError: If the file is missing, unreadable, a web page, or damaged (raised while it is read, too).
    """
    with ExitStack() as stack:
        text = _open(path, dim, member, stack)
        try:
            yield text
        except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise GloveError(f"{path} is damaged: {error}.", "Download the file again.") from error


def _open(path: Path, dim: int, member: str | None, stack: ExitStack) -> TextStream:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")
        file = stack.enter_context(path.open("rb"))
        start = file.read(512)
        file.seek(0)
        if looks_like_html(start):
            raise GloveError(f"{path} is a web page, not GloVe vectors.", "Download the file again.")
        if start.startswith(b"PK\x03\x04"):
            archive = stack.enter_context(zipfile.ZipFile(file))
            info = _choose(archive, path, dim, member)
            stream = cast(BinaryIO, stack.enter_context(archive.open(info)))
            return TextStream(stream, f"{path.name}:{info.filename}", info.file_size)
        if start.startswith(b"\x1f\x8b"):
            return TextStream(cast(BinaryIO, stack.enter_context(gzip.open(file))), path.name, None)
        return TextStream(file, path.name, path.stat().st_size)
    except OSError as error:
        reason = error.strerror or str(error)
        raise GloveError(f"{path} cannot be read: {reason}.", "Give --from-file a .txt, .gz or .zip file.") from error
    except zipfile.BadZipFile as error:
        raise GloveError(f"{path} is damaged: {error}.", "Download the file again.") from error
    except (NotImplementedError, RuntimeError) as error:  # what zipfile raises for odd methods and for passwords
        raise GloveError(
            f"{path} cannot be unpacked: {error}.", "Unpack it, then give --from-file the text."
        ) from error


def _choose(archive: zipfile.ZipFile, path: Path, dim: int, member: str | None) -> zipfile.ZipInfo:
    texts = [info for info in archive.infolist() if PurePosixPath(info.filename).suffix in _TEXT_SUFFIXES]
    for wanted in (
        [info for info in texts if PurePosixPath(info.filename).name == member],
        [info for info in texts if PurePosixPath(info.filename).stem.endswith(f".{dim}d")],
        texts if member is None else [],
    ):
        if len(wanted) == 1:
            return wanted[0]
    found = ", ".join(info.filename for info in texts) or "no .txt or .vec file"
    raise GloveError(
        f"{path} does not hold {member or 'one text of ' + str(dim) + ' dimensions'}; it holds {found}.",
        "Unpack the file that you want, then give --from-file that text.",
    )
