import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from glove_server import SMALL_TEXT, ArchiveServer, Fault, serve, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from sentrec.errors import SentrecError
from sentrec.glove.download import DownloadError, Retry, Source, download, partial_bytes

# Random bytes do not compress, so that the archive spans several chunks.
ARCHIVE = zipped({"glove.6B.2d.txt": SMALL_TEXT, "filler.bin": random.Random(0).randbytes(600_000)})
NEW_ARCHIVE = zipped({"glove.6B.2d.txt": SMALL_TEXT, "filler.bin": random.Random(1).randbytes(500_000)})
FAST = Retry(attempts=3, first_pause=0.001)


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serve({"glove.zip": ARCHIVE}) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "glove.zip"


def fetch(server: ArchiveServer, target: Path, retry: Retry = FAST) -> list[tuple[str, int, int | None]]:
    events: list[tuple[str, int, int | None]] = []
    download(Source("test", f"{server.url}/glove.zip"), target, retry, lambda *event: events.append(event))
    return events


def interrupt(server: ArchiveServer, target: Path, cut: int = 300_000) -> None:
    """Leaves an unfinished download of about `cut` bytes."""
    server.faults = [Fault(cut=cut)]
    with pytest.raises(DownloadError):
        fetch(server, target, Retry(attempts=1))
    assert 0 < partial_bytes(target) <= cut
    server.requests.clear()


def files(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_download_brings_the_file_and_leaves_nothing_else(server: ArchiveServer, target: Path) -> None:
    events = fetch(server, target)
    assert target.read_bytes() == ARCHIVE
    assert files(target) == ["glove.zip"]
    assert events[-1] == ("download", len(ARCHIVE), len(ARCHIVE))
    assert [done for _, done, _ in events] == sorted({done for _, done, _ in events})


def test_a_broken_connection_is_resumed_where_it_broke(server: ArchiveServer, target: Path) -> None:
    server.faults = [Fault(cut=300_000), Fault(cut=100_000)]
    fetch(server, target)
    assert target.read_bytes() == ARCHIVE
    assert server.ranges_asked == [None, "bytes=300000-", "bytes=400000-"]


def test_a_later_call_resumes_an_unfinished_download(server: ArchiveServer, target: Path) -> None:
    interrupt(server, target)
    assert files(target) == ["glove.zip.part", "glove.zip.part.json"]
    events = fetch(server, target)
    assert target.read_bytes() == ARCHIVE
    assert server.ranges_asked == ["bytes=300000-"]
    assert events[0][1] > 300_000, "progress counts what was there"
    assert events[-1] == ("download", len(ARCHIVE), len(ARCHIVE))


def test_a_server_that_cannot_resume_sends_all_again(server: ArchiveServer, target: Path) -> None:
    interrupt(server, target)
    server.ranges = False
    fetch(server, target)
    assert target.read_bytes() == ARCHIVE


def test_a_file_that_changed_meanwhile_is_not_glued_to_the_old_beginning(server: ArchiveServer, target: Path) -> None:
    interrupt(server, target)
    server.files["glove.zip"], server.etag = NEW_ARCHIVE, '"v2"'
    fetch(server, target)
    assert target.read_bytes() == NEW_ARCHIVE


@pytest.mark.parametrize("etag", [None, 'W/"weak"', '"strong"'])
@pytest.mark.parametrize("state", [None, "", "[]", "{}", '{"url": 1}', "\0"])
def test_without_a_strong_validator_or_a_sound_state_file_the_download_starts_over(
    server: ArchiveServer, target: Path, etag: str | None, state: str | None
) -> None:
    server.etag = etag
    interrupt(server, target)
    if state is not None:
        target.with_name("glove.zip.part.json").write_text(state)
    fetch(server, target)
    resumed = etag == '"strong"' and state is None
    assert server.ranges_asked == (["bytes=300000-"] if resumed else [None])
    assert target.read_bytes() == ARCHIVE


def test_bytes_of_another_source_are_not_resumed(server: ArchiveServer, target: Path) -> None:
    interrupt(server, target)
    with serve({"glove.zip": NEW_ARCHIVE}) as other:
        fetch(other, target)
    assert other.ranges_asked == [None]
    assert target.read_bytes() == NEW_ARCHIVE


@pytest.mark.parametrize("more", [b"", b"more"], ids=["complete but not renamed", "longer than the file"])
def test_an_unfinished_download_that_has_all_is_finished_or_thrown_away(
    server: ArchiveServer, target: Path, more: bytes
) -> None:
    interrupt(server, target)
    target.with_name("glove.zip.part").write_bytes(ARCHIVE + more)
    fetch(server, target)
    assert target.read_bytes() == ARCHIVE
    assert server.ranges_asked[0] == f"bytes={len(ARCHIVE + more)}-"
    assert len(server.requests) == (2 if more else 1)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again(server: ArchiveServer, target: Path, status: int) -> None:
    server.faults = [Fault(status=status), Fault(status=status)]
    fetch(server, target)
    assert target.read_bytes() == ARCHIVE


@pytest.mark.parametrize(
    ("status", "reason", "requests"),
    [
        (503, r"HTTP 503 Service Unavailable \(3 attempts\)", 3),
        *((one, f"HTTP {one}", 1) for one in (401, 403, 404, 410)),
    ],
)
def test_a_lasting_fault_ends_after_the_attempts_and_a_refusal_is_not_tried_again(
    server: ArchiveServer, target: Path, status: int, reason: str, requests: int
) -> None:
    server.faults = [Fault(status=status)] * 9
    with pytest.raises(DownloadError, match=reason):
        fetch(server, target)
    assert len(server.requests) == requests


def test_attempts_that_bring_new_bytes_do_not_use_up_the_patience(server: ArchiveServer, target: Path) -> None:
    server.faults = [Fault(cut=50_000)] * 9
    fetch(server, target)
    assert len(server.requests) == 10
    assert target.read_bytes() == ARCHIVE


def test_a_server_that_always_breaks_at_the_same_place_is_given_up(server: ArchiveServer, target: Path) -> None:
    server.ranges = False
    server.faults = [Fault(cut=50_000)] * 99
    with pytest.raises(DownloadError, match="3 attempts"):
        fetch(server, target)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (b"<!doctype html><p>Log in to this network</p>", "text/html; charset=utf-8", "web page"),
        (b"<!doctype html><p>Log in to this network</p>", "", "web page"),
        (b"the 0.1 0.2\n", "application/zip", "something else came"),
    ],
)
def test_what_is_no_archive_is_refused_and_not_kept(
    server: ArchiveServer, target: Path, content: bytes, content_type: str, reason: str
) -> None:
    server.files["glove.zip"], server.content_type = content, content_type
    with pytest.raises(DownloadError, match=reason):
        fetch(server, target)
    assert not target.exists()
    assert partial_bytes(target) == 0


def test_a_cut_archive_is_noticed_even_if_the_server_never_tells_its_length(
    server: ArchiveServer, target: Path
) -> None:
    server.files["glove.zip"] = ARCHIVE[:-100]
    server.lose_length = True
    with pytest.raises(DownloadError, match="not a whole zip archive"):
        fetch(server, target)
    assert files(target) == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/glove.zip", "glove.zip", "http://127.0.0.1:x/"])
def test_an_address_that_is_none_is_not_tried_again(target: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits for {seconds} s"))
    with pytest.raises(DownloadError):
        download(Source("test", url), target, Retry(first_pause=5.0))


@pytest.mark.parametrize(("begun", "attempts"), [(False, 2), (True, 3)])
def test_a_server_that_is_not_there_is_waited_for_longer_in_the_middle(
    server: ArchiveServer, target: Path, begun: bool, attempts: int
) -> None:
    if begun:
        interrupt(server, target)
    with serve({}) as gone:
        url = gone.url
    with pytest.raises(DownloadError, match=rf"refused.*\({attempts} attempts\)"):
        download(Source("test", url), target, FAST)


def test_interruption_keeps_the_bytes_and_a_resume_completes_them(server: ArchiveServer, target: Path) -> None:
    def stop(_: str, done: int, __: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(Source("test", f"{server.url}/glove.zip"), target, FAST, stop)
    kept = partial_bytes(target)
    assert kept > 0
    fetch(server, target)
    assert server.ranges_asked[-1] == f"bytes={kept}-"
    assert target.read_bytes() == ARCHIVE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to play a full disk")
def test_a_full_disk_is_told(server: ArchiveServer, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("glove.zip.part").symlink_to("/dev/full")
    with pytest.raises(SentrecError, match="The disk is full") as caught:
        fetch(server, target)
    assert not isinstance(caught.value, DownloadError), "another source would not help"


def test_the_servers_wish_for_a_pause_is_heard(
    server: ArchiveServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.faults = [Fault(status=429, retry_after="7"), Fault(status=503, retry_after="soon")]
    fetch(server, target)
    assert pauses[0] == 7.0
    assert pauses[1] < 1


@settings(deadline=None)
@given(failures=st.integers(1, 20), asked=st.floats(0, 1e6))
def test_pauses_grow_but_never_beyond_the_longest(failures: int, asked: float) -> None:
    pause = Retry(first_pause=1.0, longest_pause=30.0).pause(failures, asked)
    assert min(30.0, max(asked, 0.75 * 2 ** (failures - 1))) <= pause <= 30.0
