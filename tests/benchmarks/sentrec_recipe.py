"""A recipe of sentrec as a contender."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .contender import Contender, Labels, Probabilities, Trained, two_columns


class SentrecRecipe(Contender):
    """Trains as ``sentrec train`` does and scores as ``sentrec recommend`` does."""

    def __init__(
        self, recipe: str, overrides: Sequence[str], precision: Literal["float32", "bfloat16"] = "float32"
    ) -> None:
        self.title = f"sentrec {Path(recipe).stem}" + (", scored in bfloat16" if precision == "bfloat16" else "")
        self._recipe, self._overrides, self._precision = recipe, overrides, precision
        self._scorer: Any = None

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        """Trains on the same rows, which sentrec reads itself; validation rows are taken from them."""
        import sentrec

        run = sentrec.train(sentrec.load_recipe(self._recipe, list(self._overrides)), folder, force=True)
        # The first validation follows the last step of its epoch; the time until there holds no other.
        epoch = next((row for row in run.history if "validation_accuracy" in row), None)
        whole = run.recipe.training.validations_per_epoch == 1 and epoch is not None
        return Trained(run.metrics["test"]["accuracy"], float(epoch["seconds"]) if epoch and whole else None)

    def load(self, folder: Path) -> None:
        import sentrec

        self._predictor = sentrec.load(folder)

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        if len(texts) == 1:
            return np.asarray(self._predictor.predict_proba(texts))
        from sentrec.recommend.scoring import ModelScorer
        from sentrec.recommend.stream import CHUNK

        if self._scorer is None:
            self._scorer = ModelScorer(self._predictor, precision=self._precision)
        with self._scorer.workers() as (pool, workers):
            # No worker may be left without a chunk at the end: a stream of millions has no such end to speak of.
            rounds = math.ceil(len(texts) / (CHUNK * workers))
            size = math.ceil(len(texts) / (rounds * workers))
            chunks = [texts[start : start + size] for start in range(0, len(texts), size)]
            return two_columns(np.concatenate([scores.positive for scores in pool.map(self._scorer.score, chunks)]))
