"""What people's reviews look like: short texts, names written in many ways, cells that a spreadsheet would run."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from recommend_corpus import WordScorer
from test_page_and_export import ITEM

from sentrec.errors import DataError
from sentrec.recommend.api import Recommendation, rank_scores, recommend
from sentrec.recommend.chunks import Scores
from sentrec.recommend.export import to_csv, to_page
from sentrec.recommend.outputs import check_outputs
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.stream import ScoringOptions

LONG = "The room was lovely and the breakfast superb and we will surely come back to it in the spring with all of them."


def ranked(rows: Sequence[dict[str, Any]], **options: Any) -> Recommendation:
    return recommend(rows, WordScorer(), options=RankOptions(min_reviews=1), scoring=ScoringOptions(**options))


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([{"text": "Great!", "user": user} for user in "abcd"], 4),
        ([{"text": "Great!", "user": "a"}] * 4, 1),
        ([{"text": "Great!", "id": number} for number in range(4)], 4),
        ([{"text": "Great!"}] * 4, 4),
        ([{"text": "It was a lovely hotel."}] * 4, 1),
        ([{"text": LONG, "user": user} for user in "abcd"], 1),
    ],
)
def test_copies_are_equal_texts_of_one_person_or_long_ones(rows: list[dict[str, Any]], counted: int) -> None:
    (item,) = ranked([{"hotel": "A"} | row for row in rows]).items
    assert (item.reviews, item.duplicates) == (counted, 4 - counted)


@pytest.mark.parametrize(
    "names", [("Alien", "alien", "Alien "), ("12", 12.0, "12.0"), ("Ame\u0301lie", "Amélie", "AMÉLIE")]
)
def test_one_item_however_it_is_written(names: Sequence[Any]) -> None:
    result = ranked([{"movie": name, "text": f"A lovely film, number {place}."} for place, name in enumerate(names)])
    (item,) = result.items
    assert item.reviews == 3
    assert item.quotes["positive"] is not None


@pytest.mark.parametrize("suffix", ["memory", "jsonl", "parquet"])
def test_an_id_stands_in_for_a_name_that_is_null(suffix: str, tmp_path: Path) -> None:
    rows = [{"movie": None, "movie_year": 1994, "movie_id": "tt1", "text": "A superb film, all of it."}]
    path = tmp_path / f"reviews.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        path.write_text(json.dumps(rows[0]))
    source = rows if suffix == "memory" else path
    result = recommend(source, WordScorer(), options=RankOptions(min_reviews=1))
    assert [item.movie for item in result.items] == ["tt1"]


def test_tables_and_dictionaries_in_memory_are_ranked_alike() -> None:
    rows = [{"hotel": "AB"[number % 2], "text": f"A lovely stay, number {number}."} for number in range(6)]
    rows[0]["text"] = "An awful and dull place to stay."
    first, second = (ranked(source) for source in (rows, pa.Table.from_pylist(rows)))  # type: ignore[arg-type]
    assert first.items == second.items
    assert [item.movie for item in first.items] == ["B", "A"]
    with pytest.raises(DataError, match="no row is a review"):
        ranked([3])  # type: ignore[list-item]


class NothingEmbedded(WordScorer):
    def score(self, texts: Sequence[str]) -> Scores:
        return replace(super().score(texts), embeddings=np.zeros((len(texts), 0), dtype=np.float16))


def test_a_model_without_word_vectors_ranks_and_its_scores_do_so_again(tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    rows = [{"movie": "A", "text": f"A lovely film, number {number}."} for number in range(4)]
    first = recommend(rows, NothingEmbedded(), scoring=ScoringOptions(scores=scores))
    assert [item.score for item in rank_scores(scores).items] == [item.score for item in first.items]


@pytest.mark.parametrize("wrong", [7.0, -0.1, float("nan")])
def test_scores_that_are_no_probabilities_are_refused(wrong: float, tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    ranked([{"movie": "A", "text": f"A lovely film, number {number}."} for number in range(4)], scores=scores)
    table = pyarrow.parquet.read_table(scores)
    place = table.schema.get_field_index("probability")
    values = pa.array([0.5, wrong, 0.5, 0.5])
    pyarrow.parquet.write_table(table.set_column(place, "probability", values), scores)
    with pytest.raises(DataError, match=r"review in line 2 is (7.0|-0.1|nan)"):
        rank_scores(scores)


def test_outputs_overwrite_no_other_input(tmp_path: Path) -> None:
    movies = tmp_path / "movies.csv"
    with pytest.raises(DataError, match=r"--out movies\.csv would overwrite"):
        check_outputs([], {"--out": Path("movies.csv")}, [movies, None])


def test_cells_that_a_spreadsheet_would_run_are_quoted_unless_told_otherwise() -> None:
    item = replace(ITEM, movie="=HYPERLINK(1)", title="@cmd")
    (safe,) = csv.DictReader(io.StringIO(to_csv([item])))
    (plain,) = csv.DictReader(io.StringIO(to_csv([item], safe=False)))
    assert (safe["movie"], safe["title"]) == ("'=HYPERLINK(1)", "'@cmd")
    assert (plain["movie"], plain["title"]) == ("=HYPERLINK(1)", "@cmd")


def test_the_page_has_a_legend_an_axis_and_signs_and_survives_half_a_surrogate_pair() -> None:
    summary = {"items": 40, "reviews": 90, "duplicates": 0, "rejected": 0}
    page = to_page([replace(ITEM, title="caf\u00e9 \ud83d")], summary, "Hotels <we> like")
    page.encode()
    assert "Hotels &lt;we&gt; like" in page
    assert "40 items, 1 of them shown" in page
    assert "band: its 95 % interval" in page
    assert ">0.25</span>" in page
    assert "<b>+</b>" in page
    unquoted = to_page([replace(ITEM, quotes={})], summary)
    assert "Quotes are" not in unquoted


def test_of_many_short_raves_the_telling_sentence_is_quoted_without_tags() -> None:
    rows = [{"movie": "A", "text": "lovely superb", "id": number} for number in range(30)]
    rows.append({"movie": "A", "text": "It is a <b>lovely</b> &amp; moving film.", "id": 99})
    (item,) = ranked(rows).items
    assert item.quotes["positive"] is not None
    assert item.quotes["positive"].text == "It is a lovely & moving film."
