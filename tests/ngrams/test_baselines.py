import numpy as np
import numpy.typing as npt
import pytest

from sentrec.errors import DataError, SentrecError
from sentrec.ngrams.baselines import BASELINES, NaiveBayesLogisticRegression, make_baseline

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


@pytest.mark.parametrize("classes", [2, 3])
def test_without_a_fitted_intercept_a_text_of_unknown_words_has_the_frequencies_of_the_classes(classes: int) -> None:
    texts, labels = corpus(600, classes, 2)
    kept = np.flatnonzero((labels == 0) | (np.arange(600) % 4 == 0))  # three quarters or so are of the first class
    texts, labels = [texts[row] for row in kept], labels[kept]
    model = NaiveBayesLogisticRegression(fit_intercept=False).fit(texts, labels, classes)
    frequencies = np.bincount(labels, minlength=classes) / len(labels)
    np.testing.assert_allclose(model.predict_proba(["qqq zzz"])[0], frequencies, atol=1e-9)
    assert (model.predict_proba(texts).argmax(axis=1) == labels).mean() > 0.99


def test_without_a_fitted_intercept_short_texts_are_judged_by_their_words() -> None:
    generator = np.random.default_rng(3)
    # Good texts have more of the words that tell nothing, so that a fitted intercept leans to bad ones.
    texts = [" ".join(["superb", *generator.choice(list("abcdefghij"), 40)]) for _ in range(60)]
    texts += [" ".join(["awful", *generator.choice(list("abcde"), 40)]) for _ in range(60)]
    labels = np.repeat([1, 0], 60)
    fitted, prior = (NaiveBayesLogisticRegression(intercept).fit(texts, labels, 2) for intercept in (True, False))
    empty = [model.predict_proba(["zzz"])[0, 1] for model in (fitted, prior)]
    assert empty[1] == pytest.approx(0.5)
    assert abs(empty[0] - 0.5) > 0.005  # it makes up for what the words of a text sum up to
    assert (prior.predict_proba(texts).argmax(axis=1) == labels).all()
