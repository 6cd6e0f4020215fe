"""Sentences are found where they are, and the most telling ones are chosen."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommend_corpus import WordScorer

from sentrec.errors import SentrecError
from sentrec.recommend.chunks import scored_table
from sentrec.recommend.items import temporary_database
from sentrec.recommend.quotes import ExtremeReviews, ExtremeTexts, choose_quotes, sentences
from sentrec.recommend.reviews import Review


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Mr. Smith met J. R. Ewing. Then he left.", ["Mr. Smith met J. R. Ewing.", "Then he left."]),
        ("First<br /><br />second line", ["First", "second line"]),
        ("It cost 3.50 euros... and more. 10 out of 10!", ["It cost 3.50 euros... and more.", "10 out of 10!"]),
        ('"Go!" She went. (Really.) Yes', ['"Go!"', "She went.", "(Really.)", "Yes"]),
        ("Great! 😍 Loved it.", ["Great!", "😍 Loved it."]),
        ("   ", []),
    ],
)
def test_sentences_end_where_a_reader_says_so(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text(alphabet=st.sampled_from("Ab. !?\n\"'(1é😀<br/>"), max_size=60))
def test_sentences_are_in_order_apart_and_without_outer_space(text: str) -> None:
    spans = list(sentences(text))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


def quotes_of(
    texts: list[str], counts: list[bool] | None = None, stars: list[float] | None = None, scale: float | None = None
) -> dict[str, str | None]:
    scorer = WordScorer()
    rated: list[float | None] = [*stars] if stars else [None] * len(texts)
    reviews = [
        Review("a", number, "m", text, id=f"r{number}", rating=rating, rating_scale=scale)
        for number, (text, rating) in enumerate(zip(texts, rated, strict=True))
    ]
    with temporary_database() as database:
        extremes = ExtremeReviews(database)
        table = scored_table(reviews, scorer.score(texts))
        extremes.offer(table, list(enumerate(reviews)), np.array(counts or [True] * len(texts)))
        chosen = choose_quotes(["m"], extremes, scorer)["m"]
    for quote in chosen.values():
        if quote:
            text = texts[int(quote.review[1:])]
            assert text[quote.start : quote.end] == quote.text
    return {side: quote.text if quote else None for side, quote in chosen.items()}


@pytest.mark.parametrize("seed", range(5))
def test_of_a_shard_the_extreme_texts_are_enough(seed: int) -> None:
    generator = np.random.default_rng(seed)
    words = ("lovely", "superb", "dull", "awful", "and it was a long film with a plot.", "Short.")
    shards, texts = [], [" ".join(generator.choice(words, 9)) for _ in range(300)]
    for _ in range(4):
        chosen = generator.choice(len(texts), 200)  # copies in one shard, and in several
        shards.append([Review("a", one, f"m{one % 3}", texts[one], id=f"r{one}") for one in chosen.tolist()])
    everything, enough, seen = [], [], set[bytes]()
    with temporary_database() as first, temporary_database() as second:
        of_all, of_some = ExtremeReviews(first), ExtremeReviews(second)
        for shard in shards:
            table = scored_table(shard, WordScorer().score([review.text for review in shard]))
            counts = np.array([not (one.digest in seen or seen.add(one.digest)) for one in shard])  # type: ignore[func-returns-value]
            telling = ExtremeTexts().among(shard, table.column("probability").to_numpy())
            assert len(telling) < len(shard) / 2
            of_all.offer(table, list(enumerate(shard)), counts)
            of_some.offer(table, telling, counts)
        for movie in ("m0", "m1", "m2"):
            everything += [of_all.quotable(movie, "positive"), of_all.texts(movie)]
            enough += [of_some.quotable(movie, "positive"), of_some.texts(movie)]
    assert everything == enough
    assert all(everything)


def test_the_best_and_the_worst_sentence_are_quoted() -> None:
    texts = [
        "We went there on a Monday. It was a lovely and superb and moving thing. Then we went home.",
        "The middle of it is lovely, I think. But oh so dull, awful, awful and tedious at the end.",
    ]
    assert quotes_of(texts) == {
        "positive": "It was a lovely and superb and moving thing.",
        "negative": "But oh so dull, awful, awful and tedious at the end.",
    }


PRAISE = "So lovely, superb and moving a film. She lives a dull and awful life in it."


def test_a_review_that_praises_is_no_source_of_complaints() -> None:
    assert quotes_of([PRAISE])["negative"] is None
    assert quotes_of(["She lives a dull and awful life in it."])["negative"] is not None


def test_few_stars_make_no_complaint_of_a_review_that_the_model_finds_good() -> None:
    texts = ["A lovely beginning. A lovely middle. The dull end drags on.", "Lovely from beginning to end, it is."]
    assert quotes_of(texts, stars=[2, 9])["negative"] is None


@pytest.mark.parametrize(
    ("stars", "scale", "quoted"),
    [
        (None, None, False),  # not sure enough
        ([2, 9], None, True),
        ([1, 4], 5, True),
        ([6, 5], 10, False),  # praise, by its stars
        ([3, 3], None, False),  # of one number nobody knows what it means
        ([9, 2], None, False),  # as 1 is best in some places: the stars say nothing
    ],
)
def test_stars_decide_what_a_review_may_be_quoted_for(
    stars: list[float] | None, scale: float | None, quoted: bool
) -> None:
    # Six to one against it: 0.855.
    texts = ["A dull, dull, dull, awful, awful, tedious thing, and one lovely scene.", "Lovely from beginning to end."]
    assert (quotes_of(texts, stars=stars, scale=scale)["negative"] is not None) == quoted


def test_nothing_is_quoted_where_nothing_is_on_that_side() -> None:
    assert quotes_of(["It was a lovely and superb thing to see."])["negative"] is None
    assert quotes_of(["Lovely!"]) == {"positive": None, "negative": None}


def test_only_the_most_extreme_reviews_of_a_item_are_kept_and_duplicates_never() -> None:
    texts = [f"So {'lovely ' * number}this was, number {number} of them all." for number in range(10)]
    assert quotes_of(texts)["positive"] == texts[9]
    assert quotes_of(texts, [True] * 9 + [False])["positive"] == texts[8]


def test_no_quote_holds_a_carriage_return_which_would_break_a_row_of_csv() -> None:
    assert split("So it goes.\rAnd on.\r\nAnd on") == ["So it goes.", "And on.", "And on"]
    assert split("all in\rone breath") == ["all in", "one breath"]


def test_what_is_remembered_lies_on_disk_in_a_file_without_a_name(tmp_path: Path) -> None:
    script = """
        import os
        from sentrec.recommend.items import temporary_database
        with temporary_database() as database:
            database.execute("CREATE TABLE kept (text TEXT)")
            for number in range(30):
                database.execute("INSERT INTO kept VALUES (?)", ("x" * 1_000_000,))
            sizes = []
            for one in os.listdir("/proc/self/fd"):
                if os.path.lexists(f"/proc/self/fd/{one}"):
                    sizes.append(os.stat(f"/proc/self/fd/{one}").st_size)
            print(max(sizes), os.listdir(os.environ["SQLITE_TMPDIR"]))
    """
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see a file without a name")
    environment = os.environ | {"SQLITE_TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    size, names = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert int(size) > 20_000_000
    assert names == "[]"


def test_a_full_disk_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SentrecError, match="temporary file cannot be written"), temporary_database():
        raise sqlite3.OperationalError("database or disk is full")
