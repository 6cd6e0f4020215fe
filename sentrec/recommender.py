"""The contract of a recommender: ratings and item features in, scores with exact explanations out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ratings:
    """Who rated what, by numbers from 0; each user rated an item at most once.

    Attributes:
        users: The user of each rating, shape ``(ratings,)``.
        items: The item of each rating.
        stars: The rating itself.
        times: When it was given, in any unit; not a number where that is unknown.
        shape: Number of users and of items; items without a rating count, too.
        liked_from: Ratings from here on say that the user liked the item.
    """

    users: Numbers
    items: Numbers
    stars: Floats
    times: Floats
    shape: tuple[int, int]
    liked_from: float

    def liked(self) -> Any:
        """Which user liked which item: a sparse matrix (scipy, CSR) of ones, shape ``(users, items)``."""
        from scipy import sparse

        rows = self.stars >= self.liked_from
        places = (self.users[rows], self.items[rows])
        return sparse.csr_matrix((np.ones(int(rows.sum()), np.float32), places), shape=self.shape)

    def history(self, rows: npt.NDArray[Any]) -> "History":
        """Some of the ratings, all of one user, as a history."""
        return History(self.items[rows], self.stars[rows], self.times[rows])

    def select(self, rows: npt.NDArray[Any]) -> "Ratings":
        """Some of the ratings, of the same users and items."""
        kept = (self.users[rows], self.items[rows], self.stars[rows], self.times[rows])
        return Ratings(*kept, self.shape, self.liked_from)


@dataclass(frozen=True)
class History:
    """What one user rated.

    Attributes:
        items: Numbers of the items, shape ``(k,)``.
        stars: Their ratings.
        times: When they were given; not a number where that is unknown; empty: all unknown.
    """

    items: Numbers
    stars: Floats
    times: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class ItemFeatures:
    """What is known of items beside their ratings.

    Attributes:
        named: What tastes differ in, shape ``(items, d)``: genres, the year, who made it, what it is about.
        names: A name for each of these, for explanations; equal ones are told as one.
        facts: Numbers such as the year and the budget, standardised, with indicators of what is unknown.
        latent: All names, reduced to a few dimensions; rows of unit length, or zero where nothing is known.
    """

    named: Floats
    names: tuple[str, ...]
    facts: Floats
    latent: Floats


class Part(NamedTuple):
    """A summand of a score.

    Attributes:
        name: What it comes from, e.g. ``Western``; empty where that is the item `item`.
        value: What it adds.
        item: The item of the history that it comes from.
    """

    name: str
    value: float
    item: int | None = None


@dataclass(frozen=True)
class State:
    """A fitted recommender as it is saved: arrays, and values of plain JSON types."""

    arrays: Mapping[str, npt.NDArray[Any]]
    values: Mapping[str, Any] = field(default_factory=dict)


class Recommender(ABC):
    """Base class of every recommender.

    The first line of a subclass's docstring is its summary. It is built with its options, which all have defaults, and
    then fitted. `sentrec.testing.RecommenderConformance` checks one.
    """

    gives_stars: ClassVar[bool] = False
    """Whether scores are expected ratings rather than an order."""

    @abstractmethod
    def fit(self, ratings: Ratings, features: ItemFeatures) -> Self:
        """Learns from ratings.

        Raises:
            SentrecError: If they need more memory than there is.
        """

    @abstractmethod
    def scores(self, history: History) -> Floats:
        """The score of every item for the user with this history, who need not be one of those learned from.

        Returns:
            Finite numbers of shape ``(items,)``; what the user rated already is scored, too. An empty history is that
            of an unknown user.
        """

    @abstractmethod
    def explain(self, history: History, item: int) -> Sequence[Part]:
        """The summands of an item's score; they add up to it."""

    @abstractmethod
    def state(self) -> State:
        """What `restore` needs."""

    @classmethod
    @abstractmethod
    def restore(cls, state: State) -> Self:
        """The fitted recommender that a state was taken of; it gives the same scores."""
