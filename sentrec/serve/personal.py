"""Lists for users; imported only where there are ratings, since scipy.stats takes half a second."""

from typing import Any

from sentrec.data.writers import plain
from sentrec.recommend.catalogue import fold
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.ratings.lists import history_of, recommend_films
from sentrec.recommend.ratings.model import RatingsModel
from sentrec.serve.schema import RecommendRequest


def recommend_for(model: RatingsModel, request: RecommendRequest) -> dict[str, Any]:
    """Films for somebody as `sentrec recommend --ratings` lists them, and whether their ratings are known.

    Raises:
        DataError: If a liked film is not known, or no film fulfils the request.
    """
    options = RankOptions(
        request.top,
        request.min_ratings,
        genres=tuple(request.genres),
        exclude=frozenset(map(fold, request.exclude)),
        diverse=request.diverse,
    )
    films = recommend_films(model, history_of(model, request.user, request.likes), options)
    known = None if request.user is None else bool(len(model.history(request.user).items))
    return {"films": [plain(film.to_dict()) for film in films], "known_user": known}
