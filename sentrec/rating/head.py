"""What makes a rating of facts: boosted trees over features, and a Gaussian process over the facts themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.rating.facts import Facts, Floats
from sentrec.rating.kernel import Kernel, fit_kernel
from sentrec.rating.names import NameEffects, facts_of_features, features_of
from sentrec.rating.trees import Trees, fit_trees
from sentrec.recipe.sections import BoostingConfig

Effects = tuple[NameEffects, ...]


@dataclass(frozen=True)
class Head:
    """Trees, and beside them a Gaussian process, which tells more where rows are few.

    Attributes:
        trees: The trees.
        kernel: The process.
        share: How much of a prediction is the latter's, 0 to 1.
    """

    trees: Trees
    kernel: Kernel
    share: float

    def predict(self, effects: Effects, facts: Facts, features: Floats | None = None) -> Floats:
        """The predictions for items; `features` are theirs where they are known."""
        features = features_of(effects, facts) if features is None else features
        of_kernel = self.kernel.predict(effects[0], facts)
        return np.asarray((1.0 - self.share) * self.trees.predict(features) + self.share * of_kernel)

    def contributions(self, effects: Effects, facts: Facts) -> tuple[float, dict[str, Floats]]:
        """What all items begin with, and what each fact adds, shape ``(items,)`` each; the sum is `predict`."""
        base, added = self.trees.contributions(features_of(effects, facts))
        parts: dict[str, Floats] = {}
        for fact, column in zip(facts_of_features(effects), added.T, strict=True):
            parts[fact] = parts.get(fact, 0.0) + (1.0 - self.share) * column
        for fact, column in self.kernel.contributions(effects[0], facts).items():
            parts[fact] = parts.get(fact, 0.0) + self.share * column
        return (1.0 - self.share) * base + self.share * self.kernel.base, parts

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file has to hold."""
        kernel = {f"kernel.{name}": np.asarray(value) for name, value in vars(self.kernel).items()}
        trees = {f"trees.{name}": value for name, value in self.trees.arrays().items()}
        return {**trees, **kernel, "share": np.asarray(self.share)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> "Head":
        """The head of such a file; raises as `Trees.from_arrays`, and KeyError where something is missing."""
        trees = Trees.from_arrays({name: arrays[f"trees.{name}"] for name in Trees.__annotations__})
        base, *rest = (np.asarray(arrays[f"kernel.{name}"], np.float64) for name in Kernel.__annotations__)
        return cls(trees, Kernel(float(base), *rest), float(arrays["share"]))


def fit_head(
    effects: Effects,
    facts: Facts,
    features: Floats,
    target: Floats,
    variances: Floats,
    config: BoostingConfig,
    seed: int,
) -> Head:
    """Fits both parts to items whose targets have these variances around what facts say.

    Args:
        effects: The names and numbers of the facts.
        facts: Of the items.
        features: Those of each, by effects that were learned from others.
        target: Their ratings.
        variances: The more, the less a rating counts.
        config: How.
        seed: See `fit_trees`.
    """
    weights = 1.0 / variances
    trees = fit_trees(features, target, weights / weights.mean(), config, seed)
    return Head(trees, fit_kernel(effects[0], facts, target, variances, seed), config.kernel)
