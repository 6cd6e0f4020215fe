"""Do the ranking's 95 % intervals hold the truth? Simulated items, few and many, with reviews as models score them.

Reviews of an item are Beta distributed around its true mean: with a concentration below 1 they are bimodal (mostly near
0 or 1, as a classifier's probabilities are), above 2 unimodal, and 0 stands for answers of 0.01 or 0.99 alone. Nothing
here is what the ranking's model assumes but for the Beta shape of some item means.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.recommend.items import Items
from sentrec.recommend.posterior import estimate

from .settings import Settings
from .table import Column, Section
from .workplace import Workplace

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], npt.NDArray[np.generic]]

_TOP = 20
_MOST_REVIEWS = 30
_DRAWN_ITEMS = 2000
"""Items that are simulated for each figure, at least."""

MEANS: dict[str, Draw] = {
    "Beta(8, 3)": lambda generator, count: generator.beta(8, 3, count),
    "skewed": lambda generator, count: 1 - generator.beta(1.2, 8, count),
    "bimodal": lambda generator, count: np.where(
        generator.random(count) < 0.7, generator.beta(30, 5, count), generator.beta(5, 15, count)
    ),
    "wide": lambda generator, count: generator.beta(2, 1.5, count),
    "narrow": lambda generator, count: generator.beta(40, 15, count),
}
COUNTS: dict[str, Draw] = {
    "1 to 30": lambda generator, count: generator.integers(1, _MOST_REVIEWS + 1, count),
    "mostly few": lambda generator, count: np.minimum(generator.geometric(0.18, count), _MOST_REVIEWS),
}
CORRELATED = "with the mean"


@dataclass(frozen=True)
class Generator:
    """How items are simulated."""

    means: str
    counts: str
    concentrations: tuple[float, ...]

    def draw(self, generator: np.random.Generator, count: int) -> tuple[Items, Floats]:
        """Items, and their true means."""
        truth = np.clip(MEANS[self.means](generator, count).astype(np.float64), 0.001, 0.999)
        if self.counts == CORRELATED:
            popularity = (np.log(truth / (1 - truth)) - 1) / 2 + generator.normal(size=count)
            reviews = np.clip(np.exp(1.5 + 0.9 * popularity), 1, _MOST_REVIEWS).astype(np.int64)
        else:
            reviews = COUNTS[self.counts](generator, count).astype(np.int64)
        concentration = generator.choice(self.concentrations, count)
        truth = np.where(concentration == 0, 0.01 + 0.98 * truth, truth)
        groups = [_reviews(generator, *one) for one in zip(truth, concentration, reviews, strict=True)]
        return items_of(groups), truth


GENERATORS = (
    Generator("Beta(8, 3)", "1 to 30", (0.6,)),
    Generator("Beta(8, 3)", "mostly few", (0.6,)),
    Generator("Beta(8, 3)", CORRELATED, (0.6,)),
    Generator("Beta(8, 3)", "1 to 30", (0.2,)),
    Generator("Beta(8, 3)", "1 to 30", (0.0,)),
    Generator("skewed", "mostly few", (0.6,)),
    Generator("bimodal", "mostly few", (0.6,)),
    Generator("wide", "1 to 30", (0.6,)),
    Generator("narrow", "1 to 30", (0.6,)),
    Generator("Beta(8, 3)", "mostly few", (0.3, 0.6, 1.0, 3.0)),
    Generator("Beta(8, 3)", "1 to 30", (10.0,)),
)


def items_of(groups: Sequence[npt.ArrayLike]) -> Items:
    """Items from the probabilities of their reviews."""
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    counts = np.array([len(one) for one in arrays])
    return Items(
        keys=tuple(f"m{number}" for number in range(len(arrays))),
        reviews=counts,
        duplicates=np.zeros_like(counts),
        mean=np.array([one.mean() for one in arrays]),
        squares=np.array([((one - one.mean()) ** 2).sum() for one in arrays]),
        share_positive=np.array([(one > 0.5).mean() for one in arrays]),
        rating=np.full(len(arrays), np.nan),
        embedding=np.zeros((len(arrays), 0), dtype=np.float32),
    )


def coverage(generator: Generator, count: int, repetitions: int, seed: int = 0) -> tuple[float, float, float]:
    """Share of items whose interval holds the truth, the same of the first 20, and how much too high these are."""
    random = np.random.default_rng([seed, count])
    covered, covered_top, excess = [], [], []
    for _ in range(repetitions):
        items, truth = generator.draw(random, count)
        found = estimate(items)
        holds = (truth >= found.low) & (truth <= found.high)
        top = np.argsort(-found.score)[:_TOP]
        covered.append(holds.mean())
        covered_top.append(holds[top].mean())
        excess.append((found.score - truth)[top].mean())
    return float(np.mean(covered)), float(np.mean(covered_top)), float(np.mean(excess))


def measure_ranking(_place: Workplace | None, settings: Settings) -> list[Section]:
    """Coverage for every generator and number of items."""
    rows = []
    for generator in GENERATORS:
        name = f"{generator.means}; {generator.counts}; {', '.join(f'{one:g}' for one in generator.concentrations)}"
        row: dict[str, str | float] = {"generator": name}
        for count in settings.ranking_items:
            row[f"all{count}"], top, excess = coverage(generator, count, max(_DRAWN_ITEMS // count, settings.draws))
            if count > _TOP:
                row |= {f"top{count}": top, f"excess{count}": excess}
        rows.append(row)
    columns = [Column("generator", "item means; reviews; concentration")]
    columns += [Column(f"all{count}", f"{count} items", ".3f") for count in settings.ranking_items]
    for count in settings.ranking_items:
        if count > _TOP:
            columns += [
                Column(f"top{count}", f"first {_TOP} of {count}", ".3f"),
                Column(f"excess{count}", "too high by", "+.3f"),
            ]
    note = "Share of items whose 95 % interval holds the true mean. Concentration below 1: bimodal reviews."
    return [Section("Coverage of the ranking's 95 % intervals", columns, rows, [note])]


def _reviews(generator: np.random.Generator, mean: float, concentration: float, count: int) -> Floats:
    if concentration == 0:
        return np.where(generator.random(count) < (mean - 0.01) / 0.98, 0.99, 0.01)
    return generator.beta(mean * concentration, (1 - mean) * concentration, count)
