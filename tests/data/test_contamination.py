"""Texts are the same if their letters and digits are."""

import pytest

from sentrec.data.contamination import SeenTexts, normalized


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A lovely film!", "a lovely film"),
        ("It's 9/10.", "its 910"),
        ("Café — naïve", "café naïve"),
        ("ﬁne", "fine"),
        ("one  two\n\nthree", "One, two: three"),
    ],
)
def test_case_spaces_and_punctuation_do_not_matter(first: str, second: str) -> None:
    assert normalized(first) == normalized(second)
    assert first in SeenTexts([second])


@pytest.mark.parametrize(("first", "second"), [("not good", "good"), ("😀", "😡"), ("!!!", "..."), ("8/10", "9/10")])
def test_letters_digits_and_texts_of_neither_do(first: str, second: str) -> None:
    assert normalized(first) != normalized(second)


def test_every_text_that_was_seen_is_counted() -> None:
    assert SeenTexts(["AB", "c!"]).count(["A b.", "a B", "c", "d"]) == 3
    assert SeenTexts([]).count(["a"]) == 0
