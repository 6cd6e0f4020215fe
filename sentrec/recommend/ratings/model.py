"""A model of ratings: a fitted recommender, expected stars, films and everybody's ratings; saved and loaded as one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.columns import FieldNames
from sentrec.errors import DataError
from sentrec.files.parse import parse_json, parsing, read_text
from sentrec.files.storage import atomic_directory, write_json
from sentrec.plugins import recommender_registry
from sentrec.recommend.background import ItemRatings
from sentrec.recommend.catalogue import identity, names_of
from sentrec.recommend.ratings.data import rating_files, read_ratings
from sentrec.recommend.ratings.features import item_features, review_features
from sentrec.recommend.ratings.films import Film, link_films, read_films, read_links
from sentrec.recommender import Floats, History, ItemFeatures, Numbers, Ratings, Recommender, State

DEFAULT = "ease-features"
STARS = "stars"
BASELINES = ("ease", "popularity", STARS)
"""What an evaluation compares a recommender with; the last gives expected ratings."""
_TENSORS, _VALUES = "model.safetensors", "ratings.json"
_VERSION = 1


@dataclass(frozen=True)
class RatingsData:
    """Ratings with names and films."""

    ratings: Ratings  # the ratings; items beyond the rated ones are films of the metadata that nobody rated
    users: tuple[str, ...]  # names of the users
    keys: tuple[str, ...]  # keys of the items
    films: tuple[Film, ...]  # what each item is
    scale: float  # the highest rating
    reviews: tuple[Floats, Floats] | None = None
    """What is written about the films, see `review_features`; None: nothing is known, or a model was loaded, which
    keeps features only."""


def read_data(
    path: Path,
    movies: Path | None = None,
    names: FieldNames | None = None,
    encoding: str | None = None,
    scores: Path | None = None,
) -> RatingsData:
    """Reads ratings and what films are.

    `path` is a MovieLens archive or folder, or a file of ratings in which `names` says what is what; `movies` further
    metadata: a file, or a folder such as that of TMDB; `scores` what ``sentrec recommend REVIEWS --scores FILE`` keeps.
    """
    with rating_files(path) as files:
        rated = read_ratings(files["ratings"], names, encoding)
        own = read_films(files["movies"]) if "movies" in files else {}
        links = read_links(files["links"]) if "links" in files else {}
    keys, films = link_films(rated.items, own, read_films(movies) if movies else {}, links)
    found = rated.ratings
    ratings = Ratings(found.users, found.items, found.stars, found.times, (found.shape[0], len(keys)), found.liked_from)
    reviews = review_features(scores, keys, films) if scores else None
    return RatingsData(ratings, rated.users, keys, films, rated.scale, reviews)


def read_target(path: Path, names: FieldNames | None = None) -> ItemRatings:
    """Reads ratings as `read_data` does, as the target of a ranking; a `DataError` if no item has two of them."""
    data = read_data(path, names=names)
    items, stars = data.ratings.items, data.ratings.stars / data.scale
    counts = np.bincount(items)
    mean = np.bincount(items, stars) / np.maximum(counts, 1)
    freedom = len(stars) - (counts > 0).sum()
    if not freedom:
        raise DataError(f"{path}: no item has two ratings, so nobody can tell how much they differ.")
    within = float(((stars - mean[items]) ** 2).sum() / freedom)
    rated = np.flatnonzero(counts)
    films = {data.keys[number]: data.films[number] for number in rated}
    return ItemRatings(films, mean[rated], within / counts[rated])


@dataclass(frozen=True)
class RatingsModel:
    """What makes lists."""

    name: str  # the recommender's registered name
    recommender: Recommender  # what orders a list
    stars: Recommender | None  # what expects ratings; None: nothing does
    data: RatingsData  # ratings, users and films
    features: ItemFeatures  # features of the films

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the items."""
        return self.data.keys

    @property
    def films(self) -> tuple[Film, ...]:
        """What each item is."""
        return self.data.films

    @cached_property
    def counts(self) -> Numbers:
        """How many users rated each item."""
        return np.bincount(self.data.ratings.items, minlength=len(self.keys))

    @cached_property
    def numbers(self) -> Mapping[str, list[int]]:
        """The items by what they may be called, folded: key, title, title with year."""
        found: dict[str, list[int]] = {}
        for number, key in enumerate(self.keys):
            for name in names_of(key, self.films[number]):
                found.setdefault(name, []).append(number)
        return found

    def label(self, item: int) -> str:
        """An item as it is shown: ``Heat (1995)``, or its key where its title is unknown."""
        film = self.films[item]
        title = film.title or self.keys[item]
        return f"{title} ({film.year})" if film.year else title

    def history(self, user: str) -> History:
        """What a user rated; empty where the user is not known."""
        mine = self.data.ratings.users == self._places.get(identity(user), -1)
        return self.data.ratings.history(np.flatnonzero(mine))

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {identity(name): place for place, name in enumerate(self.data.users)}

    def save(self, folder: Path) -> None:
        """Writes the model: tensors as safetensors, all else as JSON; a `SentrecError` if it cannot be written."""
        from safetensors.numpy import save_file

        ratings = self.data.ratings
        parts = {"recommender": self.recommender} | ({"stars": self.stars} if self.stars is not None else {})
        states = {part: recommender.state() for part, recommender in parts.items()}
        tensors = {f"{part}.{name}": value for part, state in states.items() for name, value in state.arrays.items()}
        tensors |= {f"ratings.{name}": getattr(ratings, name) for name in _RATINGS}
        tensors |= {f"features.{name}": getattr(self.features, name) for name in _FEATURES}
        values = {
            "version": _VERSION,
            "name": self.name,
            "parts": {part: dict(state.values) for part, state in states.items()},
            "users": list(self.data.users),
            "keys": list(self.data.keys),
            "films": [asdict(film) for film in self.films],
            "scale": self.data.scale,
            "liked_from": ratings.liked_from,
            "features": list(self.features.names),
        }
        with atomic_directory(folder) as made:
            save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, made / _TENSORS)
            write_json(made / _VALUES, values)


_RATINGS = ("users", "items", "stars", "times")
_FEATURES = ("named", "facts", "latent")


def fit(data: RatingsData, name: str = DEFAULT) -> RatingsModel:
    """Learns from ratings, with the registered recommender that is to order lists; a `PluginError` if there is none."""
    features = item_features(data.films, data.reviews)
    registry = recommender_registry()
    recommender = registry.recommender(name)().fit(data.ratings, features)
    stars = None if recommender.gives_stars else registry.recommender(STARS)().fit(data.ratings, features)
    return RatingsModel(name, recommender, stars, data, features)


def is_model(path: Path) -> bool:
    """Whether a folder holds a saved model of ratings."""
    return (path / _VALUES).is_file() and (path / _TENSORS).is_file()


def load_model(folder: Path) -> RatingsModel:
    """Reads a saved model; nothing in it is executed; a `DataError` if it is broken, or of another version."""
    from safetensors.numpy import load_file

    hint = "Fit it again: sentrec recommend --ratings FILE --save FOLDER"
    with parsing(folder, DataError, hint):
        values = parse_json(read_text(folder / _VALUES, DataError, hint), folder / _VALUES, DataError, hint)
        if values["version"] != _VERSION:
            raise DataError(f"{folder} was written by another version of sentrec.", hint)
        tensors = load_file(folder / _TENSORS)
        registry = recommender_registry()
        parts = {
            part: registry.recommender(values["name"] if part == "recommender" else STARS).restore(
                State(
                    {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")},
                    saved,
                )
            )
            for part, saved in values["parts"].items()
        }
        keys, users = tuple(values["keys"]), tuple(values["users"])
        columns = {name: tensors[f"ratings.{name}"] for name in _RATINGS}
        ratings = Ratings(shape=(len(users), len(keys)), liked_from=values["liked_from"], **columns)
        data = RatingsData(ratings, users, keys, tuple(map(_film, values["films"])), values["scale"])
        features = ItemFeatures(names=tuple(values["features"]), **{n: tensors[f"features.{n}"] for n in _FEATURES})
        return RatingsModel(values["name"], parts["recommender"], parts.get("stars"), data, features)


def _film(saved: Mapping[str, Any]) -> Film:
    facts = {name: tuple(names) for name, names in saved["facts"].items()}
    return Film(**{**saved, "genres": tuple(saved["genres"]), "facts": facts})
