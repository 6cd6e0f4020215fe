"""The classifier: seeded, blind to padding, and the same however the texts are batched."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sentrec
from sentrec.errors import RunError
from sentrec.inference.logits import predict_logits
from sentrec.models.classifier import TextClassifier, build_classifier, restore_classifier, start_embeddings
from sentrec.models.weights import save_weights
from sentrec.testing import bfloat16_autocast
from sentrec.text.encoding import EncodedTexts

WORDS = ("<pad>", "<unk>", *(f"word{number}" for number in range(28)))


def classifier(*changes: str, classes: int = 3) -> TextClassifier:
    recipe = sentrec.load_recipe("quickstart", ["encoder.hidden=6", *changes])
    model = build_classifier(recipe, len(WORDS), classes, 5)
    start_embeddings(model, WORDS, None, recipe.seed)
    return model


def encoded(rows: list[list[int]]) -> EncodedTexts:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return EncodedTexts(np.array([number for row in rows for number in row], dtype=np.int32), offsets)


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return classifier()


def test_the_seed_decides_the_weights_and_the_callers_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = classifier(), classifier(), classifier("seed=2")
    assert torch.equal(torch.rand(1), expected)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.head.weight, other.head.weight)


def test_logits_are_float32_with_a_column_for_each_class(model: TextClassifier) -> None:
    token_ids, mask = torch.tensor([[2, 3], [4, 0]]), torch.tensor([[True, True], [True, False]])
    with bfloat16_autocast():
        logits = model(token_ids, mask)
    assert logits.shape == (2, 3)
    assert logits.dtype == torch.float32
    assert model.features(token_ids, mask).shape == (2, model.encoder.output_size)


texts = st.lists(st.lists(st.integers(1, len(WORDS) - 1), min_size=1, max_size=12), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(rows=texts, seed=st.integers(0, 99))
def test_the_answer_for_a_text_depends_neither_on_its_batch_nor_on_its_place(
    model: TextClassifier, rows: list[list[int]], seed: int
) -> None:
    together = predict_logits(model, encoded(rows))
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = predict_logits(model, encoded([rows[index] for index in order]))
    alone = np.concatenate([predict_logits(model, encoded([row])) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(shuffled, together[order], atol=1e-5)


@pytest.mark.parametrize("processes", [2, 3])
def test_the_shares_of_several_processes_add_up(
    model: TextClassifier, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr("sentrec.inference.logits.INFERENCE_BATCH_SIZE", 2)
    data = encoded([[2 + length] * length for length in range(1, 8)])
    shares = [predict_logits(model, data, index, processes) for index in range(processes)]
    assert all((share == 0).all(axis=1).any() for share in shares)
    np.testing.assert_array_equal(sum(shares), predict_logits(model, data))


@pytest.mark.parametrize("training", [True, False])
def test_inference_drops_nothing_and_restores_the_mode(training: bool) -> None:
    model = classifier("model.word_dropout=0.9", "model.embedding_dropout=0.9", "model.output_dropout=0.9")
    model.train(training)
    data = encoded([[2, 3, 4]])
    np.testing.assert_array_equal(predict_logits(model, data), predict_logits(model, data))
    assert model.training is training


def test_no_texts_give_no_rows(model: TextClassifier) -> None:
    assert predict_logits(model, encoded([])).shape == (0, 3)


def test_a_classifier_comes_back_from_its_weights_alone(model: TextClassifier, tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", ["encoder.hidden=6", "seed=9", "model.embedding_dim=64"])
    save_weights(tmp_path / "w", model)
    restored = restore_classifier(recipe, tmp_path / "w", 3)
    assert torch.equal(restored.word_vectors, model.word_vectors)
    texts = encoded([[2, 3, 4], [5]])
    assert np.array_equal(predict_logits(restored, texts), predict_logits(model, texts))


def test_weights_of_something_else_are_one_clear_error(tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", ["encoder.hidden=6"])
    save_weights(tmp_path / "w", nn.Linear(2, 3))
    with pytest.raises(RunError, match="holds no word vectors") as caught:
        restore_classifier(recipe, tmp_path / "w", 3)
    assert caught.value.hint
