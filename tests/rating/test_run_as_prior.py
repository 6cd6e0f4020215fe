"""A run that rates as a prior: its own films by models that had not seen their ratings, new ones by their facts."""

from pathlib import Path

import numpy as np
import pytest
from small_films import write_films

from sentrec.data.items import read_items
from sentrec.errors import RunError
from sentrec.rating.rater import HELD_OUT, load_rater
from sentrec.recommend.expectations import expectations_of, read_background


def test_a_runs_own_films_are_expected_by_models_that_had_not_learned_from_them(rated_run: Path, films: Path) -> None:
    known = read_background(rated_run)
    assert known is not None
    assert known.expectations is not None
    own, items = known.expectations, read_items(films)
    place = {key: row for row, key in enumerate(items.keys)}
    rows = [place[key] for key in own.items]
    truth, inside = items.numbers("vote_average")[rows], load_rater(rated_run).rate(films).mean[rows]
    assert (items.numbers("vote_count")[rows] > 0).all()
    assert np.mean((inside - truth) ** 2) < 0.95 * np.mean((own.mean - truth) ** 2)
    assert own.items["0"].year == int(str(items.columns["release_date"][0])[:4])


def test_films_that_are_new_are_rated_by_their_facts(rated_run: Path, films: Path, tmp_path: Path) -> None:
    rater = load_rater(rated_run)
    own = expectations_of(rater)
    everything = expectations_of(rater, films)  # those without votes, too
    assert set(everything.items) == set(read_items(films).keys)
    np.testing.assert_array_equal(everything.mean[: len(own.mean)], own.mean)
    new = write_films(tmp_path / "new.csv", seed=7, films=30)
    new.write_text(new.read_text().replace("Film ", "New "))
    assert len(expectations_of(rater, new).items) == len(own.items) + sum(
        key not in own.items for key in map(str, range(30))
    )
    (tmp_path / "few.csv").write_text("movie_id,title\nx1,Unheard\n")
    assert list(expectations_of(rater, tmp_path / "few.csv").items) == list(own.items)


def test_a_run_that_keeps_no_held_out_ratings_is_refused(rated_run: Path) -> None:
    kept = rated_run / HELD_OUT
    moved = kept.rename(rated_run / "moved")
    with pytest.raises(RunError, match="rates by no facts, or was trained by an earlier"):
        read_background(rated_run)
    moved.rename(kept)
