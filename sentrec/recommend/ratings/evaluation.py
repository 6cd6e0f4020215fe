"""Measures recommenders on held-out ratings, beside popularity, with paired intervals over users."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError
from sentrec.metrics.ranking import Floats, K, ListMeasures, Measure, list_metrics, mean_interval, root_mean_interval
from sentrec.recommender import ItemFeatures, Numbers, Ratings, Recommender

Split = Literal["user", "time", "user-time", "films", "ratings"]
_SEED = 0
_HELD = 0.2
"""Share of the ratings (or users, or films) that are held out."""


@dataclass(frozen=True)
class Fold:
    """What to learn from and what to measure on."""

    train: Ratings  # ratings to learn from
    known: Ratings  # ratings of the users measured that a recommender is shown as their histories
    held: Ratings  # the ratings held out
    candidates: Numbers  # items that are ranked; those of a user's history are left out besides


def folds_of(ratings: Ratings, split: Split, folds: int = 5) -> Iterator[Fold]:
    """The folds of a split; a `DataError` if there are no times to split by.

    - ``user``: each user is once among those measured; nothing of them is learned from, their latest fifth of ratings
      is held out and the others are their history.
    - ``user-time``: the latest fifth of each user's ratings is held out; one fold.
    - ``time``: what lies before the point in time with four fifths of all ratings is learned from; of users who rated
      later the latest fifth is held out, and what they rated before that, also after the point, is their history.
    - ``films``: each film is once among those held out, with all its ratings; only these are ranked.
    - ``ratings``: each rating is once held out, drawn at random.
    """
    draw = np.random.default_rng(_SEED)
    rated = np.unique(ratings.items)
    if split in ("time", "user-time"):
        if not np.isfinite(ratings.times).any():
            raise DataError("the ratings have no times to split by.", "Take --split user, films or ratings.")
        latest = _last_share(ratings)
        new = ratings.times > np.nanquantile(ratings.times, 1 - _HELD) if split == "time" else latest
        yield Fold(ratings.select(~new), ratings.select(~latest), ratings.select(latest & new), rated)
        return
    if split == "user":
        inside = _last_share(ratings)
        of_rating = (draw.permutation(ratings.shape[0]) % folds)[ratings.users]
    elif split == "films":
        of_rating = (draw.permutation(ratings.shape[1]) % folds)[ratings.items]
    else:
        of_rating = draw.permutation(len(ratings.stars)) % folds
    for fold in range(folds):
        mine = of_rating == fold
        train = ratings.select(~mine)
        if split == "user":
            yield Fold(train, ratings.select(mine & ~inside), ratings.select(mine & inside), rated)
        else:
            yield Fold(
                train, train, ratings.select(mine), np.unique(ratings.items[mine]) if split == "films" else rated
            )


def _last_share(ratings: Ratings) -> npt.NDArray[np.bool_]:
    """Which ratings are among the latest fifth of their user's; where there are no times, a fifth drawn at random."""
    times, chance = ratings.times, np.random.default_rng(_SEED).random(len(ratings.times))
    order = np.lexsort((chance, np.nan_to_num(times), ratings.users))
    counts = np.bincount(ratings.users, minlength=ratings.shape[0])
    left = np.cumsum(counts)[ratings.users[order]] - np.arange(len(times))
    held = np.zeros(len(times), dtype=bool)
    held[order] = left <= np.floor(_HELD * counts[ratings.users[order]])
    return held


_METRICS = ("ndcg10", "recall20", "map")


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        split: How ratings were held out.
        users: Users measured: those with a held-out item that they liked.
        lists: Measures of the lists, by recommender.
        differences: The first recommender's metrics less those of each other one, paired over users.
        errors: Root mean squared error of the held-out ratings with its interval (over users), by recommender that
            gives stars.
    """

    split: Split
    users: int
    lists: Mapping[str, ListMeasures]
    differences: Mapping[str, Mapping[str, Measure]]
    errors: Mapping[str, Measure]

    def to_dict(self) -> dict[str, Any]:
        """The measures in plain JSON types."""
        return {
            "split": self.split,
            "users": self.users,
            "lists": {name: measures.to_dict() for name, measures in self.lists.items()},
            "differences": {
                name: {metric: asdict(value) for metric, value in values.items()}
                for name, values in self.differences.items()
            },
            "rmse": {name: asdict(value) for name, value in self.errors.items()},
        }


class _Tally:
    """Sums over folds, of one recommender."""

    def __init__(self, users: int, items: int) -> None:
        self.totals = np.zeros((users, len(_METRICS)))
        self.lists = np.zeros(users)
        self.recommended: set[int] = set()
        self.information: list[float] = []
        self.squares = np.zeros(users)
        self.counts = np.zeros(users)

    def add_list(self, user: int, scores: Floats, liked: npt.NDArray[np.bool_], bits: Floats, items: Any) -> None:
        found = list_metrics(scores, liked)
        self.totals[user] += [found[name] for name in _METRICS]
        self.lists[user] += 1
        first = np.argsort(-scores, kind="stable")[:K]
        self.recommended.update(items[first].tolist())
        self.information.append(float(bits[items[first]].mean()))

    def add_errors(self, user: int, errors: Floats) -> None:
        self.squares[user] += float(errors @ errors)
        self.counts[user] += len(errors)

    def error(self) -> Measure:
        """The root mean squared error over ratings; its interval is that of users drawn anew."""
        measured = self.counts > 0
        return root_mean_interval(self.squares[measured], self.counts[measured])

    def measures(self, candidates: int) -> ListMeasures:
        means = self.totals / np.where(self.lists > 0, self.lists, np.nan)[:, None]
        per_user = dict(zip(_METRICS, means.T, strict=True))
        return ListMeasures(per_user, len(self.recommended) / candidates, float(np.mean(self.information)))


def evaluate(
    ratings: Ratings,
    features: ItemFeatures,
    recommenders: Mapping[str, Callable[[], Recommender]],
    split: Split = "user",
    folds: int = 5,
    on_fold: Callable[[int], None] | None = None,
) -> Evaluation:
    """Fits recommenders on the rest of the ratings and measures them on those held out.

    Args:
        ratings: All ratings.
        features: Features of all items; they are not learned from ratings.
        recommenders: What makes each of them; the first is compared with the others.
        split: How ratings are held out, see `folds_of`.
        folds: Number of folds, where the split has several.
        on_fold: Is told the number of each fold that is done.

    Raises:
        DataError: If no user has a held-out item that they liked.
    """
    tallies = {name: _Tally(*ratings.shape) for name in recommenders}
    candidates: set[int] = set()
    for number, fold in enumerate(folds_of(ratings, split, folds), start=1):
        fitted = {name: make().fit(fold.train, features) for name, make in recommenders.items()}
        _measure(fold, fitted, tallies)
        candidates.update(fold.candidates.tolist())
        if on_fold:
            on_fold(number)
    first, *others = tallies
    users = int((tallies[first].lists > 0).sum())
    if not users:
        raise DataError("no user has a held-out item that they liked.", "More ratings are needed to measure.")
    lists = {name: tally.measures(len(candidates)) for name, tally in tallies.items()}
    return Evaluation(
        split,
        users,
        lists,
        {name: _less(lists[first], lists[name]) for name in others},
        {name: tally.error() for name, tally in tallies.items() if tally.counts.any()},
    )


def _less(first: ListMeasures, second: ListMeasures) -> dict[str, Measure]:
    return {name: mean_interval(first.per_user[name] - second.per_user[name]) for name in _METRICS}


def _measure(fold: Fold, fitted: Mapping[str, Recommender], tallies: Mapping[str, _Tally]) -> None:
    counts = np.bincount(fold.train.items[fold.train.stars >= fold.train.liked_from], minlength=fold.train.shape[1])
    bits = -np.log2(np.maximum(counts, 0.5) / max(len(np.unique(fold.train.users)), 1))
    place = np.full(fold.train.shape[1], -1)
    known, held = _by_user(fold.known), _by_user(fold.held)
    for user, rows in held.items():
        mine = known.get(user, np.zeros(0, np.int64))
        history = fold.known.history(mine)
        items = np.setdiff1d(fold.candidates, history.items)
        place[items] = np.arange(len(items))
        hidden, stars = fold.held.items[rows], fold.held.stars[rows]
        liked = np.zeros(len(items), dtype=bool)
        wanted = place[hidden[stars >= fold.held.liked_from]]
        liked[wanted[wanted >= 0]] = True
        for name, recommender in fitted.items():
            scores = np.asarray(recommender.scores(history), np.float64)
            if liked.any():
                tallies[name].add_list(user, scores[items], liked, bits, items)
            if recommender.gives_stars:
                tallies[name].add_errors(user, scores[hidden] - stars)
        place[items] = -1


def _by_user(ratings: Ratings) -> dict[int, npt.NDArray[np.int64]]:
    if not len(ratings.users):
        return {}
    order = np.argsort(ratings.users, kind="stable")
    users, starts = np.unique(ratings.users[order], return_index=True)
    return dict(zip(users.tolist(), np.split(order, starts[1:]), strict=True))
