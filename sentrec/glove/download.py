"""Downloads one large archive over HTTP: resumes, retries, and refuses what is not the archive."""

import logging
import random
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sentrec.errors import GloveError, SentrecError
from sentrec.files.parse import parse_json, read_text
from sentrec.files.storage import disk_errors, write_json
from sentrec.glove.parse import Progress

_log = logging.getLogger(__name__)

_RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True)
class Source:
    """Where a file can be downloaded: what to call it, its address, and further request headers, e.g. a token."""

    label: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Retry:
    """How often in a row an attempt may bring nothing new before the source is given up, and seconds to wait between.

    Each pause is twice the one before; none is longer than `longest_pause`, nor one that the server asks for.
    """

    attempts: int = 4
    first_pause: float = 1.0
    longest_pause: float = 30.0

    def pause(self, failures: int, asked: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row: exponential, with jitter, at least what the server asks."""
        wait = self.first_pause * 2.0 ** (failures - 1) * random.uniform(0.75, 1.25)
        return min(self.longest_pause, max(wait, asked))


class DownloadError(GloveError):
    """This source cannot give the file; another may."""


class _TemporaryError(Exception):
    def __init__(self, reason: str, asked_pause: float = 0.0) -> None:
        super().__init__(reason)
        self.asked_pause = asked_pause


class _Partial:
    """An unfinished download beside its target: the bytes so far, and which version of the file they belong to."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self.state_path = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self, url: str) -> str | None:
        """What identifies the version that the bytes belong to, if they came from `url`."""
        try:
            state = parse_json(read_text(self.state_path), self.state_path)
            return str(state["validator"]) if state["url"] == url and state["validator"] else None
        except (SentrecError, KeyError, TypeError):
            return None

    def start(self, url: str, validator: str | None) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        write_json(self.state_path, {"url": url, "validator": validator})

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.state_path.unlink(missing_ok=True)

    def finish(self) -> None:
        self.path.replace(self.target)
        self.state_path.unlink(missing_ok=True)


def looks_like_html(start: bytes) -> bool:
    """Whether a file that starts so is a web page, e.g. the error page of a server or a login page of a network."""
    return start.lstrip()[:64].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))


def partial_bytes(target: Path) -> int:
    """Bytes of an unfinished download of `target`."""
    return _Partial(target).size


def download(source: Source, target: Path, retry: Retry, progress: Progress | None = None) -> None:
    """Downloads a zip archive to `target`; an unfinished download of the same file is resumed.

    The unfinished file is `target` with ``.part`` at its end; it stays there when the download fails or is interrupted.
    Raises a `DownloadError` if the source refuses, gives no zip archive, or fails too often in a row.
    """
    partial = _Partial(target)
    failures, furthest = 0, 0
    with disk_errors(partial.path), httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
        while True:
            try:
                _attempt(client, source, partial, progress)
                break
            except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
                raise DownloadError(_reason(error)) from error
            except (httpx.TransportError, _TemporaryError) as error:
                # Only bytes never reached before count as progress: a server that cannot resume starts over each time.
                failures = 1 if partial.size > furthest else failures + 1
                furthest = max(furthest, partial.size)
                # Without any network, the user should hear of it soon; an outage in the middle is worth waiting for.
                unreachable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not partial.size
                if failures >= (min(2, retry.attempts) if unreachable else retry.attempts):
                    raise DownloadError(f"{_reason(error)} ({failures} attempts)") from error
                pause = retry.pause(failures, getattr(error, "asked_pause", 0.0))
                _log.warning("%s: %s; trying again in %.0f s", source.label, _reason(error), pause)
                time.sleep(pause)
        if not zipfile.is_zipfile(partial.path):
            partial.discard()
            raise DownloadError("what came is not a whole zip archive")
        partial.finish()


def _attempt(client: httpx.Client, source: Source, partial: _Partial, progress: Progress | None) -> None:
    headers = {**source.headers, "Accept-Encoding": "identity"}
    validator = partial.validator(source.url)
    if partial.size and validator:
        # If-Range: the server resumes only if the file is still the same, else it sends the whole new one.
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": validator}
    with client.stream("GET", source.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range", "") == f"bytes */{partial.size}":
                return  # it is complete
            partial.discard()
            raise _TemporaryError("the unfinished download does not fit the server's file; starting over")
        if response.status_code in _RETRY_STATUS:
            asked = response.headers.get("Retry-After", "")
            raise _TemporaryError(_status(response), float(asked) if asked.isdigit() else 0.0)
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise DownloadError(_status(response))
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise DownloadError("a web page came instead of the archive")
        _save(response, partial, _place(response, source.url, partial), progress)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _status(response: httpx.Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".rstrip()


def _place(response: httpx.Response, url: str, partial: _Partial) -> int | None:
    """Prepares the unfinished file for the body; gives the size of the whole file where the server states it."""
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        _, _, content_range = response.headers.get("Content-Range", "").partition("bytes ")
        span, _, total = content_range.partition("/")
        if span.partition("-")[0] != str(partial.size):
            partial.discard()
            raise _TemporaryError("the server resumed at another place; starting over")
        return int(total) if total.isdigit() else None
    if partial.size:
        _log.info("The server sends the whole file again: it cannot resume, or the file has changed.")
    etag = response.headers.get("ETag", "")
    # RFC 9110, 13.1.5: a weak entity tag may not stand in If-Range.
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    partial.start(url, validator)
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _save(response: httpx.Response, partial: _Partial, total: int | None, progress: Progress | None) -> None:
    done = partial.size
    # Unbuffered: what a broken connection or Ctrl-C leaves behind must all be on the disk.
    with partial.path.open("ab", buffering=0) as file:
        for chunk in response.iter_raw():
            if done == 0 and not chunk.startswith(b"PK"):
                kind = "a web page" if looks_like_html(chunk) else "something else"
                raise DownloadError(f"{kind} came instead of the archive")
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress("download", done, total)
    if total is not None and done != total:
        raise _TemporaryError(f"{done:,} of {total:,} bytes came")
