"""Where stored vectors come from, as their `VectorsInfo.source` tells, and the command that puts them there."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from sentrec.glove.catalog import PUBLICATIONS

REGIONS = "learn-regions"
_LEARNED = re.compile(rf"sentrec (?P<command>{REGIONS}) (?P<plan>\w+): (?P<texts>.+)", re.DOTALL)


@dataclass(frozen=True)
class Learned:
    """What learned vectors; its text is their source.

    Attributes:
        command: `REGIONS`.
        plan: A short name for all that decides the result.
        texts: What the texts are called: files, and splits such as ``imdb/train``.
    """

    command: str
    plan: str
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"sentrec {self.command} {self.plan}: {', '.join(self.texts)}"


def learned_by(source: str) -> Learned | None:
    """What learned the vectors of a source; None where they were fetched, or made otherwise."""
    match = _LEARNED.fullmatch(source)
    return Learned(match["command"], match["plan"], tuple(match["texts"].split(", "))) if match else None


def fetching(name: str, dim: int) -> str:
    """The command that fetches word vectors, published ones or the user's own."""
    return f"sentrec fetch-glove {name} --dim {dim}" + ("" if name in PUBLICATIONS else " --from-file FILE")


def learning_regions(name: str, dim: int, window: int, texts: Sequence[str] = ("CORPUS",)) -> str:
    """The command that learns region embeddings."""
    return f"sentrec {REGIONS} --name {name} --dim {dim} --window {window} {_corpus(texts)}"


def mending(name: str, dim: int, source: str | None, window: int | None) -> str:
    """What puts vectors in the place of damaged ones.

    Args:
        name: What they are called.
        dim: Their dimensions.
        source: As of `VectorsInfo`; None where that cannot be read any more.
        window: Likewise.
    """
    learned = learned_by(source) if source is not None else None
    texts = learned.texts if learned else ("CORPUS",)
    if window is not None:
        return f"{learning_regions(name, dim, window, texts)} --force"
    if source is None and name not in PUBLICATIONS:
        return f"{fetching(name, dim)} --force, or what learned them ({REGIONS}) with --force"
    return f"{fetching(name, dim)} --force"


def _corpus(texts: Sequence[str]) -> str:
    return " ".join(f"--corpus {shlex.quote(text)}" for text in texts)
