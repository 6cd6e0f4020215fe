"""A model of ratings from facts: trees and a Gaussian process over numbers and names, with conformal intervals."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sentrec.errors import RunError
from sentrec.files.parse import parse_json
from sentrec.metrics.regression import Noise, conformal_quantile, fit_noise, regression_metrics
from sentrec.models.weights import TRAIN_AGAIN, read_tensors, write_tensors
from sentrec.rating.facts import Facts, Floats, Schema
from sentrec.rating.head import Head, fit_head
from sentrec.rating.names import ALL_FACTS, NameEffects, facts_of_features, features_of, fit_names, several
from sentrec.recipe.sections import BoostingConfig

MANY_VOTES = 50

_METADATA = "sentrec.rating"
_MOST_FOLDS = 4
OUT_OF_SCALE = "limits of the scale"


@dataclass(frozen=True)
class Rated:
    """Predicted ratings, float64 of shape ``(items,)``.

    Attributes:
        mean: The rating to expect.
        variance: Of the item's own rating, that of very many votes, around it.
        low: Lower end of the interval.
        high: Its upper end.
    """

    mean: Floats
    variance: Floats
    low: Floats
    high: Floats

    def take(self, rows: npt.NDArray[np.generic]) -> "Rated":
        """Those of some rows, which a mask may choose."""
        return Rated(*(values[rows] for values in vars(self).values()))


@dataclass(frozen=True)
class RatingModel:
    """Predicts the rating of items from facts.

    Attributes:
        schema: What it reads of a table.
        effects: What names and numbers say of ratings and, where votes are known, of the logarithm of their number.
        head: What makes a rating of both.
        noise: Why ratings differ from predictions.
        scores: Absolute residuals of rows that were not learned from, in standard deviations.
        scale: The lowest and the highest rating.
    """

    schema: Schema
    effects: tuple[NameEffects, ...]
    head: Head
    noise: Noise
    scores: Floats
    scale: tuple[float, float]

    def predict(self, facts: Facts) -> Floats:
        """The ratings to expect."""
        return np.clip(self.head.predict(self.effects, facts), *self.scale)

    def rate(self, facts: Facts, confidence: float = 0.9, votes: Floats | None = None) -> Rated:
        """Ratings with intervals.

        Args:
            facts: Of the items.
            confidence: How often an interval holds the rating.
            votes: Of how many votes the rating is the mean; None: of very many, the rating is the item's own.
        """
        return self.rated(self.predict(facts), votes, confidence)

    def rated(self, mean: Floats, votes: Floats | None = None, confidence: float = 0.9) -> Rated:
        """Predictions with their intervals; see `rate`."""
        many = np.full(len(mean), np.inf) if votes is None else votes
        reach = conformal_quantile(self.scores, confidence) * np.sqrt(self.noise.variance(many, len(mean)))
        low, high = np.clip(mean - reach, *self.scale), np.clip(mean + reach, *self.scale)
        return Rated(mean, np.full(len(mean), self.noise.between), low, high)

    def contributions(self, facts: Facts) -> tuple[float, dict[str, Floats]]:
        """What all predictions begin with, and what each fact adds to it, ``(items,)`` each; the sum is `predict`."""
        base, parts = self.head.contributions(self.effects, facts)
        unlimited = self.head.predict(self.effects, facts)
        if ((limited := np.clip(unlimited, *self.scale)) != unlimited).any():
            parts[OUT_OF_SCALE] = limited - unlimited
        return base, parts

    def save(self, path: Path) -> None:
        """Writes it as safetensors."""
        first = self.effects[0]
        arrays = self.head.arrays() | {"counts": first.counts, "common": first.common}
        arrays |= {"scores": self.scores, "scale": np.array(self.scale)}
        for place, effect in enumerate(self.effects):
            numbers = np.array(list(effect.numbers.values())).reshape(-1, 5)
            own = {"means": effect.means, "weights": effect.weights, "numbers": numbers, "intercept": effect.intercept}
            arrays |= {f"effects.{place}.{name}": np.asarray(value) for name, value in own.items()}
        about: dict[str, Any] = {"schema": asdict(self.schema), "names": first.names, "numbers": list(first.numbers)}
        about |= {"noise": asdict(self.noise), "effects": len(self.effects)}
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        write_tensors(path, tensors, {_METADATA: json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> "RatingModel":
        """Reads what `save` wrote; a `RunError` if the file is missing, cut off, or not such a model."""
        tensors, metadata = read_tensors(path)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        about = parse_json(metadata.get(_METADATA, ""), path, RunError, TRAIN_AGAIN)
        try:
            lists = tuple((str(column), str(job)) for column, job in about["schema"].pop("lists"))
            schema = Schema(**{name: tuple(columns) for name, columns in about["schema"].items()}, lists=lists)
            names = tuple((str(kind), str(name)) for kind, name in about["names"])
            effects = tuple(
                NameEffects(
                    names,
                    arrays["counts"],
                    arrays[f"effects.{place}.means"],
                    arrays[f"effects.{place}.weights"],
                    dict(zip(about["numbers"], arrays[f"effects.{place}.numbers"], strict=True)),
                    float(arrays[f"effects.{place}.intercept"]),
                    arrays["common"],
                )
                for place in range(int(about["effects"]))
            )
            low, high = arrays["scale"].tolist()
            return cls(
                schema, effects, Head.from_arrays(arrays), Noise(**about["noise"]), arrays["scores"], (low, high)
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} holds no model of ratings: {error}.", TRAIN_AGAIN) from error


def fit_model(
    schema: Schema,
    facts: Facts,
    target: Floats,
    votes: Floats | None,
    scale: tuple[float, float],
    config: BoostingConfig,
    seed: int = 0,
) -> tuple[RatingModel, Floats]:
    """Fits a model of ratings; noise and intervals come from rows that each was predicted without.

    Args:
        schema: Where the facts are from; kept in the model.
        facts: Of the training items.
        target: Their ratings.
        votes: Of how many votes each rating is the mean, at least 1; None: they count alike.
        scale: The lowest and the highest rating there can be.
        config: How.
        seed: Of the folds and the trees.

    Returns:
        The model, and its cross-validated predictions of the training items.
    """
    facts, expected = several(facts), np.full(len(target), target.mean())
    for _ in range(1 if votes is None else 2):  # what facts leave open, a first fit tells
        weights = 1.0 / _variances(target - expected, votes)
        effects, features = _cross_fitted(facts, target, weights, votes, config.folds, seed)
        expected = features[:, facts_of_features(effects).index(ALL_FACTS)]
    variances = _variances(target - expected, votes)
    held_out = np.empty(len(target))
    single = config.model_copy(update={"bags": 1})
    for train, test in folds_of(np.arange(len(target)), min(config.folds, _MOST_FOLDS), seed):
        few = facts.take(train)
        head = fit_head(effects, few, features[train], target[train], variances[train], single, seed)
        held_out[test] = np.clip(head.predict(effects, facts.take(test), features[test]), *scale)
    noise = fit_noise(target - held_out, votes)
    variances = _variances(target - held_out, votes)
    scores = np.sort(np.abs(target - held_out) / np.sqrt(variances))
    head = fit_head(effects, facts, features, target, variances, config, seed)
    return RatingModel(schema, effects, head, noise, scores, scale), held_out


def _cross_fitted(
    facts: Facts, target: Floats, weights: Floats, votes: Floats | None, folds: int, seed: int
) -> tuple[tuple[NameEffects, ...], Floats]:
    """What facts say, and features as trees will see those of new items: each row's learned from others."""
    effects = _fit_effects(facts, target, weights, votes)
    features = np.empty((len(target), len(facts_of_features(effects))))
    for train, test in folds_of(np.arange(len(target)), folds, seed):
        part = _fit_effects(facts.take(train), target[train], weights[train], _part(votes, train), like=effects)
        features[test] = features_of(part, facts.take(test))
    return effects, features


def _fit_effects(
    facts: Facts, target: Floats, weights: Floats, votes: Floats | None, like: tuple[NameEffects, ...] | None = None
) -> tuple[NameEffects, ...]:
    """What facts say of ratings, and of how many vote: who is known is seen by more, and in better films."""
    first = fit_names(facts, target, weights, like[0] if like else None)
    return (first,) if votes is None else (first, fit_names(facts, np.log1p(votes), np.ones(len(votes)), first))


def _variances(residuals: Floats, votes: Floats | None) -> Floats:
    """Those of targets around their predictions."""
    return np.maximum(fit_noise(residuals, votes).variance(votes, len(residuals)), 1e-12)


def folds_of(
    groups: npt.NDArray[np.int64], folds: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Row numbers to learn from and to be judged by, both ascending, for each of several random parts.

    `groups` are numbered from 0; the rows of one are in one part.
    """
    count = int(groups.max()) + 1
    part = (np.random.default_rng(seed).permutation(count) % folds)[groups]
    for number in range(min(folds, count)):
        yield np.flatnonzero(part != number), np.flatnonzero(part == number)


def _part(values: Floats | None, rows: npt.NDArray[np.int64]) -> Floats | None:
    return None if values is None else values[rows]


def measure_ratings(target: Floats, rated: Rated, votes: Floats | None) -> dict[str, dict[str, Any]]:
    """Metrics of predictions, with the share of intervals that hold the target, by the rows that they are over."""
    return {name: _measure(target[rows], rated.take(rows)) for name, rows in groups_of(target, votes).items()}


def groups_of(target: Floats, votes: Floats | None) -> dict[str, npt.NDArray[np.bool_]]:
    """All rows, or those with any vote and those with many of them; what has a single row is left out."""
    groups = {"all": np.ones(len(target), bool)}
    if votes is not None:
        groups = {"votes >= 1": votes >= 1, f"votes >= {MANY_VOTES}": votes >= MANY_VOTES}
    return {name: rows for name, rows in groups.items() if rows.sum() > 1}


def _measure(target: Floats, rated: Rated) -> dict[str, Any]:
    inside = (rated.low <= target) & (target <= rated.high)
    width = float(np.mean(rated.high - rated.low))
    return regression_metrics(target, rated.mean) | {"coverage": float(inside.mean()), "interval_width": width}
