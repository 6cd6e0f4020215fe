"""From texts to vectors in the store: read, count, fit; each step kept on the disk until the end."""

import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.adapt.cooccurrence import Cooccurrences, count_cooccurrences, open_cooccurrences
from sentrec.adapt.corpus import Part, parts_of
from sentrec.adapt.fit import Fit, FitOptions, fit
from sentrec.adapt.plan import AdaptedVectors, AdaptOptions, AdaptProgress, OnProgress
from sentrec.adapt.tokens import open_positions, open_tokens, word_starts, write_positions
from sentrec.adapt.work import TOKENS, free_path, made_by, silent, work_folder, write_corpus
from sentrec.errors import GloveError, SentrecError
from sentrec.files.storage import write_json
from sentrec.glove.kind import open_word_vectors
from sentrec.glove.made import store_made_vectors
from sentrec.glove.origin import WORDS
from sentrec.glove.store import GloveVectors
from sentrec.recipe.sections import TextConfig
from sentrec.text.tokenizer import build_tokenizer
from sentrec.text.vocabulary import folds_case

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
    target = free_path(options.name, dim, force)
    parts = parts_of(options.corpus, options.text_columns)
    with work_folder(target, _plan(options, parts, base), resume, force) as folder:
        work = _Work(folder, options, parts, base, dim, threads or _processors(), on_progress or silent)
        return work.run()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _base(glove: str | None) -> GloveVectors | None:
    if glove is None:
        return None
    match = _VECTORS.fullmatch(glove)
    if match is None:
        raise GloveError(f"'{glove}' names no vectors.", "Write name and dimensions, e.g. --glove 6B.50d")
    return open_word_vectors(match["name"], int(match["dim"]))


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


def _plan(options: AdaptOptions, parts: Sequence[Part], base: GloveVectors | None) -> dict[str, Any]:
    return asdict(options) | {
        "passes": None,  # more passes go on from fewer
        "parts": [part.identity() for part in parts],
        "base": base and base.fingerprint,
        "format": 1,
    }


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
        options, tokenizer = self.options, build_tokenizer(self.lowercase)
        return write_corpus(self.folder, tokenizer, self.parts, options, options.window, self.tell)

    def _counts(self, words: list[str]) -> Cooccurrences:
        done = self.folder / "counted.json"
        if not done.is_file():
            stream = open_tokens(self.folder / TOKENS, len(words), self.options.window)
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
        source = made_by(WORDS, self.folder, self.parts)
        vectors = store_made_vectors(self.options.name, names, matrix, source)
        new_words = int((~known).sum()) if self.base is not None else 0
        return AdaptedVectors(vectors, self.lowercase, len(words), new_words, mean_cosine, state.error)


def _mean_cosine(one: Matrix, other: Matrix) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine: npt.NDArray[Any] = np.divide((one * other).sum(axis=1), lengths, out=np.ones(len(one)), where=lengths > 0)
    return float(cosine.mean())
