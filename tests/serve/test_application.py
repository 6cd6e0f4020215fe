"""What clients are answered, and what they are told when they are not."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from small_ratings import movielens
from starlette.testclient import TestClient

from sentrec.explain import explain
from sentrec.inference.prediction import Prediction
from sentrec.inference.predictor import Predictor
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.ratings.lists import history_of, recommend_films
from sentrec.recommend.ratings.model import RatingsModel, fit, read_data
from sentrec.serve import schema
from sentrec.serve.application import create_app
from sentrec.serve.gate import ServeSettings
from sentrec.serve.problems import MEDIA_TYPE

REVIEWS = [
    {"item": item, "text": f"the film was {word} and {word}, row {row}", "rating": stars, "user": f"u{row}"}
    for item, word, stars in (("Tern", "lovely", 5), ("Gull", "awful", 1))
    for row in range(3)
]


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    told = answer.json()
    assert schema.Problem(**told).status == status
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["type"].startswith("urn:sentrec:problem:")
    return told


@pytest.mark.parametrize("texts", [["a lovely film"], ["a lovely film", "a dull one", "a lovely film"]])
def test_texts_are_classified_as_in_python(client: TestClient, predictor: Predictor, texts: list[str]) -> None:
    body = {"text": texts[0]} if len(texts) == 1 else {"texts": texts}
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200
    assert answer.json()["model"] == "small"
    for given, expected in zip(answer.json()["predictions"], predictor.predict(texts), strict=True):
        assert given["label"] == expected.label
        assert given["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)


def test_a_request_chooses_among_several_models(predictor: Predictor) -> None:
    with TestClient(create_app({"first": predictor, "second": predictor})) as client:
        assert [one["name"] for one in client.get("/models").json()] == ["first", "second"]
        answers = [client.post("/predict", json={"text": "dull", "model": name}) for name in ("second", None, "third")]
    assert [answer.json().get("model") for answer in answers] == ["second", "first", None]
    assert_problem(answers[-1], 404)


def test_what_decided_is_told_on_demand(client: TestClient, predictor: Predictor) -> None:
    body = {"texts": ["a lovely film", "a dull one"], "explain": True}
    told = client.post("/predict", json=body).json()["predictions"]
    expected = explain(predictor, body["texts"])
    assert [one["explanation"]["label"] for one in told] == [one["label"] for one in told]
    for one, explanation in zip(told, expected, strict=True):
        assert [token["text"] for token in one["explanation"]["tokens"]] == [token.text for token in explanation.tokens]
    assert "explanation" not in client.post("/predict", json={"text": "dull"}).json()["predictions"][0]
    many = client.post("/predict", json={"texts": ["x"] * (schema.MOST_EXPLAINED + 1), "explain": True})
    assert_problem(many, 422)
    told = assert_problem(client.post("/predict", json={"text": "dull", "explain": True, "classes": 3}), 422)
    assert "own classes" in told["errors"][0]["detail"]


def test_items_are_ranked(client: TestClient) -> None:
    answer = client.post("/rank", json={"reviews": REVIEWS})
    assert answer.status_code == 200
    told = answer.json()
    assert [item["movie"] for item in told["items"]] == ["Tern", "Gull"]
    assert told["items"][0]["mean_rating"] == 5
    assert set(told["items"][0]["quotes"]) == {"positive", "negative"}
    assert told["summary"]["reviews"] == 6
    left = client.post("/rank", json={"reviews": REVIEWS, "exclude": ["tern"], "sort": "mean"}).json()
    assert [item["movie"] for item in left["items"]] == ["Gull"]


def test_a_ranking_leaves_no_file_behind(client: TestClient, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert client.post("/rank", json={"reviews": [*REVIEWS, {"item": "Tern", "text": "\u3000x"}]}).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_ranked_is_told(client: TestClient) -> None:
    told = assert_problem(client.post("/rank", json={"reviews": REVIEWS, "min_reviews": 4}), 422)
    assert "no item has 4 reviews" in told["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"text": "secret", "texts": ["secret"]}, ""),
        ({"text": ""}, "/text"),
        ({"text": " \n"}, "/text"),
        ({"texts": []}, "/texts"),
        ({"texts": ["secret", 3]}, "/texts/1"),
        ({"text": "secret", "a/b~c": 1}, "/a~1b~0c"),
        ({"texts": ["x"] * (schema.MOST_TEXTS + 1)}, "/texts"),
        ({"text": "secret" * schema.MOST_CHARACTERS}, "/text"),
    ],
    ids=str,
)
def test_a_body_that_does_not_fit_is_told_where(client: TestClient, body: Any, pointer: str) -> None:
    answer = client.post("/predict", json=body)
    assert pointer in [error["pointer"] for error in assert_problem(answer, 422)["errors"]]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"text": "\xe9"}', 400),
        (b'{"text": "\\ud800"}', 422),
        (b"[" * 200_000, 400),
        (b'{"text": ' + b"9" * 5000 + b"}", 400),
        (b'{"text": "%s"}' % (b"x" * schema.MOST_BYTES), 413),
    ],
    ids=["empty", "cut", "no UTF-8", "half a pair", "deep", "huge number", "too long"],
)
def test_broken_bodies_are_refused(client: TestClient, content: bytes, status: int) -> None:
    assert_problem(client.post("/predict", content=content, headers={"Content-Type": "application/json"}), status)


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    assert_problem(client.get("/nothing"), 404)
    assert_problem(client.get("/predict"), 405)
    for page in ("/docs", "/redoc"):  # they load scripts from elsewhere
        assert_problem(client.get(page), 404)


def test_the_examples_of_the_description_are_answered(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    examples = {
        path: described["components"]["schemas"][name]["examples"]
        for path, name in (("/predict", "PredictRequest"), ("/rank", "RankRequest"))
    }
    for path, bodies in examples.items():
        for body in bodies:
            answer = client.post(path, json={key: value for key, value in body.items() if key != "model"})
            assert answer.status_code == 200, answer.text
    schema.PredictResponse(**described["components"]["schemas"]["PredictResponse"]["examples"][0])


def test_only_who_has_the_token_is_answered(predictor: Predictor) -> None:
    with TestClient(create_app({"small": predictor}, ServeSettings(token="s3cret"))) as client:
        for given in (None, "Bearer wrong", "Bearer", "Basic s3cret", "Bearer s3cret2"):
            headers = {"Authorization": given} if given else {}
            answer = client.post("/predict", json={"text": "x"}, headers=headers)
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert_problem(client.get("/metrics"), 401)
        assert client.post("/predict", json={"text": "x"}, headers={"Authorization": "bearer s3cret"}).is_success
        assert client.get("/health").is_success
        assert client.get("/ready").is_success


@pytest.mark.parametrize(("given", "kept"), [("job-17.a", True), ("a b", False), ("x" * 65, False), ("", False)])
def test_a_request_has_an_id(client: TestClient, given: str, kept: bool) -> None:
    found = client.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (found == given) is kept
    assert found


def test_the_log_has_a_line_a_request_and_no_text(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sentrec"):
        client.post("/predict", json={"texts": ["secret", "secret too"]}, headers={"X-Request-ID": "r1"})
        client.get("/secret")
    lines = [json.loads(record.message) for record in caplog.records if record.name == "sentrec.serve.gate"]
    assert [(one["route"], one["status"], one.get("texts")) for one in lines] == [
        ("/predict", 200, 2),
        ("none", 404, None),
    ]
    assert lines[0]["request_id"] == "r1"
    assert "secret" not in caplog.text


def test_a_fault_is_a_problem_and_its_text_is_not_logged(
    predictor: Predictor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(texts: Sequence[str]) -> list[Prediction]:
        raise ValueError(texts[0])

    monkeypatch.setattr(predictor, "predict", broken)
    with TestClient(create_app({"small": predictor}), raise_server_exceptions=False) as client:
        answer = client.post("/predict", json={"text": "secret"})
        assert client.get("/health").is_success
    assert_problem(answer, 500)
    assert "secret" not in answer.text + caplog.text
    assert "ValueError" in caplog.text


def test_figures_are_kept_for_prometheus(client: TestClient) -> None:
    client.post("/predict", json={"texts": ["a", "b"]})
    client.get("/nothing")
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert samples["sentrec_texts_total", "small"] == 2
    assert samples["sentrec_requests_total", "/predict", "200"] == 1
    assert samples["sentrec_requests_total", "none", "404"] == 1
    assert samples["sentrec_batch_texts_count", "small"] == 1
    assert samples["sentrec_waiting_texts", "small"] == 0


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> RatingsModel:
    return fit(read_data(movielens(tmp_path_factory.mktemp("ratings"))), "ease")


def test_films_are_recommended_to_users_and_for_what_they_like(predictor: Predictor, ratings: RatingsModel) -> None:
    with TestClient(create_app({"small": predictor}, ratings=ratings)) as client:
        told = [client.post("/recommend", json={"user": name, "top": 3}).json() for name in ("1", "nobody")]
        assert [one["known_user"] for one in told] == [True, False]
        films = told[0]["films"]
        expected = recommend_films(ratings, history_of(ratings, "1"), RankOptions(top=3, min_reviews=0))
        assert [film["title"] for film in films] == [film.title for film in expected]
        liked = client.post("/recommend", json={"likes": ["Film 01", "Film 03 (1993)"], "top": 5}).json()["films"]
        assert not {"Film 01", "Film 03"} & {film["title"] for film in liked}
        assert liked[0]["because"]
        refused = assert_problem(client.post("/recommend", json={"likes": ["Film 1"]}), 422)
        assert "no film is called" in refused["detail"]
        assert "did you mean" in refused["hint"]
        assert_problem(client.post("/recommend", json={}), 422)
        assert_problem(client.post("/recommend", json={"likes": ["/etc/passwd"]}), 422)


def test_without_ratings_nothing_is_recommended(client: TestClient) -> None:
    assert_problem(client.post("/recommend", json={"likes": ["Film 01"]}), 404)
    assert "/recommend" not in client.get("/openapi.json").json()["paths"]
