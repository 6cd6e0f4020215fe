"""`sentrec recommend --ratings`: lists, saved models, measurements, and what is refused."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Sentrec
from small_ratings import archive, movielens, write_csv


def test_an_archive_in_hand_becomes_a_list_in_one_command(tmp_path: Path) -> None:
    """As a process, as somebody would who has just downloaded MovieLens."""
    command = [Path(sys.executable).with_name("sentrec"), "recommend", "--ratings", archive(tmp_path), "--user", "1"]
    done = subprocess.run([*map(str, command), "--top", "3"], capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1 Film ")
    assert "stars expected" in lines[0]
    assert lines[1].strip().startswith("because of Film ")
    assert "Comedy (you)" in done.stdout
    assert len([line for line in lines if "score" in line]) == 3


def test_json_and_csv_hold_parts_that_add_up(sentrec: Sentrec, tmp_path: Path) -> None:
    data = str(movielens(tmp_path / "m"))
    code, printed, _ = sentrec("recommend", "--ratings", data, "--liked", "Film 02,Film 04", "--json", "--top", "4")
    films = [json.loads(line) for line in printed.splitlines()]
    assert (code, len(films)) == (0, 4)
    assert all(sum(film["because"].values()) == pytest.approx(film["score"], abs=1e-5) for film in films)
    _, printed, _ = sentrec("recommend", "--ratings", data, "--liked", "Film 02,Film 04", "--csv", "--top", "4")
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [row["title"] for row in rows] == [film["title"] for film in films]
    assert float(rows[0]["score"]) == films[0]["score"]


def test_a_saved_model_is_taken_in_place_of_ratings(sentrec: Sentrec, tmp_path: Path) -> None:
    data, saved = str(movielens(tmp_path / "m")), str(tmp_path / "saved")
    code, printed, told = sentrec("recommend", "--ratings", data, "--save", saved)
    assert (code, printed) == (0, "")
    assert "--user ID" in told
    first, again = (sentrec("recommend", "--ratings", one, "--user", "7", "--json")[1] for one in (data, saved))
    assert first == again != ""
    code, _, told = sentrec("recommend", "--ratings", saved, "--user", "7", "--movies", data)
    assert (code, "--movies has no effect" in told) == (2, True)


@pytest.mark.parametrize("recommender", ["popularity", "stars"])
def test_another_recommender_is_named(sentrec: Sentrec, tmp_path: Path, recommender: str) -> None:
    data = str(movielens(tmp_path / "m"))
    code, printed, _ = sentrec("recommend", "--ratings", data, "--user", "1", "--recommender", recommender, "--json")
    assert (code, len(printed.splitlines()) > 9) == (0, True)


def test_recommenders_are_measured_side_by_side(sentrec: Sentrec, tmp_path: Path) -> None:
    data = str(movielens(tmp_path / "m"))
    code, printed, _ = sentrec("recommend", "--ratings", data, "--evaluate", "--split", "films", "--json", "--quiet")
    found = json.loads(printed)
    assert code == 0
    assert found["split"] == "films"
    assert list(found["lists"]) == ["ease-features", "ease", "popularity", "stars"]
    assert found["differences"]["popularity"]["ndcg10"]["low"] > 0
    assert found["rmse"]["stars"]["value"] < 1
    code, printed, _ = sentrec("recommend", "--ratings", data, "--evaluate", "--recommender", "popularity")
    assert code == 0
    assert "Split by user: " in printed
    assert "popularity less each other one, paired over the same users" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--user ID"),
        (["--user", "1", "--html", "x.html"], 2, "--html has no effect with --ratings"),
        (["--user", "1", "--model", "starter"], 2, "--model has no effect with --ratings"),
        (["--user", "1", "--split", "time"], 2, "--split has no effect with --ratings"),
        (["--evaluate", "--user", "1"], 2, "--user has no effect with --ratings and --evaluate"),
        (["--user", "1", "--recommender", "eas"], 1, "id you mean 'ease'?"),
        (["--liked", "Unheard Of"], 1, "o film is called 'Unheard Of'"),
        (["--user", "1", "--genre", "Opera"], 1, "fulfils every filter"),
        (["--user", "1", "--out", "list.txt"], 2, "must end in .jsonl or .csv"),
        (["--user", "1", "--user-field", "who"], 1, "no column 'who'"),
    ],
)
def test_mistakes_are_told_in_a_line(
    sentrec: Sentrec, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    found, _, told = sentrec("recommend", "--ratings", str(movielens(tmp_path / "m")), *arguments)
    assert found == code
    assert message in " ".join(told.replace("│", " ").split())
    assert "Traceback" not in told


def test_options_of_ratings_do_nothing_for_reviews(sentrec: Sentrec, tmp_path: Path) -> None:
    code, _, told = sentrec("recommend", str(tmp_path / "reviews.csv"), "--user", "1")
    assert code == 2
    assert "--user has no effect without --ratings" in " ".join(told.replace("│", " ").split())


def test_an_unknown_user_gets_a_list_and_is_told(sentrec: Sentrec, tmp_path: Path) -> None:
    code, printed, told = sentrec("recommend", "--ratings", str(movielens(tmp_path / "m")), "--user", "nobody")
    assert code == 0
    assert "ser 'nobody' has rated nothing here" in " ".join(told.split())
    assert printed


def test_too_few_ratings_to_measure_are_one_error(sentrec: Sentrec, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "few.csv", "user,item,rating", [(1, "a", 5), (1, "b", 4), (2, "a", 5), (3, "b", 2)])
    code, _, told = sentrec("recommend", "--ratings", str(path), "--evaluate", "--quiet")
    assert code == 1
    assert "No user has a held-out item that they liked" in told


def test_archives_without_ratings_and_broken_ones_are_refused(sentrec: Sentrec, tmp_path: Path) -> None:
    write_csv(tmp_path / "movies.csv", "movieId,title", [(1, "Heat (1995)")])
    broken = tmp_path / "ml.zip"
    broken.write_bytes(b"PK\x03\x04 no archive")
    for path in (tmp_path, broken, tmp_path / "nowhere.zip"):
        code, _, told = sentrec("recommend", "--ratings", str(path), "--user", "1")
        assert code == 1
        assert told.count("\n") <= 3
        assert "Traceback" not in told
