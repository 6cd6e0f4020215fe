"""From files to a ranking: streamed, resumable, and the same again from the kept scores."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from recommend_corpus import WordScorer, sample_rows, write_reviews
from scipy.special import logit

from sentrec.errors import DataError, Interrupted
from sentrec.recommend.api import Recommendation, rank_scores, recommend
from sentrec.recommend.chunks import Scores
from sentrec.recommend.export import to_csv, to_json_lines, to_page
from sentrec.recommend.items import softened
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.stream import ScoringOptions, ScoringProgress

pytestmark = pytest.mark.usefixtures("small_chunks")


def test_items_come_out_in_the_order_of_their_quality_with_quotes(reviews: Path) -> None:
    seen: list[ScoringProgress] = []
    result = recommend([reviews], WordScorer(), on_progress=seen.append)
    counts = {"items": 12, "reviews": 84, "duplicates": 0, "rejected": 0, "fields_left_out": 0, "rejects_file": None}
    assert result.summary() == counts
    assert [item.rank for item in result.items] == list(range(1, 13))
    assert {item.movie for item in result.items[:3]} <= {"m8", "m9", "m10", "m11"}
    best = result.items[0]
    assert best.low < best.score < best.high
    assert best.reviews == 7
    assert best.mean_rating is not None
    assert best.mean_rating > 8
    assert best.quotes["positive"] is not None
    assert f"item number {best.movie[1:]}" in best.quotes["positive"].text
    assert [one.reviews for one in seen] == [10, 20, 30, 40, 50, 60, 70, 80, 84]
    assert seen[-1].share == 1.0
    assert not list(Path().glob("*.rejects.jsonl"))


def test_exact_repetitions_of_an_item_count_once_and_are_reported(reviews: Path) -> None:
    once = recommend([reviews], WordScorer())
    rows = sample_rows()
    again = [row for row in rows if row["movie"] == "m3"]
    elsewhere = [rows[0] | {"movie": "m-new"}]
    write_reviews(reviews, rows + again + again + elsewhere)
    twice = recommend([reviews], WordScorer(), options=RankOptions(min_reviews=1))
    assert twice.scored.duplicates == 14
    by_key = {item.movie: item for item in twice.items}
    assert (by_key["m3"].reviews, by_key["m3"].duplicates) == (7, 14)
    assert by_key["m3"].mean == next(item.mean for item in once.items if item.movie == "m3")
    assert by_key["m-new"].reviews == 1


def test_kept_scores_rank_again_without_a_model(reviews: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    first = recommend([reviews], WordScorer(), scoring=ScoringOptions(scores=scores))
    table = pyarrow.parquet.read_table(scores)
    rows = sample_rows()
    assert table.column("id").to_pylist() == [row["id"] for row in rows]
    assert table.column("line").to_pylist() == list(range(1, 85))
    assert np.allclose(table.column("probability"), WordScorer().score([row["text"] for row in rows]).positive)
    again = rank_scores(scores)
    without_quotes = [item.to_dict() | {"quotes": {}} for item in first.items]
    assert [item.to_dict() for item in again.items] == without_quotes
    assert again.summary() == first.summary()
    by_mean = rank_scores(scores, RankOptions(top=3, sort="mean")).items
    assert [item.mean for item in by_mean] == sorted((item.mean for item in first.items), reverse=True)[:3]


def test_softened_probabilities_are_averaged_and_kept_as_they_were(reviews: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    plain = recommend([reviews], WordScorer(), scoring=ScoringOptions(scores=scores))
    kept = pyarrow.parquet.read_table(scores).column("probability").to_numpy()
    softer = recommend([reviews], WordScorer(), scoring=ScoringOptions(scores=scores, soften=2.0))
    assert np.array_equal(pyarrow.parquet.read_table(scores).column("probability").to_numpy(), kept)
    assert rank_scores(scores, soften=2.0).items == [replace(item, quotes={}) for item in softer.items]
    assert rank_scores(scores).items == [replace(item, quotes={}) for item in plain.items]
    means = {item.movie: item.mean for item in plain.items}
    assert all(abs(item.mean - 0.5) < abs(means[item.movie] - 0.5) for item in softer.items)
    assert {item.movie: item.share_positive for item in softer.items} == {
        item.movie: item.share_positive for item in plain.items
    }


@pytest.mark.parametrize("by", [1.5, 2.0, 4.0])
def test_softening_divides_the_log_odds(by: float) -> None:
    probability = np.array([0.0, 1e-12, 0.1, 0.5, 0.9, 1.0])
    found = softened(probability, by)
    inner = probability[1:-1]
    np.testing.assert_allclose(logit(found[1:-1]), logit(inner) / by, rtol=1e-9, atol=1e-12)
    assert found[[0, -1]].tolist() == [0.0, 1.0]
    assert softened(probability, 1.0) is probability
    for wrong in (0.5, 0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="divided by 1 or more"):
            softened(probability, wrong)


def test_what_is_no_scores_file_is_refused(reviews: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"movie": ["a"]}), other)
    for path, message in (
        (other, "no column 'date'"),
        (reviews, "only scores kept as Parquet"),
        (tmp_path / "x", "not exist"),
    ):
        with pytest.raises(DataError, match=message):
            rank_scores(path)


def test_rows_left_out_are_written_with_line_and_reason(reviews: Path) -> None:
    with reviews.open("a") as file:
        file.write('{broken\n{"movie": "A", "text": ""}\n')
    result = recommend([reviews], WordScorer())
    assert result.scored.rejected == 2
    assert result.scored.rejects_file == Path("reviews.jsonl.rejects.jsonl")
    rejects = [json.loads(line) for line in result.scored.rejects_file.read_text().splitlines()]
    assert [(one["line"], one["content"]) for one in rejects] == [(85, "{broken"), (86, '{"movie": "A", "text": ""}')]


def test_no_file_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="there are no reviews to read"):
        recommend([], WordScorer())


def test_a_file_without_any_review_is_an_error_and_says_why(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "bad.jsonl", [{"movie": "A", "text": " "}])
    with pytest.raises(DataError, match="no row is a review") as caught:
        recommend([path], WordScorer())
    where = "All are in bad.jsonl.rejects.jsonl."
    assert caught.value.hint == f"The first row left out: line 1, no text (field 'text'). {where}"
    assert Path("bad.jsonl.rejects.jsonl").is_file()


class StoppingScorer(WordScorer):
    """Is interrupted in its fourth chunk."""

    def score(self, texts: Sequence[str]) -> Scores:
        if self.scored >= 30:
            raise KeyboardInterrupt
        return super().score(texts)


def outputs(result: Recommendation, scores: Path) -> tuple[str, str, bytes]:
    page = to_page(result.items, result.summary())
    return to_json_lines(result.items) + to_csv(result.items), page, scores.read_bytes()


def test_resumed_equals_uninterrupted_and_scores_only_the_rest(reviews: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts.parquet"
    expected = outputs(recommend([reviews], WordScorer(), scoring=ScoringOptions(scores=whole)), whole)
    with pytest.raises(Interrupted, match="30 reviews are scored"):
        recommend([reviews], StoppingScorer(), scoring=ScoringOptions(scores=parts))
    assert not parts.exists()
    scorer = WordScorer()
    resumed = recommend([reviews], scorer, scoring=ScoringOptions(scores=parts, resume=True))
    assert outputs(resumed, parts) == expected
    quoted = scorer.scored - (84 - 30)
    fresh = WordScorer()
    recommend([reviews], fresh)
    assert fresh.scored == 84 + quoted
    assert not list((Path(os.environ["SENTREC_HOME"]) / "scoring").glob("*"))


def test_parts_of_other_reviews_are_not_used(reviews: Path) -> None:
    with pytest.raises(Interrupted):
        recommend([reviews], StoppingScorer())
    rows = sample_rows()
    rows[5]["text"] = "It was changed in between and is awful and dull."
    write_reviews(reviews, rows)
    resumed = recommend([reviews], WordScorer(), scoring=ScoringOptions(resume=True))
    assert to_csv(resumed.items) == to_csv(recommend([reviews], WordScorer()).items)


def test_a_ranking_that_fails_does_not_cost_the_scores(reviews: Path) -> None:
    with pytest.raises(DataError, match="no item has 50 reviews; the most reviewed one has 7"):
        recommend([reviews], WordScorer(), options=RankOptions(min_reviews=50))
    scorer = WordScorer()
    recommend([reviews], scorer, scoring=ScoringOptions(resume=True))
    assert scorer.scored < 84 + 200
    fresh = WordScorer()
    recommend([reviews], fresh)
    assert fresh.scored - scorer.scored == 84


_SLOW = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from recommend_corpus import WordScorer
    from sentrec.recommend import stream
    from sentrec.recommend.api import recommend
    stream.CHUNK = 10
    class Slow(WordScorer):
        def score(self, texts):
            time.sleep(0.3)
            return super().score(texts)
    recommend([sys.argv[2]], Slow(), scoring=stream.ScoringOptions(scores=Path(sys.argv[3])))
"""


def test_killed_half_way_and_resumed_gives_the_same_bytes(reviews: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.parquet", tmp_path / "killed.parquet"
    expected = outputs(recommend([reviews], WordScorer(), scoring=ScoringOptions(scores=whole)), whole)
    command = [sys.executable, "-c", textwrap.dedent(_SLOW), str(Path(__file__).parent), str(reviews), str(killed)]
    process = subprocess.Popen(command)
    work = Path(os.environ["SENTREC_HOME"]) / "scoring"
    for _ in range(600):
        if len(list(work.glob("*/part-*.parquet"))) >= 3:
            break
        time.sleep(0.05)
    assert next(work.glob("*/scores.parquet")).is_file()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["reviews.jsonl", "whole.parquet"]
    scorer = WordScorer()
    resumed = recommend([reviews], scorer, scoring=ScoringOptions(scores=killed, resume=True))
    assert outputs(resumed, killed) == expected
    fresh = WordScorer()
    recommend([reviews], fresh)
    assert scorer.scored <= fresh.scored - 30
