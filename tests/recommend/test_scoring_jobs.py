"""What a scoring has done is not lost, nor used wrongly, whatever comes after it or runs beside it."""

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from recommend_corpus import WordScorer, sample_rows, write_reviews

from sentrec.data.sources import Source
from sentrec.errors import DataError, Interrupted, RunError
from sentrec.recommend import api as module
from sentrec.recommend import shards, stream
from sentrec.recommend.api import item_sums, rank_scores, recommend, recommendation
from sentrec.recommend.chunks import ChunkCache, Scores
from sentrec.recommend.stream import ScoringOptions

pytestmark = pytest.mark.usefixtures("small_chunks")
RESUME = ScoringOptions(resume=True)


def scored_on_resume(reviews: Path) -> int:
    scorer = WordScorer()
    with item_sums([reviews], scorer, RESUME):
        return scorer.scored


def test_a_mistake_while_the_ranking_is_written_keeps_the_scores_and_says_so(reviews: Path) -> None:
    with pytest.raises(DataError) as caught, recommendation([reviews], WordScorer()):
        raise DataError("the disk is full.", "Free some space.")
    hint = "Free some space.\nThe scores are kept: fix that and run the command again with --resume."
    assert caught.value.hint == hint
    assert scored_on_resume(reviews) == 0
    assert scored_on_resume(reviews) == 84


def test_a_run_that_removes_the_scores_of_a_failed_one_says_so(reviews: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("sentrec").propagate = True
    with pytest.raises(DataError), item_sums([reviews], WordScorer()):
        raise DataError("late")
    with item_sums([reviews], WordScorer()):
        assert "--resume would use them" in caplog.text


def test_ctrl_c_while_quotes_are_chosen_can_be_resumed(reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "choose_quotes", stop)
        with pytest.raises(Interrupted, match="84 reviews are scored and kept") as caught:
            recommend([reviews], WordScorer())
    assert caught.value.hint == "Go on with the same command and --resume."
    assert scored_on_resume(reviews) == 0


def test_two_scorings_of_the_same_at_once_are_refused(reviews: Path) -> None:
    with item_sums([reviews], WordScorer()), pytest.raises(RunError, match="another process scores these reviews"):
        recommend([reviews], WordScorer())
    assert len(recommend([reviews], WordScorer()).items) == 12


def test_a_file_named_in_another_way_is_resumed_under_its_new_name(reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError), item_sums([reviews], WordScorer()):
        raise DataError("late")
    scorer = WordScorer()
    with item_sums(["./reviews.jsonl"], scorer, ScoringOptions(resume=True, scores=tmp_path / "scores.parquet")):
        assert scorer.scored == 0
    sources = pa.parquet.read_table(tmp_path / "scores.parquet").column("source")
    assert set(sources.to_pylist()) == {"./reviews.jsonl"}


def test_a_damaged_part_is_scored_again(reviews: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(DataError), item_sums([reviews], WordScorer(), ScoringOptions(work=work)):
        raise DataError("late")
    (work / "part-000000-000002.parquet").write_bytes(b"PAR1 and no more")
    scorer = WordScorer()
    with item_sums([reviews], scorer, ScoringOptions(work=work, resume=True)) as scored:
        assert (scorer.scored, scored.reviews) == (10, 84)


class ScorerByTheClock(WordScorer):
    """Takes two seconds a chunk, by a clock that the test reads."""

    seconds = 0.0

    def score(self, texts: Sequence[str]) -> Scores:
        ScorerByTheClock.seconds += 2.0
        return super().score(texts)


def test_reviews_a_second_count_neither_what_an_earlier_scoring_did_nor_its_time(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ChunkCache.known

    def slow_known(*arguments: Any) -> dict[int, bytes]:
        found = known(*arguments)
        ScorerByTheClock.seconds += 100.0 * len(found)
        return found

    for module_of_time in (stream, shards):
        monkeypatch.setattr(module_of_time, "time", SimpleNamespace(time=lambda: ScorerByTheClock.seconds))
    monkeypatch.setattr(ChunkCache, "known", slow_known)
    work = tmp_path / "work"
    options, store = ScoringOptions(work=work), ChunkCache(work, keep=True)
    scored = stream.score_items([Source(str(reviews))], ScorerByTheClock(), options, store)
    assert (scored.newly_scored, scored.reviews_per_second) == (84, 84 / 18)
    for number in (7, 8):
        (work / f"part-000000-{number:06d}.parquet").unlink()
    scored = stream.score_items([Source(str(reviews))], ScorerByTheClock(), options, store)
    assert (scored.reviews, scored.newly_scored, scored.reviews_per_second) == (84, 14, 14 / 4)
    told: list[stream.ScoringProgress] = []
    scored = stream.score_items([Source(str(reviews))], ScorerByTheClock(), options, store, None, told.append)
    assert (scored.newly_scored, scored.reviews_per_second) == (0, None)
    assert [now.reviews_per_second for now in told] == [0.0] * 9


class ScorerOfNothing(WordScorer):
    def score(self, texts: Sequence[str]) -> Scores:
        raise AssertionError(texts)


@pytest.mark.parametrize("options", [{"scores": Path("reviews.jsonl")}, {"rejects": Path("./reviews.jsonl")}])
def test_an_output_never_overwrites_an_input(reviews: Path, options: dict[str, Path]) -> None:
    before = reviews.read_bytes()
    with pytest.raises(DataError, match=r"would overwrite .*reviews\.jsonl"):
        recommend([reviews], ScorerOfNothing(), scoring=ScoringOptions(**options))  # type: ignore[arg-type]
    assert reviews.read_bytes() == before


def test_a_run_without_rejects_leaves_none_of_an_earlier_run(reviews: Path) -> None:
    rejects = Path("reviews.jsonl.rejects.jsonl")
    whole = reviews.read_text()
    reviews.write_text(whole + "{broken\n")
    recommend([reviews], WordScorer())
    assert rejects.is_file()
    reviews.write_text(whole)
    recommend([reviews], WordScorer())
    assert not rejects.exists()


def test_files_of_one_name_in_two_folders_have_rejects_of_their_own(reviews: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "reviews.jsonl").write_text(reviews.read_text() + "{broken\n")
        recommend([f"{folder}/reviews.jsonl"], WordScorer())
    assert sorted(path.name for path in tmp_path.glob("*.rejects.jsonl")) == [
        "a-reviews.jsonl.rejects.jsonl",
        "b-reviews.jsonl.rejects.jsonl",
    ]


def test_fields_left_out_are_counted_and_written_and_their_reviews_count(reviews: Path) -> None:
    rows = sample_rows()
    rows[3]["rating"] = "many"
    write_reviews(reviews, rows)
    scored = recommend([reviews], WordScorer()).scored
    assert (scored.reviews, scored.rejected, scored.fields_left_out) == (84, 0, 1)
    assert scored.rejects_file is not None
    (told,) = map(json.loads, scored.rejects_file.read_text().splitlines())
    assert (told["line"], told["is_kept"]) == (4, True)


def test_a_scores_file_that_another_program_rewrote_is_refused(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    recommend([reviews], WordScorer(), scoring=ScoringOptions(scores=path))
    table = pa.parquet.read_table(path)
    embeddings = pa.array(table.column("embedding").to_pylist(), pa.list_(pa.float32()))
    place = table.schema.get_field_index("embedding")
    pa.parquet.write_table(table.set_column(place, "embedding", embeddings), path)
    with pytest.raises(DataError, match="rewritten by another program"):
        rank_scores(path)


def test_a_scoring_without_a_store_as_of_a_baseline_writes_no_file(reviews: Path, tmp_path: Path) -> None:
    with reviews.open("a") as file:
        file.write("{broken\n")
    options = ScoringOptions(scores=tmp_path / "scores.parquet")
    scored = stream.score_items([Source(str(reviews))], WordScorer(), options, None)
    assert (scored.reviews, scored.rejected, scored.rejects_file) == (84, 1, None)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["reviews.jsonl"]


def test_parts_that_nobody_resumed_for_a_month_are_removed_and_newer_ones_stay(reviews: Path, tmp_path: Path) -> None:
    jobs = Path(os.environ["SENTREC_HOME"]) / "scoring"
    for name, days in (("old", 31), ("new", 29)):
        (jobs / name).mkdir(parents=True)
        (jobs / name / "part-000000-000000.parquet").touch()
        os.utime(jobs / name, times=(time.time() - days * 86_400,) * 2)
    recommend([reviews], WordScorer())
    assert [path.name for path in jobs.iterdir()] == ["new"]


def test_an_item_has_one_name_in_all_shards(reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"movie_id": f"tt{number % 3}", "movie": "Alien", "text": f"lovely number {number}"} for number in range(12)
    ]
    rows[4]["movie"] = rows[7]["movie"] = "ALIEN, the film"
    rows[8]["movie"] = None  # type: ignore[assignment]
    del rows[3]["movie_id"]
    found = []
    for step in (12, 4):
        files = [write_reviews(tmp_path / f"{step}-{at}.jsonl", rows[at : at + step]) for at in range(0, 12, step)]
        monkeypatch.setattr(shards, "SHARD_BYTES", 1)
        items = recommend(files, WordScorer()).items
        found.append({item.movie: item.reviews for item in items})
    assert found[0] == found[1] == {"Alien": 4, "Alien (tt1)": 4, "Alien (tt2)": 4}
