"""Models that read embeddings: seeded, blind to padding, the same however the texts are batched; layers that move."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import encoded, model_of, tokenizer_of
from torch import nn

import sentrec
from sentrec.errors import RunError
from sentrec.models.base import TextModel
from sentrec.models.compute import predict_logits
from sentrec.models.kinds import restore_model
from sentrec.models.weights import read_tensors, save_weights, write_tensors
from sentrec.testing import bfloat16_autocast
from sentrec.text.encoding import Keep

SMALL = ("encoder.hidden=6", "model.embedding_dim=5")


def classifier(*changes: str, classes: int = 3) -> TextModel:
    return model_of(sentrec.load_recipe("quickstart", [*SMALL, *changes]), classes=classes)


@pytest.fixture(scope="module")
def model() -> TextModel:
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


def test_logits_are_float32_with_a_column_for_each_class(model: TextModel) -> None:
    batch = model.collate(encoded([[2, 3], [4]]), np.arange(2))
    with bfloat16_autocast():
        logits = model(batch)
    assert logits.shape == (2, 3)
    assert logits.dtype == torch.float32
    assert model.features(batch).shape == (2, model.feature_size)


texts = st.lists(st.lists(st.integers(1, 29), min_size=1, max_size=12), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(rows=texts, seed=st.integers(0, 99))
def test_the_answer_for_a_text_depends_neither_on_its_batch_nor_on_its_place(
    model: TextModel, rows: list[list[int]], seed: int
) -> None:
    together = predict_logits(model, encoded(rows))
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = predict_logits(model, encoded([rows[index] for index in order]))
    alone = np.concatenate([predict_logits(model, encoded([row])) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(shuffled, together[order], atol=1e-5)


@pytest.mark.parametrize("processes", [2, 3])
def test_the_parts_of_several_processes_add_up(
    model: TextModel, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr("sentrec.models.compute.INFERENCE_BATCH_SIZE", 2)
    data = encoded([[2 + length] * length for length in range(1, 8)])
    parts = [predict_logits(model, data, index, processes) for index in range(processes)]
    assert all((part == 0).all(axis=1).any() for part in parts)
    np.testing.assert_array_equal(sum(parts), predict_logits(model, data))


@pytest.mark.parametrize("training", [True, False])
def test_inference_drops_nothing_and_restores_the_mode(training: bool) -> None:
    model = classifier("model.word_dropout=0.9", "model.embedding_dropout=0.9", "model.output_dropout=0.9")
    model.train(training)
    data = encoded([[2, 3, 4]])
    np.testing.assert_array_equal(predict_logits(model, data), predict_logits(model, data))
    assert model.training is training


def test_no_texts_give_no_rows(model: TextModel) -> None:
    assert predict_logits(model, encoded([])).shape == (0, 3)


@pytest.mark.parametrize("keep", ["head", "tail", "head-tail"])
def test_of_a_longer_text_a_part_is_read(keep: Keep) -> None:
    model = classifier("text.max_tokens=4", f"text.keep={keep}").eval()
    whole = encoded([[2, 3], list(range(4, 15)), [5, 6, 7, 8]])
    expected = predict_logits(model, whole.cut(4, keep))
    np.testing.assert_array_equal(predict_logits(model, whole), expected)
    np.testing.assert_array_equal(predict_logits(model, model.training_view(whole)), expected)


def test_a_model_comes_back_from_its_weights_alone(model: TextModel, tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", ["encoder.hidden=6", "seed=9", "model.embedding_dim=64"])
    save_weights(tmp_path / "w", model)
    restored = restore_model(recipe, tokenizer_of(30), 3, tmp_path / "w")
    texts = encoded([[2, 3, 4], [5]])
    assert np.array_equal(predict_logits(restored, texts), predict_logits(model, texts))


def test_weights_that_do_not_fit_are_one_clear_error(model: TextModel, tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", SMALL)
    save_weights(tmp_path / "other", nn.Linear(2, 3))
    weights, _ = read_tensors_of(model, tmp_path)
    write_tensors(tmp_path / "short", weights | {"embedding.table.weight": weights["embedding.table.weight"][:-1]})
    write_tensors(tmp_path / "nan", weights | {"head.bias": torch.full((3,), float("nan"))})
    write_tensors(tmp_path / "inf", weights | {"head.weight": torch.full_like(weights["head.weight"], float("inf"))})
    expected = {"other": "not of this recipe's model", "short": "not of this", "nan": "not finite", "inf": "not finite"}
    for name, said in expected.items():
        with pytest.raises(RunError, match=said):
            restore_model(recipe, tokenizer_of(30), 3, tmp_path / name)
    with pytest.raises(RunError, match="not of this recipe's model"):
        restore_model(recipe, tokenizer_of(29), 3, tmp_path / "w")  # another tokenizer has another vocabulary


def read_tensors_of(model: TextModel, folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    save_weights(folder / "w", model)
    return read_tensors(folder / "w")


def test_layers_go_from_the_embeddings_to_the_head_and_hold_every_parameter() -> None:
    model = classifier("encoder.layers=2", "model.ngrams={table_bits: 10}")
    layers = model.layers()
    assert list(layers) == ["embeddings", "encoder.0", "encoder.1", "head"]
    assert sorted(name for names in layers.values() for name in names) == sorted(dict(model.named_parameters()))
