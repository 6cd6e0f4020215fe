"""The application: its paths, and what each of them answers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from sentrec import __version__
from sentrec.data.writers import plain
from sentrec.errors import SentrecError
from sentrec.explain import explain
from sentrec.inference.predictor import Predictor
from sentrec.recommend.api import recommend
from sentrec.recommend.catalogue import fold
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.scoring import ModelScorer
from sentrec.recommend.stream import ScoringOptions
from sentrec.serve.gate import CONTENT_TYPE, Gate, Metrics, ServeSettings
from sentrec.serve.problems import MEDIA_TYPE, fault, invalid, problem, refused, unusable
from sentrec.serve.queueing import Batcher, Jobs
from sentrec.serve.schema import (
    Predicted,
    PredictRequest,
    PredictResponse,
    Problem,
    RankRequest,
    RankResponse,
    RecommendRequest,
    RecommendResponse,
    ServedModel,
    Status,
)

if TYPE_CHECKING:
    from sentrec.recommend.ratings.model import RatingsModel

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    for status, what in {
        400: "The body cannot be read.",
        401: "The token is missing or wrong.",
        404: "There is no such model.",
        408: "The body did not come to its end.",
        413: "The body is too long.",
        422: "The body does not fit, or cannot be answered.",
        429: "Too much waits: try again later.",
        500: "A fault of the server.",
        503: "There was no answer in time.",
    }.items()
}


_HANDLERS: dict[int | type[Exception], Any] = {
    RequestValidationError: invalid,
    HTTPException: refused,
    SentrecError: unusable,
    Exception: fault,
}


class Service:
    """Models that answer requests, by name, the default first."""

    def __init__(self, predictors: Mapping[str, Predictor], settings: ServeSettings, metrics: Metrics) -> None:
        self.predictors = dict(predictors)
        self.batchers = {
            name: Batcher(
                predictor.predict,
                settings.most_waiting,
                timeout=settings.timeout,
                on_batch=partial(_count, metrics, name),
            )
            for name, predictor in predictors.items()
        }
        self.jobs = Jobs(settings.most_jobs, settings.timeout)

    def chosen(self, name: str | None) -> str:
        """The model that a request names, else the first; a `HTTPException` if there is no such model."""
        if name is not None and name not in self.predictors:
            raise HTTPException(404, "There is no such model: see /models.")
        return name or next(iter(self.predictors))

    async def predict(self, request: PredictRequest) -> PredictResponse:
        """Classifies the texts of a request."""
        name = self.chosen(request.model)
        answers = await self.batchers[name].predict(request.all_texts)
        found = (one.in_classes(request.classes) if request.classes else one for one in answers)
        predictions = [Predicted(**one.to_dict(), explanation=None) for one in found]
        if request.explain:
            explanations = await self.jobs.run(explain, self.predictors[name], request.all_texts)
            for prediction, explanation in zip(predictions, explanations, strict=True):
                prediction.explanation = explanation.to_dict()
        return PredictResponse(model=name, predictions=predictions)

    async def rank(self, request: RankRequest) -> RankResponse:
        """Ranks the items of a request's reviews."""
        name = self.chosen(request.model)
        return RankResponse(model=name, **await self.jobs.run(rank, self.predictors[name], request))

    @property
    def is_busy(self) -> bool:
        """Whether a further request would be refused."""
        return any(batcher.is_full for batcher in self.batchers.values()) or self.jobs.is_full

    def close(self) -> None:
        """Ends its threads."""
        for batcher in self.batchers.values():
            batcher.close()
        self.jobs.close()


def rank(predictor: Predictor, request: RankRequest) -> dict[str, Any]:
    """Scores and ranks reviews as `sentrec recommend` does, and raises what it does."""
    rows = [{"movie" if key == "item" else key: value for key, value in one} for one in request.reviews]
    options = RankOptions(
        **request.model_dump(include={"top", "min_reviews", "sort", "like", "diverse"}),
        exclude=frozenset(map(fold, request.exclude)),
    )
    with TemporaryDirectory(prefix="sentrec-") as work:
        scoring = ScoringOptions(rejects=Path(work, "rejects.jsonl"))
        result = recommend(rows, ModelScorer(predictor, request.positive), options=options, scoring=scoring)
    summary = {key: value for key, value in result.summary().items() if key != "rejects_file"}
    return {"items": [plain(item.to_dict()) for item in result.items], "summary": summary}


def create_app(
    predictors: Mapping[str, Predictor], settings: ServeSettings | None = None, ratings: "RatingsModel | None" = None
) -> Gate:
    """The application (ASGI) that answers with models, the default first, and with ratings makes lists for users."""
    settings, metrics = settings or ServeSettings(), Metrics()
    service = Service(predictors, settings, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="sentrec",
        version=__version__,
        summary="Classification of texts and ranking of reviews.",
        lifespan=lifespan,
        responses=_PROBLEMS,
        docs_url=None,  # its page would load scripts and fonts from elsewhere
        redoc_url=None,
        exception_handlers=_HANDLERS,
    )
    _add_work(app, service)
    if ratings is not None:
        _add_recommend(app, service, ratings)
    _add_state(app, service, metrics)
    return Gate(app, settings, metrics)


def _add_work(app: FastAPI, service: Service) -> None:
    @app.post("/predict", response_model_exclude_none=True)
    async def predict(body: PredictRequest, request: Request) -> PredictResponse:
        """Says how a model classifies texts."""
        request.state.texts = len(body.all_texts)
        return await service.predict(body)

    @app.post("/rank")
    async def rank(body: RankRequest, request: Request) -> RankResponse:
        """Ranks items by what their reviews say."""
        request.state.texts = len(body.reviews)
        return await service.rank(body)


def _add_recommend(app: FastAPI, service: Service, ratings: "RatingsModel") -> None:
    from sentrec.recommend.ratings.lists import history_of, recommend_films  # scipy.stats takes half a second

    def listed(body: RecommendRequest) -> RecommendResponse:
        options = RankOptions(
            body.top,
            body.min_ratings,
            genres=tuple(body.genres),
            exclude=frozenset(map(fold, body.exclude)),
            diverse=body.diverse,
        )
        films = recommend_films(ratings, history_of(ratings, body.user, body.likes), options)
        known = None if body.user is None else bool(len(ratings.history(body.user).items))
        return RecommendResponse(films=[plain(film.to_dict()) for film in films], known_user=known)

    @app.post("/recommend")
    async def recommend(body: RecommendRequest) -> RecommendResponse:
        """Lists films for a user of the ratings, or for somebody who likes some films."""
        return await service.jobs.run(listed, body)


def _add_state(app: FastAPI, service: Service, metrics: Metrics) -> None:
    @app.get("/models")
    async def models() -> list[ServedModel]:
        """The models that answer, the default first."""
        return [_served(name, predictor) for name, predictor in service.predictors.items()]

    @app.get("/health")
    async def health() -> Status:
        """Whether the process lives."""
        return Status(status="alive")

    @app.get("/ready", response_model=Status)
    async def ready(request: Request) -> Status | Response:
        """Whether further requests would be taken."""
        if service.is_busy:
            return problem(503, "Too much waits.", request.state.request_id, {"Retry-After": "1"})
        return Status(status="ready")

    @app.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.document(), media_type=CONTENT_TYPE)


def _count(metrics: Metrics, name: str, texts: int, waiting: int) -> None:
    metrics.waiting.labels(name).set(waiting)
    metrics.texts.labels(name).inc(texts)
    metrics.batches.labels(name).observe(texts)


def _served(name: str, predictor: Predictor) -> ServedModel:
    run = predictor.run
    accuracy = (run.metrics.get("test") or {}).get("accuracy")
    return ServedModel(name=name, labels=list(run.label_names), recipe=run.recipe.name, accuracy=accuracy)
