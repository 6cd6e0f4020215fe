import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from glove_server import SMALL_TEXT, ArchiveServer, Fault, gzipped, serve, zipped

from sentrec.errors import GloveError, SentrecError
from sentrec.glove import fetch as module
from sentrec.glove.catalog import PUBLICATIONS, Publication
from sentrec.glove.download import Retry, partial_bytes
from sentrec.glove.fetch import fetch_glove, sources
from sentrec.glove.store import cached, glove_home, open_vectors

OTHER_TEXT = b"the 1 2 3\n"
ARCHIVE = zipped({"glove.tiny.2d.txt": SMALL_TEXT, "glove.tiny.3d.txt": OTHER_TEXT})
WRONG = zipped({"glove.tiny.2d.txt": b"the 9 9\n"})


def tiny(archive_bytes: int = len(ARCHIVE)) -> Publication:
    checksums = {2: hashlib.md5(SMALL_TEXT).hexdigest(), 3: None}
    return Publication("tiny", "glove.tiny.zip", archive_bytes, 3, "for tests", checksums)


class Sites(NamedTuple):
    """The two Stanford sites, played on loopback."""

    first: ArchiveServer
    second: ArchiveServer


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    monkeypatch.setitem(PUBLICATIONS, "tiny", tiny())
    monkeypatch.setattr(module, "RETRY", Retry(attempts=2, first_pause=0.001))
    with serve({"glove.tiny.zip": ARCHIVE}) as first, serve({"glove.tiny.zip": ARCHIVE}) as second:
        monkeypatch.setattr(module, "STANFORD_SITES", (first.url, second.url))
        yield Sites(first, second)


def downloads() -> list[str]:
    folder = glove_home() / "downloads"
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []


def test_vectors_are_fetched_verified_and_only_the_wanted_text_is_kept(sites: Sites) -> None:
    vectors = fetch_glove("tiny", 2)
    assert vectors.words.to_pylist() == ["the", ",", "film"]
    assert vectors.info.verified
    assert vectors.info.source == f"{sites.first.url}/glove.tiny.zip"
    assert [(entry.name, entry.dim) for entry in cached()] == [("tiny", 2)]
    assert downloads() == []


@pytest.mark.parametrize("force", [False, True])
def test_a_second_call_asks_no_server_unless_it_is_forced(sites: Sites, force: bool) -> None:
    assert fetch_glove("tiny", 2).fingerprint == fetch_glove("tiny", 2, force=force).fingerprint
    assert len(sites.first.requests) == 1 + force


def test_a_kept_archive_serves_other_dimensions_without_network(sites: Sites) -> None:
    fetch_glove("tiny", 2, keep_archive=True)
    assert downloads() == ["glove.tiny.zip"]
    assert fetch_glove("tiny", 3).dim == 3
    assert len(sites.first.requests) == 1
    assert downloads() == ["glove.tiny.zip"]


def test_a_damaged_kept_archive_is_fetched_again(sites: Sites) -> None:
    fetch_glove("tiny", 2, keep_archive=True)
    (glove_home() / "downloads" / "glove.tiny.zip").write_bytes(WRONG)
    assert fetch_glove("tiny", 2, force=True).words.to_pylist() == ["the", ",", "film"]


def test_a_text_without_published_checksum_is_accepted_with_its_own(sites: Sites) -> None:
    info = fetch_glove("tiny", 3).info
    assert not info.verified
    assert info.md5 == hashlib.md5(OTHER_TEXT).hexdigest()


@pytest.mark.parametrize("content", [WRONG, b"<html>sorry</html>", ARCHIVE[:-9], zipped({"other.csv": b""})])
def test_a_source_with_a_bad_file_is_left_for_the_next(
    sites: Sites, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    sites.first.files["glove.tiny.zip"] = content
    assert fetch_glove("tiny", 2).info.source.startswith(sites.second.url)
    assert f"Stanford ({sites.first.url}/glove.tiny.zip)" in caplog.text


def test_when_every_source_fails_each_is_listed_with_its_reason(sites: Sites) -> None:
    sites.first.files["glove.tiny.zip"] = WRONG
    sites.second.files.clear()
    with pytest.raises(GloveError) as caught:
        fetch_glove("tiny", 2)
    first, second = caught.value.message.split("\n")[1:]
    assert sites.first.url in first
    assert "not the published text" in first
    assert sites.second.url in second
    assert "HTTP 404" in second
    assert "--from-file" in (caught.value.hint or "")
    assert "--mirror" in (caught.value.hint or "")
    assert cached() == []
    assert downloads() == []


def test_a_mirror_takes_the_place_of_the_public_sources(sites: Sites) -> None:
    with serve({"files/glove.tiny.zip": ARCHIVE}) as mirror:
        fetch_glove("tiny", 2, mirror=f"{mirror.url}/files/")
        assert [path for path, _ in mirror.requests] == ["/files/glove.tiny.zip"]
        with pytest.raises(GloveError, match=r"mirror .*HTTP 404"):
            fetch_glove("tiny", 3, mirror=f"{mirror.url}/wrong")
    assert sites.first.requests == []


@pytest.mark.parametrize("offline", [False, True])
def test_the_hub_comes_first_unless_it_is_offline_and_stanford_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, offline: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    with caplog.at_level(logging.INFO):
        found = sources("glove.6B.zip")
    assert [source.label for source in found] == ["Hugging Face hub"] * (not offline) + ["Stanford"] * 2
    assert offline or found[0].url.endswith("/stanfordnlp/glove/resolve/main/glove.6B.zip")
    assert all(source.url.endswith("/glove.6B.zip") for source in found)
    assert ("hub is skipped, because HF_HUB_OFFLINE is set" in caplog.text) == offline


@pytest.mark.parametrize("content", [SMALL_TEXT, gzipped(SMALL_TEXT), ARCHIVE])
def test_a_file_can_take_the_place_of_a_download(sites: Sites, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert fetch_glove("tiny", 2, from_file=file).info.verified
    assert sites.first.requests == []
    assert file.read_bytes() == content


def test_a_file_that_is_not_the_published_one_needs_another_name(sites: Sites, tmp_path: Path) -> None:
    file = tmp_path / "changed.txt"
    file.write_bytes(b"the 9 9\n")
    with pytest.raises(GloveError, match="not the published text") as caught:
        fetch_glove("tiny", 2, from_file=file)
    assert "--name" in (caught.value.hint or "")
    assert fetch_glove("my-vectors", 2, from_file=str(file)).words.to_pylist() == ["the"]
    assert open_vectors("my-vectors", 2).info.source == str(file)


@pytest.mark.parametrize(
    ("name", "dim", "message", "hint"),
    [
        ("840b", 300, "'840b' is not a published set", "did you mean '840B'?"),
        ("tiny", 7, "tiny has no vectors of 7 dimensions; it has: 2, 3", "sentrec fetch-glove tiny --dim 2"),
    ],
)
def test_what_was_never_published_fails_before_any_download(
    sites: Sites, name: str, dim: int, message: str, hint: str
) -> None:
    with pytest.raises(GloveError, match=message) as caught:
        fetch_glove(name, dim)
    assert hint in (caught.value.hint or "")
    assert sites.first.requests == []


def test_damaged_vectors_are_fetched_again(sites: Sites, caplog: pytest.LogCaptureFixture) -> None:
    (fetch_glove("tiny", 2).path / "matrix.npy").write_bytes(b"")
    assert fetch_glove("tiny", 2).matrix.shape == (3, 2)
    assert "damaged; they are fetched again" in caplog.text


def test_too_little_space_is_told_before_the_download(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLICATIONS, "tiny", tiny(archive_bytes=10**18))
    with pytest.raises(SentrecError, match=r"Not enough disk space .*: 1,000,000,000,000 MB needed") as caught:
        fetch_glove("tiny", 2)
    assert "SENTREC_HOME" in (caught.value.hint or "")
    assert sites.first.requests == []


def test_too_little_space_for_a_file_is_told(sites: Sites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(SMALL_TEXT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(SentrecError, match="Not enough disk space"):
        fetch_glove("tiny", 2, from_file=file)
    assert cached() == []


def test_interruption_tells_that_the_partial_download_is_kept(sites: Sites, caplog: pytest.LogCaptureFixture) -> None:
    def stop(stage: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_glove("tiny", 2, progress=stop)
    assert "the same command resumes there" in caplog.text
    assert partial_bytes(glove_home() / "downloads" / "glove.tiny.zip") > 0
    assert fetch_glove("tiny", 2).info.verified


def test_progress_tells_of_the_download_then_of_the_parsing(sites: Sites) -> None:
    events: list[tuple[str, int, int | None]] = []
    fetch_glove("tiny", 2, progress=lambda *event: events.append(event))
    assert [stage for stage, _, _ in events] == ["download", "parse"]
    assert events[0][1:] == (len(ARCHIVE), len(ARCHIVE))
    assert events[1][1:] == (len(SMALL_TEXT), len(SMALL_TEXT))


def test_two_at_once_download_once(sites: Sites) -> None:
    sites.first.faults = [Fault(cut=40)]
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(fetch_glove("tiny", 2).dim)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2, 2, 2]
    assert len(sites.first.requests) == 2, "one broken and one resumed request, all by the first to come"


def test_a_pipe_is_no_file_and_a_word_no_mirror(tmp_path: Path, sites: Sites) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GloveError, match="it is no regular file"):
        fetch_glove("mine", 2, from_file=tmp_path / "pipe")
    fetch_glove("tiny", 2)
    with pytest.raises(GloveError, match="no address of a mirror") as caught:
        fetch_glove("tiny", 2, mirror="garbage")
    assert "--mirror https://" in str(caught.value.hint)
