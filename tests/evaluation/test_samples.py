import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentrec.evaluation.samples import SamplePrediction, confident_mistakes, sample_predictions, shortened

NAMES = ("negative", "positive")
TEXTS = ["Fine film.", "Dull film.", "A gem.", "A bore."]
LABELS = np.array([1, 0, 1, 0])
PROBABILITIES = np.array([[0.4, 0.6], [0.3, 0.7], [0.9, 0.1], [0.8, 0.2]])


def test_mistakes_come_surest_first_with_their_rows() -> None:
    first, second = confident_mistakes(TEXTS, LABELS, PROBABILITIES, NAMES)
    assert first == SamplePrediction(row=3, text="A gem.", label="positive", predicted="negative", confidence=0.9)
    assert second.row == 2
    assert len(confident_mistakes(TEXTS, LABELS, PROBABILITIES, NAMES, count=1)) == 1
    assert confident_mistakes(TEXTS, PROBABILITIES.argmax(axis=1), PROBABILITIES, NAMES) == []


def test_samples_are_the_same_each_time_and_never_repeat_a_row() -> None:
    samples = sample_predictions(TEXTS, LABELS, PROBABILITIES, NAMES, count=3)
    assert samples == sample_predictions(TEXTS, LABELS, PROBABILITIES, NAMES, count=3)
    assert len({sample.row for sample in samples}) == 3
    assert len(sample_predictions(TEXTS, LABELS, PROBABILITIES, NAMES, count=99)) == 4


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
