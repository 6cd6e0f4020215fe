"""Brings GloVe vectors into the cache: from the Hugging Face hub, Stanford, a mirror or a file."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentrec.errors import GloveError, SentrecError, shortened
from sentrec.files.lock import sole_use
from sentrec.glove.catalog import PUBLICATIONS, Publication, publication
from sentrec.glove.download import Retry, Source, download, partial_bytes
from sentrec.glove.lines import LineReader, Progress
from sentrec.glove.store import GloveVectors, glove_home, open_vectors, store_vectors, vectors_path
from sentrec.glove.textfile import open_text

HUB_REPOSITORY = "stanfordnlp/glove"
STANFORD_SITES = ("https://nlp.stanford.edu/data", "https://downloads.cs.stanford.edu/nlp/data")
RETRY = Retry()

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
    """Brings vectors into the cache, unless they lie there, and opens them.

    Args:
        name: A published name (``6B``, ``42B``, ``840B``, ``twitter.27B``), or with `from_file` any name.
        dim: Dimensions.
        mirror: Address of a folder that holds the published archives; takes the place of the hub and Stanford.
        from_file: A GloVe text, plain or in a gzip or zip file, in place of any download.
        force: Fetch and store again even if they are in the cache.
        keep_archive: Keep the downloaded archive, for other dimensions later.
        progress: Told how far the download and the parsing are.

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
    if mirror is not None:
        return [Source("mirror", f"{mirror.rstrip('/')}/{archive}")]
    stanford = [Source("Stanford", f"{site}/{archive}") for site in STANFORD_SITES]
    return [*_hub(archive), *stanford]


def _hub(archive: str) -> list[Source]:
    from huggingface_hub import hf_hub_url, is_offline_mode
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if is_offline_mode():
        _log.info("The Hugging Face hub is skipped, because HF_HUB_OFFLINE is set.")
        return []
    return [Source("Hugging Face hub", hf_hub_url(HUB_REPOSITORY, archive), build_hf_headers())]


def _from_sources(
    published: Publication, dim: int, mirror: str | None, keep_archive: bool, progress: Progress | None
) -> GloveVectors:
    archive = glove_home() / "downloads" / published.archive
    missing = published.archive_bytes - (archive.stat().st_size if archive.exists() else partial_bytes(archive))
    require_space(archive.parent, max(0, missing) + published.stored_bytes(dim))
    failures = []
    if archive.exists():
        try:
            return _from_archive(published, dim, archive, str(archive), True, progress)
        except GloveError as error:
            failures.append(f"{archive}: {error.message}")
            _log.warning("%s", failures[-1])
    for source in sources(published.archive, mirror):
        try:
            _log.info("Downloading from %s: %s", source.label, source.url)
            with _keeping_partial(archive):
                download(source, archive, RETRY, progress)
            return _from_archive(published, dim, archive, source.url, keep_archive, progress)
        except GloveError as error:
            failures.append(f"{source.label} ({source.url}): {error.message}")
            _log.warning("%s", failures[-1])
    raise GloveError(
        "\n  - ".join((f"No source could give {published.archive}:", *failures)),
        f"Download {published.archive} with another tool, then: "
        f"sentrec fetch-glove {published.name} --dim {dim} --from-file FILE. "
        "Or name a server that has it: --mirror URL",
    )


def _from_archive(
    published: Publication, dim: int, archive: Path, source: str, keep: bool, progress: Progress | None
) -> GloveVectors:
    """Stores from a downloaded archive. A bad one is removed, so that the next source starts afresh."""
    try:
        vectors = _store(published.name, dim, archive, published.member(dim), source, progress)
    except GloveError:
        archive.unlink()
        raise
    if not keep:
        archive.unlink()
    return vectors


def _store(name: str, dim: int, path: Path, member: str | None, source: str, progress: Progress | None) -> GloveVectors:
    with open_text(path, dim, member) as text:
        if text.size is not None:
            require_space(glove_home(), text.size // 2)  # a number takes 4 bytes, and about 9 as text
        published_md5 = PUBLICATIONS[name].checksums[dim] if name in PUBLICATIONS else None
        reader = LineReader(text.stream, text.label, text.size, progress)
        return store_vectors(name, dim, reader, source, published_md5)


def require_space(folder: Path, needed: int) -> None:
    """Checks that there is room for `needed` bytes where `folder` lies or will lie.

    Raises:
        SentrecError: If there is not.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise SentrecError(
            f"Not enough disk space in {existing}: {megabytes(needed)} needed, {megabytes(free)} free.",
            "Free some space, or set SENTREC_HOME to a folder on a larger disk.",
        )


def megabytes(count: int) -> str:
    """A number of bytes for people, e.g. ``862 MB``."""
    return f"{count / 1e6:,.0f} MB"


@contextmanager
def _keeping_partial(archive: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if done := partial_bytes(archive):
            _log.warning("Interrupted: the first %s are kept, the same command resumes there.", megabytes(done))
        raise
