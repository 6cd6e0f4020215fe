"""An application with a small model, and a client of it."""

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient

import sentrec
from sentrec.inference.predictor import Predictor
from sentrec.runs.directory import Run
from sentrec.serve.application import create_app


@pytest.fixture(scope="session")
def predictor(small_run: Run) -> Predictor:
    return sentrec.load(small_run.path, "cpu")


@pytest.fixture
def client(predictor: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app({"small": predictor})) as client:
        yield client
