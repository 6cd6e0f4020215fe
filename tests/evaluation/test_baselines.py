import numpy as np
import numpy.typing as npt
import pytest

from sentrec.errors import DataError, SentrecError
from sentrec.evaluation.baselines import BASELINES, make_baseline

WORDS = {0: ("dull", "tedious", "awful"), 1: ("lovely", "superb", "moving"), 2: ("goal", "match", "league")}


def corpus(n: int, classes: int, seed: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Sentences with two telling words each among others that tell nothing."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    filler = ("the", "story", "and", "a", "cast", "of", "it")
    texts = [
        " ".join(generator.permutation([*generator.choice(filler, 6), *generator.choice(WORDS[label], 2)]))
        for label in labels
    ]
    return texts, labels


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_baseline_learns_what_words_tell(name: str, classes: int) -> None:
    model = make_baseline(name).fit(*corpus(150, classes, 0), classes)
    texts, labels = corpus(100, classes, 1)
    probabilities = model.predict_proba(texts)
    assert probabilities.shape == (100, classes)
    assert np.allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.95


@pytest.mark.parametrize("name", BASELINES)
def test_training_twice_gives_the_same_probabilities(name: str) -> None:
    texts, labels = corpus(60, 3, 0)
    first, second = (make_baseline(name).fit(texts, labels, 3).predict_proba(texts) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", BASELINES)
def test_a_class_without_training_rows_gets_probability_zero(name: str) -> None:
    texts, labels = corpus(60, 2, 0)
    probabilities = make_baseline(name).fit(texts, labels * 2, 3).predict_proba([*texts[:5], "unheard ???", ""])
    assert (probabilities[:, 1] == 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize("name", BASELINES)
def test_texts_that_share_no_word_can_be_learned_from(name: str) -> None:
    probabilities = make_baseline(name).fit(["superb", "awful"], np.array([1, 0]), 2).predict_proba(["superb"])
    assert probabilities[0, 1] > 0.5


@pytest.mark.parametrize("name", BASELINES)
def test_training_rows_that_cannot_teach_are_an_error(name: str) -> None:
    with pytest.raises(DataError, match="two classes"):
        make_baseline(name).fit(["good", "fine"], np.array([1, 1]), 2)
    with pytest.raises(DataError, match="no words"):
        make_baseline(name).fit(["!!", "..."], np.array([0, 1]), 2)


def test_word_order_tells_the_naive_bayes_model_something() -> None:
    texts = ["not good but bad", "not bad but good"] * 20
    labels = np.array([0, 1] * 20)
    assert (make_baseline("nb-lr").fit(texts, labels, 2).predict_proba(texts).argmax(axis=1) == labels).all()


def test_an_unknown_baseline_gets_the_nearest_name() -> None:
    with pytest.raises(SentrecError) as caught:
        make_baseline("nb-rl")
    assert "nb-lr" in (caught.value.hint or "")
