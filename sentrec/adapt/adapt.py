"""From texts to vectors in the store: read, count, fit; each step kept on the disk until the end."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.adapt.cooccurrence import Cooccurrences, count_cooccurrences, open_cooccurrences
from sentrec.adapt.corpus import Part, batches, parts_of
from sentrec.adapt.fit import Fit, FitOptions, fit
from sentrec.adapt.plan import AdaptedVectors, AdaptOptions, AdaptProgress, OnProgress
from sentrec.adapt.tokens import choose_words, open_positions, open_tokens, word_starts, write_positions, write_tokens
from sentrec.errors import GloveError, Interrupted, SentrecError
from sentrec.files import cache_home, write_json
from sentrec.glove.catalog import PUBLICATIONS
from sentrec.glove.made import store_made_vectors
from sentrec.glove.store import GloveVectors, open_vectors, vectors_path
from sentrec.recipe.schema import TextConfig
from sentrec.text.tokenizer import build_tokenizer
from sentrec.text.vocabulary import folds_case
from sentrec.training.lock import DirectoryBusy, sole_training

Matrix = npt.NDArray[np.float32]

_VECTORS = re.compile(r"(?P<name>.+)\.(?P<dim>\d+)d")


def adapt_glove(
    options: AdaptOptions,
    *,
    threads: int | None = None,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> AdaptedVectors:
    """Learns vectors from unlabelled texts and stores them where `sentrec fetch-glove` stores its own.

    Args:
        options: What to learn from, and how.
        threads: How many to use; None: as many as there are processors. The result does not depend on it.
        resume: Go on with an interrupted work of the same options and texts.
        force: Replace vectors of that name and size.
        on_progress: Told how far the work is.

    Raises:
        GloveError: If the pretrained vectors are not there, or the name is taken.
        DataError: If the corpus cannot be found or read, or holds too little.
        Interrupted: If the user stopped it; what was done is kept for `resume`.
    """
    base = _base(options.glove)
    dim = _dim(options, base)
    target = vectors_path(options.name, dim)
    if options.name in PUBLICATIONS:
        raise GloveError(f"{options.name} is the name of published vectors.", "Choose another --name.")
    if target.exists() and not force:
        raise GloveError(
            f"GloVe {options.name} with {dim} dimensions is there already.", "Choose another --name, or add --force."
        )
    parts = parts_of(options.corpus, options.text_columns)
    folder = cache_home() / "adapting" / target.name
    with _alone(folder):
        _prepare(folder, options, parts, base, resume)
        work = _Work(folder, options, parts, base, dim, threads or _processors(), on_progress or _silent)
        adapted = work.run()
        shutil.rmtree(folder)
    return adapted


def _silent(_: AdaptProgress) -> None:
    pass


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _base(glove: str | None) -> GloveVectors | None:
    if glove is None:
        return None
    match = _VECTORS.fullmatch(glove)
    if match is None:
        raise GloveError(f"'{glove}' names no vectors.", "Write name and dimensions, e.g. --glove 6B.50d")
    return open_vectors(match["name"], int(match["dim"]))


def _dim(options: AdaptOptions, base: GloveVectors | None) -> int:
    if base is None:
        if options.dim is None:
            raise SentrecError("vectors from scratch need a number of dimensions.", "Add e.g. --dim 100")
        return options.dim
    if options.dim not in (None, base.dim):
        raise SentrecError(
            f"{options.glove} has {base.dim} dimensions: vectors that stay near them cannot have {options.dim}.",
            f"Leave --dim out, or fit {options.dim} dimensions from scratch: --from-scratch --dim {options.dim}",
        )
    return base.dim


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other works on the same vectors out; what the user interrupts is kept."""
    try:
        with sole_training(folder):
            yield
    except DirectoryBusy as busy:
        raise GloveError(
            f"{folder.name} is being learned right now.", "Wait for the end of that, or choose another --name."
        ) from busy
    except KeyboardInterrupt as error:
        raise Interrupted("what was done so far is kept.", "Go on: the same command with --resume.") from error


def _prepare(
    folder: Path, options: AdaptOptions, parts: Sequence[Part], base: GloveVectors | None, resume: bool
) -> None:
    """Makes the folder ready: as an interrupted work of the same plan left it, or empty."""
    plan = asdict(options) | {
        "passes": None,  # more passes go on from fewer
        "parts": [part.identity() for part in parts],
        "base": base and base.fingerprint,
        "format": 1,
    }
    plan = json.loads(json.dumps(plan))
    path = folder / "plan.json"
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


class _Work:
    """One work: its steps, each skipped where its result lies in the folder."""

    def __init__(
        self,
        folder: Path,
        options: AdaptOptions,
        parts: Sequence[Part],
        base: GloveVectors | None,
        dim: int,
        threads: int,
        on_progress: OnProgress,
    ) -> None:
        self.folder = folder
        self.options = options
        self.parts = parts
        self.base = base
        self.dim = dim
        self.threads = threads
        self.tell = on_progress
        self.lowercase = folds_case(TextConfig(), base.name if base else None)

    def run(self) -> AdaptedVectors:
        words = self._words()
        counts = self._counts(words)
        state = self._fit(words, counts)
        return self._store(words, state)

    def _words(self) -> list[str]:
        """The vocabulary; with it, the corpus is written as tokens."""
        path = self.folder / "words.json"
        if path.is_file():
            words: list[str] = json.loads(path.read_text(encoding="utf-8"))
            return words
        options, tokenizer = self.options, build_tokenizer(self.lowercase)
        texts = 0

        def read(done: int) -> None:
            nonlocal texts
            texts = done
            self.tell(AdaptProgress("read", done))

        words = choose_words(tokenizer, batches(self.parts), options.vocabulary, options.min_count, read)
        write_tokens(
            self.folder / "tokens.bin",
            tokenizer,
            words,
            batches(self.parts),
            options.window,
            lambda done: self.tell(AdaptProgress("encode", done, texts)),
        )
        write_json(path, words)  # last: where it lies, the tokens are whole
        return words

    def _counts(self, words: list[str]) -> Cooccurrences:
        done = self.folder / "counted.json"
        if not done.is_file():
            stream = open_tokens(self.folder / "tokens.bin", len(words), self.options.window)
            starts = word_starts(stream)
            positions = self.folder / "positions.bin"
            if not positions.is_file():
                write_positions(positions, stream, starts)
            total = int(starts[-1])
            count_cooccurrences(
                self.folder,
                stream,
                open_positions(positions, stream),
                starts,
                self.options.window,
                self.threads,
                lambda tokens: self.tell(AdaptProgress("count", tokens, total)),
            )
            write_json(done, {"tokens": total})
        return open_cooccurrences(self.folder)

    def _pretrained(self, words: list[str]) -> tuple[Matrix, npt.NDArray[np.int64]]:
        """The pretrained vector of each word, zero where there is none, and its row there or -1."""
        pretrained = np.zeros((len(words), self.dim), np.float32)
        rows = np.full(len(words), -1) if self.base is None else self.base.rows(words)
        if self.base is not None:
            pretrained[rows >= 0] = self.base.matrix[rows[rows >= 0]]
        return pretrained, rows

    def _fit(self, words: list[str], counts: Cooccurrences) -> Fit:
        options, path = self.options, self.folder / "fit.safetensors"
        total = 2 * options.passes

        def on_half(state: Fit) -> None:
            state.save(path)
            self.tell(AdaptProgress("fit", state.halves, total, state.error))

        how = FitOptions(options.passes, options.pull, options.x_max, options.seed)
        # Published vectors are the sum of two sides, so that each is held near one half.
        centre = self._pretrained(words)[0] * np.float32(0.5)
        return fit(counts, centre, how, self.threads, on_half, Fit.load(path))

    def _store(self, words: list[str], state: Fit) -> AdaptedVectors:
        pretrained, rows = self._pretrained(words)
        known = rows >= 0
        names, matrix, mean_cosine = words, state.vectors, None
        if self.base is not None:
            # What the corpus does not know keeps its vector: the pull holds both in one space.
            matrix = np.concatenate([self.base.matrix, state.vectors[~known]])
            matrix[rows[known]] = state.vectors[known]
            new = [word for word, has in zip(words, known, strict=True) if not has]
            names = [*self.base.words.to_pylist(), *new]
            mean_cosine = _mean_cosine(pretrained[known], state.vectors[known]) if known.any() else None
        source = f"sentrec adapt-glove {self._digest()}: {', '.join(part.label for part in self.parts)}"
        vectors = store_made_vectors(self.options.name, names, matrix, source)
        new_words = int((~known).sum()) if self.base is not None else 0
        return AdaptedVectors(vectors, self.lowercase, len(words), new_words, mean_cosine, state.error)

    def _digest(self) -> str:
        """A short name for the plan, so that vectors tell which options and texts they came from."""
        return hashlib.sha256((self.folder / "plan.json").read_bytes()).hexdigest()[:12]


def _mean_cosine(one: Matrix, other: Matrix) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine: npt.NDArray[Any] = np.divide((one * other).sum(axis=1), lengths, out=np.ones(len(one)), where=lengths > 0)
    return float(cosine.mean())
