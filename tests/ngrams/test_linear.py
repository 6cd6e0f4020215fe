"""The n-gram model: which n-grams a text has, that padding and batches do not matter, and that it is saved."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import encoded, ngrams_of_width
from small_runs import small_recipe

import sentrec
from sentrec.data.batches import make_batch
from sentrec.errors import RecipeError
from sentrec.models.stacked import fit_mixing_weights
from sentrec.ngrams.baselines import NaiveBayesLogisticRegression

TEXTS = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=6)


def ngrams_of(row: list[int], longest: int) -> set[tuple[int, ...]]:
    lengths = range(1, longest + 1)
    return {tuple(row[start : start + size]) for size in lengths for start in range(len(row) - size + 1)}


@given(rows=TEXTS, longest=st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_texts_share_as_many_features_as_ngrams(rows: list[list[int]], longest: int) -> None:
    # 24 bits tell these few apart.
    model = ngrams_of_width(2, max_n=longest, table_bits=24, length_power=0.0)
    counts = model.feature_matrix(encoded(rows))
    shared = (counts @ counts.T).toarray()
    sets = [ngrams_of(row, longest) for row in rows]
    assert shared.tolist() == [[len(first & second) for second in sets] for first in sets]


@pytest.mark.parametrize("classes", [2, 3])
def test_its_tables_say_what_the_linear_model_says(classes: int) -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(60) % classes
    rows = [[2 + int(label), *generator.integers(10, 30, 6).tolist()] for label in labels]
    model = ngrams_of_width(classes, table_bits=16)
    texts = encoded(rows)
    counts = model.feature_matrix(texts)
    linear = NaiveBayesLogisticRegression().fit(counts, labels, classes)
    kept, weights, bias = linear.linear_weights()
    model.weights[torch.from_numpy(kept)] = torch.from_numpy(weights).float()
    model.bias.copy_(torch.from_numpy(bias))
    logits = model(make_batch(texts, np.arange(60)))
    assert classes == 3 or torch.equal(logits[:, 0], -logits[:, 1])
    predicted = logits.argmax(dim=1).numpy()
    assert np.array_equal(predicted, linear.predict_proba(counts).argmax(axis=1))
    assert (predicted == labels).all()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_weights_are_divided_by_a_power_of_the_number_of_ngrams(power: float) -> None:
    model = ngrams_of_width(3, max_n=1, table_bits=12, length_power=power)
    model.weights.fill_(1.0)
    model.bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
    texts = encoded([[2], [2, 3, 4, 5], [2, 2, 3, 3, 3]])
    batch = make_batch(texts, np.arange(3))
    different = torch.tensor([1.0, 4.0, 2.0])
    expected = (different ** (1.0 - power)).unsqueeze(1) + model.bias
    assert torch.allclose(model(batch), expected)
    features = torch.from_numpy(model.feature_matrix(texts).toarray())
    assert torch.allclose(features @ model.weights + model.bias, expected)


def test_weights_from_before_texts_were_scaled_still_say_the_same() -> None:
    new = ngrams_of_width(2, table_bits=8)
    old = new.state_dict() | {"weights": torch.ones(256, 1)}
    del old["scaling"]
    new.load_state_dict(old)
    logits = new(make_batch(encoded([[5, 6]]), np.arange(1)))
    assert logits[0, 1] - logits[0, 0] == 3.0  # two words and the pair


def test_features_take_eight_bytes_for_an_ngram() -> None:
    features = ngrams_of_width(2).feature_matrix(encoded([[5, 6, 7]] * 3))
    assert features.data.dtype == np.float32
    assert features.indices.dtype == features.indptr.dtype == np.int32


def test_mixing_weights_trust_the_model_that_knows() -> None:
    labels = np.arange(200) % 2
    knows = np.stack([-(2.0 * labels - 1), 2.0 * labels - 1], axis=1).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    first, second = fit_mixing_weights(noise, knows, labels)
    assert second > 1.0 > first >= 0.0


def test_a_stacked_model_is_saved_and_loaded_with_it(reviews: Path, tmp_path: Path) -> None:
    recipe = small_recipe(reviews, "model.ngrams.table_bits=12", "training.epochs=1", "training.learning_rate=1e-4")
    run = sentrec.train(recipe, tmp_path / "run")
    found = run.metrics["stacking"]
    # The encoder has hardly learned anything; the words tell the class.
    assert found["validation_accuracy"]["ngrams"] == 1.0
    assert run.metrics["test"]["accuracy"] == 1.0
    assert found["mixing_weights"]["ngrams"] > 0.0
    predictor = sentrec.load(run.path)
    texts = ["the film was lovely and superb", "the film was dull and awful", "unheard of"]
    together = predictor.logits(texts)
    assert np.allclose(together, [predictor.logits([text])[0] for text in texts], atol=1e-5)
    assert [one.label for one in predictor.predict(texts[:2])] == ["good", "bad"]


def test_a_run_reads_ngrams_beyond_what_the_encoder_reads(reviews: Path, tmp_path: Path) -> None:
    changes = ("text.max_tokens=3", "model.ngrams={table_bits: 12, max_tokens: 50}", "training.epochs=1")
    run = sentrec.train(small_recipe(reviews, *changes), tmp_path / "run")
    # All texts begin alike, "the film was": only their n-grams tell the class.
    assert run.metrics["stacking"]["validation_accuracy"]["base"] < 0.7
    assert run.metrics["test"]["accuracy"] == 1.0
    predictions = sentrec.load(run.path).predict(["the film was lovely and superb", "the film was dull and awful"])
    assert [one.label for one in predictions] == ["good", "bad"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (("text.max_tokens=50", "model.ngrams={max_tokens: 40}"), "is less than"),
        (("model.ngrams.table_bits=60",), r"model\.ngrams\.table_bits"),
    ],
)
def test_impossible_options_are_refused(reviews: Path, changes: tuple[str, ...], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        small_recipe(reviews, *changes)
