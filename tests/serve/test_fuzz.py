"""No body, whatever it is, makes the server fail."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ratings import movielens
from starlette.testclient import TestClient

from sentrec.inference.predictor import Predictor
from sentrec.recommend.ratings.model import RatingsModel, fit, read_data
from sentrec.serve.application import create_app

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("text"), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["text", "texts", "model", "reviews", "item", "top", "min_reviews", "sort", "like", "exclude"])
BODIES = JSON | st.dictionaries(FIELDS, JSON, max_size=6)
REVIEW = st.fixed_dictionaries(
    {"item": st.text(min_size=1, max_size=20), "text": st.text(min_size=1, max_size=50)},
    optional={"id": st.text(max_size=5), "rating": st.floats(), "user": st.text(max_size=5)},
)
RANKINGS = st.fixed_dictionaries(
    {"reviews": st.lists(REVIEW, min_size=1, max_size=8), "min_reviews": st.just(1)},
    optional={
        "sort": st.sampled_from(["score", "lower-bound", "mean"]),
        "like": st.text(max_size=5),
        "exclude": st.lists(st.text(max_size=5), max_size=3),
        "diverse": st.booleans(),
        "top": st.integers(),
    },
)


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> RatingsModel:
    return fit(read_data(movielens(tmp_path_factory.mktemp("ratings"))), "ease")


@pytest.fixture(scope="module")
def served(predictor: Predictor) -> Any:
    with TestClient(create_app({"small": predictor}), raise_server_exceptions=False) as client:
        yield client


def assert_answered(client: TestClient, path: str, content: bytes) -> None:
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 413, 422), answer.text
    assert answer.is_success or answer.json()["status"] == answer.status_code


@settings(max_examples=60)
@given(body=BODIES)
@pytest.mark.parametrize("path", ["/predict", "/rank"])
def test_any_json_is_answered(served: TestClient, path: str, body: Any) -> None:
    assert_answered(served, path, json.dumps(body).encode())


@settings(max_examples=60)
@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("path", ["/predict", "/rank"])
def test_any_bytes_are_answered(served: TestClient, path: str, content: bytes) -> None:
    assert_answered(served, path, content)


@settings(max_examples=60)
@given(body=RANKINGS)
def test_any_reviews_are_ranked_or_refused(served: TestClient, body: Any) -> None:
    assert_answered(served, "/rank", json.dumps(body).encode())


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/predict", "/rank", "/recommend"])
def test_the_description_is_kept(predictor: Predictor, ratings: RatingsModel, path: str) -> None:
    """Requests that schemathesis makes of the description, good ones and bad ones, get answers that it describes."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    checks = pytest.importorskip("schemathesis.specs.openapi.checks")
    operation = schemathesis.openapi.from_asgi("/openapi.json", create_app({"small": predictor}, ratings=ratings))[
        path
    ]["POST"]
    kept = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]

    @settings(max_examples=100, deadline=None)
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def good(case: Any) -> None:
        case.call_and_validate(checks=[schemathesis.checks.not_a_server_error, *kept])

    @settings(max_examples=100, deadline=None)
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def bad(case: Any) -> None:
        assert case.call().status_code < 500

    good()
    bad()
