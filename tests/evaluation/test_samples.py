import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentrec.evaluation.samples import SamplePrediction, predictions_for, random_rows, shortened, surest_mistakes

NAMES = ("negative", "positive")
TEXTS = ["Fine film.", "Dull film.", "A gem.", "A bore."]
LABELS = np.array([1, 0, 1, 0])
PROBABILITIES = np.array([[0.4, 0.6], [0.3, 0.7], [0.9, 0.1], [0.8, 0.2]])


def test_mistakes_come_surest_first_with_their_rows() -> None:
    rows = surest_mistakes(LABELS, PROBABILITIES)
    first, second = predictions_for(rows, TEXTS, LABELS, PROBABILITIES, NAMES)
    assert first == SamplePrediction(row=3, text="A gem.", label="positive", predicted="negative", confidence=0.9)
    assert second.row == 2
    assert surest_mistakes(LABELS, PROBABILITIES, most=1).tolist() == [2]
    assert not len(surest_mistakes(PROBABILITIES.argmax(axis=1), PROBABILITIES))


def test_samples_are_the_same_each_time_and_never_repeat_a_row() -> None:
    rows = random_rows(4, most=3).tolist()
    assert rows == random_rows(4, most=3).tolist() == sorted(set(rows))
    assert random_rows(4, most=99).tolist() == [0, 1, 2, 3]


def test_a_shortened_text_ends_between_words() -> None:
    assert shortened("a wonderful film", 13) == "a wonderful…"
    assert shortened("a wonderful film", 16) == "a wonderful film"
    assert shortened("unbreakable", 5) == "unbr…"
    # It cannot steer a terminal.
    assert shortened("red \x1b[31malert\x07<br /><br />next\nline") == "red [31malert next line"


@given(st.text(), st.integers(2, 40))
def test_a_shortened_text_is_one_short_printable_line(text: str, longest: int) -> None:
    line = shortened(text, longest)
    assert len(line) <= longest
    assert line.isprintable()
