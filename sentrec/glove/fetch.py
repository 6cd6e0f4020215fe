"""Brings GloVe vectors into the cache: from the Hugging Face hub, Stanford, a mirror or a file."""

import gzip
import logging
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from sentrec.errors import GloveError, SentrecError, shortened
from sentrec.files.lock import sole_use
from sentrec.glove.catalog import PUBLICATIONS, Publication, publication
from sentrec.glove.download import Retry, Source, download, looks_like_html, partial_bytes
from sentrec.glove.parse import LineReader, Progress
from sentrec.glove.store import GloveVectors, glove_home, open_vectors, store_vectors, vectors_path

HUB_REPOSITORY = "stanfordnlp/glove"
STANFORD_SITES = ("https://nlp.stanford.edu/data", "https://downloads.cs.stanford.edu/nlp/data")
RETRY = Retry()

_TEXT_SUFFIXES = {".txt", ".vec"}
_log = logging.getLogger(__name__)


def fetch_glove(
    name: str,
    dim: int,
    *,
    mirror: str | None = None,
    from_file: Path | str | None = None,
    force: bool = False,
    keep_archive: bool = False,
    progress: Progress | None = None,
) -> GloveVectors:
    """Fetches vectors into the cache, unless they are there, and opens them.

    Args:
        name: A published name (``6B``, ``42B``, ``840B``, ``twitter.27B``), or with `from_file` any name.
        dim: Dimensions.
        mirror: Address of a folder that holds the published archives; takes the place of the hub and Stanford.
        from_file: A GloVe text, plain or in a gzip or zip file, in place of any download.
        force: Fetch and store again even if they are in the cache.
        keep_archive: Keep the downloaded archive, for other dimensions later.
        progress: Called as the download and the parsing go on.

    Raises:
        GloveError: If the vectors do not exist, no source could give them (each with its reason), or the text
            is faulty.
        SentrecError: If the disk is full.
    """
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        hint = "Name the folder of a server: --mirror https://HOST/FOLDER. A file: --from-file FILE"
        raise GloveError(f"{shortened(mirror)!r} is no address of a mirror.", hint)
    member = publication(name).member(dim) if from_file is None or name in PUBLICATIONS else None
    if not force and (vectors := cached_vectors(name, dim)):
        return vectors
    if not force and vectors_path(name, dim).is_dir():
        _log.warning("The stored vectors in %s are damaged; they are fetched again.", vectors_path(name, dim))
    if from_file is not None:
        return _store(name, dim, Path(from_file).expanduser(), member, str(from_file), progress)
    with sole_use(glove_home() / "downloads" / publication(name).archive):  # two would write to the same file
        # Another process may have fetched the same vectors while this one waited.
        if not force and (vectors := cached_vectors(name, dim)):
            return vectors
        return _from_sources(publication(name), dim, mirror, keep_archive, progress)


def cached_vectors(name: str, dim: int) -> GloveVectors | None:
    """The vectors if they are in the cache and sound, else None."""
    if not vectors_path(name, dim).is_dir():
        return None
    try:
        return open_vectors(name, dim)
    except GloveError:
        return None


def sources(archive: str, mirror: str | None = None) -> list[Source]:
    """Where `archive` can be downloaded, best first: the mirror alone if there is one, else the hub and Stanford."""
    from huggingface_hub import hf_hub_url, is_offline_mode
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if mirror is not None:
        return [Source("mirror", f"{mirror.rstrip('/')}/{archive}")]
    stanford = [Source("Stanford", f"{site}/{archive}") for site in STANFORD_SITES]
    if is_offline_mode():
        _log.info("The Hugging Face hub is skipped, because HF_HUB_OFFLINE is set.")
        return stanford
    return [Source("Hugging Face hub", hf_hub_url(HUB_REPOSITORY, archive), build_hf_headers()), *stanford]


def _from_sources(
    published: Publication, dim: int, mirror: str | None, keep_archive: bool, progress: Progress | None
) -> GloveVectors:
    archive = glove_home() / "downloads" / published.archive
    kept = archive.exists()  # by an earlier call
    missing = published.archive_bytes - (archive.stat().st_size if kept else partial_bytes(archive))
    _require_space(archive.parent, max(0, missing) + published.stored_bytes(dim))
    failures = []
    kept_first: list[Source | None] = [None] if kept else []
    for source in kept_first + sources(published.archive, mirror):
        try:
            if source:
                _log.info("Downloading from %s: %s", source.label, source.url)
                download(source, archive, RETRY, progress)
            origin = source.url if source else str(archive)
            vectors = _store(published.name, dim, archive, published.member(dim), origin, progress)
        except KeyboardInterrupt:
            if done := partial_bytes(archive):
                _log.warning("Interrupted: the first %s are kept, the same command resumes there.", _megabytes(done))
            raise
        except GloveError as error:
            archive.unlink(missing_ok=True)  # so that the next source starts afresh
            failures.append(f"{f'{source.label} ({source.url})' if source else archive}: {error.message}")
            _log.warning("%s", failures[-1])
        else:
            if source and not keep_archive:
                archive.unlink()
            return vectors
    raise GloveError(
        "\n  - ".join((f"No source could give {published.archive}:", *failures)),
        f"Download {published.archive} with another tool, then: "
        f"sentrec fetch-glove {published.name} --dim {dim} --from-file FILE. "
        "Or name a server that has it: --mirror URL",
    )


def _store(name: str, dim: int, path: Path, member: str | None, source: str, progress: Progress | None) -> GloveVectors:
    with open_text(path, dim, member, progress) as reader:
        _require_space(glove_home(), (reader.size or 0) // 2)  # a number takes 4 bytes, and about 9 as text
        published_md5 = PUBLICATIONS[name].checksums[dim] if name in PUBLICATIONS else None
        return store_vectors(name, dim, reader, source, published_md5)


def _require_space(folder: Path, needed: int) -> None:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise SentrecError(
            f"Not enough disk space in {existing}: {_megabytes(needed)} needed, {_megabytes(free)} free.",
            "Free some space, or set SENTREC_HOME to a folder on a larger disk.",
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


@contextmanager
def open_text(
    path: Path, dim: int, member: str | None = None, progress: Progress | None = None
) -> Iterator[LineReader]:
    """Opens a text, or the one in a gzip or zip file, without unpacking it to the disk; its content tells its kind.

    Among several texts in one archive the file name `member` chooses, or `dim`. Raises a `GloveError` if the file is
    missing, unreadable, a web page, or damaged (raised while it is read, too).
    """
    with ExitStack() as stack:
        try:
            yield _open(path, dim, member, progress, stack)
        except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise GloveError(f"{path} is damaged: {error}.", "Download the file again.") from error


def _open(path: Path, dim: int, member: str | None, progress: Progress | None, stack: ExitStack) -> LineReader:
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
            return LineReader(stream, f"{path.name}:{info.filename}", info.file_size, progress)
        if start.startswith(b"\x1f\x8b"):
            return LineReader(cast(BinaryIO, stack.enter_context(gzip.open(file))), path.name, None, progress)
        return LineReader(file, path.name, path.stat().st_size, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise GloveError(f"{path} cannot be read: {reason}.", "Give --from-file a .txt, .gz or .zip file.") from error
    except (NotImplementedError, RuntimeError) as error:  # what zipfile raises for odd methods and for passwords
        fix = "Unpack it, then give --from-file the text."
        raise GloveError(f"{path} cannot be unpacked: {error}.", fix) from error


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
