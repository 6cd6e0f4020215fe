"""Learning works alone on a folder, where each step is kept until the end."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sentrec.adapt.corpus import Part, batches
from sentrec.adapt.plan import AdaptProgress, OnProgress, RegionOptions
from sentrec.adapt.tokens import choose_words, write_tokens
from sentrec.errors import GloveError, Interrupted, SentrecError
from sentrec.files.lock import DirectoryBusy, next_training, sole_training
from sentrec.files.storage import cache_home, write_json
from sentrec.glove.catalog import PUBLICATIONS
from sentrec.glove.origin import REGIONS, Learned
from sentrec.glove.store import vectors_path

PLAN, TOKENS = "plan.json", "tokens.bin"
_WORDS = "words.json"


def free_path(name: str, dim: int, force: bool) -> Path:
    """Where new vectors may be stored.

    Args:
        name: What they are to be called.
        dim: Their dimensions.
        force: Whether older ones may be replaced.

    Raises:
        GloveError: If the name is taken, or cannot name vectors.
    """
    path = vectors_path(name, dim)
    if name in PUBLICATIONS:
        raise GloveError(f"{name} is the name of published vectors.", "Choose another --name.")
    _require_free(path, force)
    return path


def _require_free(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise GloveError(f"{path.name} is there already.", "Choose another --name, or add --force.")


@contextmanager
def work_folder(
    target: Path, plan: Mapping[str, Any], resume: bool | None, force: bool, wait: bool = False
) -> Iterator[Path]:
    """A folder for one work: as an interrupted work of the same plan left it, or empty; removed after the block.

    Other works on the same vectors are kept out, and what the user interrupts is kept.

    Args:
        target: Where the vectors will lie.
        plan: What decides the result, in JSON types.
        resume: Go on with an interrupted work; None: if there is one of this plan.
        force: Whether older vectors may be replaced.
        wait: Wait for the end of another work on the same vectors.

    Raises:
        GloveError: If another work is at it, or has just stored the vectors.
        SentrecError: If there is nothing to resume, or it was of another plan.
        Interrupted: If the user stopped it.
    """
    folder = cache_home() / "adapting" / target.name
    told = f"{target.name} is being learned by another process. Waiting for its end"
    alone = next_training(folder, lambda: None, told) if wait else sole_training(folder)
    try:
        with alone:
            _require_free(target, force)  # the other work may have ended only now
            _prepare(folder, json.loads(json.dumps(plan)), resume)
            yield folder
            shutil.rmtree(folder)
    except DirectoryBusy as busy:
        raise GloveError(
            f"{folder.name} is being learned right now.", "Wait for the end of that, or choose another --name."
        ) from busy
    except KeyboardInterrupt as error:
        raise Interrupted("what was saved so far is kept.", "Go on: the same command with --resume.") from error


def _prepare(folder: Path, plan: dict[str, Any], resume: bool | None) -> None:
    path = folder / PLAN
    if resume is None:
        resume = path.is_file() and json.loads(path.read_text(encoding="utf-8")) == plan
    if resume:
        if not path.is_file():
            raise SentrecError(f"there is nothing to resume for {folder.name}.", "Leave --resume out.")
        if json.loads(path.read_text(encoding="utf-8")) != plan:
            raise SentrecError(
                f"the interrupted work on {folder.name} had other options or texts.",
                "Repeat its command exactly, or leave --resume out to begin anew.",
            )
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_json(path, plan)


def write_corpus(
    folder: Path,
    tokenizer: Tokenizer,
    parts: Sequence[Part],
    options: RegionOptions,
    gap: int,
    tell: OnProgress,
) -> list[str]:
    """Writes the corpus as tokens into the folder, unless it lies there, and gives its vocabulary.

    Args:
        folder: The work's own.
        tokenizer: A tokenizer without vocabulary.
        parts: The texts.
        options: How large the vocabulary is.
        gap: How far apart texts are; see `sentrec.adapt.tokens.TokenStream`.
        tell: Told how far the work is.

    Returns:
        The words in the order of their numbers.
    """
    path = folder / _WORDS
    if path.is_file():
        words: list[str] = json.loads(path.read_text(encoding="utf-8"))
        return words
    texts = 0

    def read(done: int) -> None:
        nonlocal texts
        texts = done
        tell(AdaptProgress("read", done))

    words = choose_words(tokenizer, batches(parts), options.vocabulary, options.min_count, read)
    encoded = folder / TOKENS
    write_tokens(
        encoded, tokenizer, words, batches(parts), gap, lambda done: tell(AdaptProgress("encode", done, texts))
    )
    write_json(path, words)  # last: where it lies, the tokens are whole
    return words


def made_by(folder: Path, parts: Sequence[Part]) -> str:
    """What made vectors, for those who look at them: the command, a short name for its plan, and the texts."""
    digest = hashlib.sha256((folder / PLAN).read_bytes()).hexdigest()[:12]
    return str(Learned(REGIONS, digest, tuple(part.label for part in parts)))


def silent(_: AdaptProgress) -> None:
    """Tells nobody."""
