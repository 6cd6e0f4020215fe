"""Invented films, and a run that rates them."""

from pathlib import Path

import pytest
from small_films import film_recipe, write_films

import sentrec


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("films") / "films.csv")


@pytest.fixture(scope="session")
def rated_run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sentrec.train(film_recipe(films), tmp_path_factory.mktemp("runs") / "films").path
