"""Models that read embeddings: seeded, blind to padding, the same however the texts are batched; layers that move."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import encoded, model_of, tokenizer_of
from torch import nn

import sentrec
from sentrec.errors import RunError
from sentrec.models.base import TextModel, predict_logits
from sentrec.models.kinds import restore_model
from sentrec.models.weights import read_tensors, write_tensors
from sentrec.models.words import TokenEmbedding, initial_embeddings
from sentrec.testing import bfloat16_autocast
from sentrec.text.encoding import Keep
from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID

SMALL = ("encoder.hidden=6", "model.embedding_dim=5")


def classifier(*changes: str, classes: int = 3) -> TextModel:
    return model_of(sentrec.load_recipe("quickstart", [*SMALL, *changes]), classes=classes)


@pytest.fixture(scope="module")
def model() -> TextModel:
    return classifier()


def test_logits_are_float32_under_bfloat16_autocast(model: TextModel) -> None:
    batch = model.collate(encoded([[2, 3], [4]]), np.arange(2))
    with bfloat16_autocast():
        logits = model(batch)
    assert (logits.shape, logits.dtype) == ((2, 3), torch.float32)


@pytest.mark.parametrize("processes", [2, 3])
def test_the_parts_of_several_processes_add_up(
    model: TextModel, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr("sentrec.text.padding.INFERENCE_BATCH_SIZE", 2)
    data = encoded([[2 + length] * length for length in range(1, 8)])
    parts = [predict_logits(model, data, index, processes) for index in range(processes)]
    assert all((part == 0).all(axis=1).any() for part in parts)
    np.testing.assert_array_equal(sum(parts), predict_logits(model, data))
    assert predict_logits(model, encoded([])).shape == (0, 3)


@pytest.mark.parametrize("training", [True, False])
def test_inference_drops_nothing_and_restores_the_mode(training: bool) -> None:
    model = classifier("model.word_dropout=0.9", "model.embedding_dropout=0.9", "model.output_dropout=0.9")
    model.train(training)
    data = encoded([[2, 3, 4]])
    np.testing.assert_array_equal(predict_logits(model, data), predict_logits(model, data))
    assert model.training is training


@pytest.mark.parametrize("keep", ["head", "tail", "head-tail"])
def test_of_a_longer_text_a_part_is_read(keep: Keep) -> None:
    model = classifier("text.max_tokens=4", f"text.keep={keep}").eval()
    whole = encoded([[2, 3], list(range(4, 15)), [5, 6, 7, 8]])
    expected = predict_logits(model, whole.cut(4, keep))
    np.testing.assert_array_equal(predict_logits(model, whole), expected)
    np.testing.assert_array_equal(predict_logits(model, model.training_view(whole)), expected)


def test_a_model_comes_back_from_its_weights_alone(model: TextModel, tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", ["encoder.hidden=6", "seed=9", "model.embedding_dim=64"])
    write_tensors(tmp_path / "w", model.state_dict())
    restored = restore_model(recipe, tokenizer_of(30), 3, tmp_path / "w")
    texts = encoded([[2, 3, 4], [5]])
    assert np.array_equal(predict_logits(restored, texts), predict_logits(model, texts))


def test_weights_that_do_not_fit_are_one_clear_error(model: TextModel, tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", SMALL)
    write_tensors(tmp_path / "other", nn.Linear(2, 3).state_dict())
    write_tensors(tmp_path / "w", model.state_dict())
    weights, _ = read_tensors(tmp_path / "w")
    write_tensors(tmp_path / "short", weights | {"embedding.table.weight": weights["embedding.table.weight"][:-1]})
    write_tensors(tmp_path / "nan", weights | {"head.bias": torch.full((3,), float("nan"))})
    write_tensors(tmp_path / "inf", weights | {"head.weight": torch.full_like(weights["head.weight"], float("inf"))})
    expected = {"other": "not of this recipe's model", "short": "not of this", "nan": "not finite", "inf": "not finite"}
    for name, said in expected.items():
        with pytest.raises(RunError, match=said):
            restore_model(recipe, tokenizer_of(30), 3, tmp_path / name)
    with pytest.raises(RunError, match="not of this recipe's model"):
        restore_model(recipe, tokenizer_of(29), 3, tmp_path / "w")  # another tokenizer has another vocabulary


def test_layers_go_from_the_embeddings_to_the_head_and_hold_every_parameter() -> None:
    model = classifier("encoder.layers=2", "model.ngrams={table_bits: 10}")
    layers = model.layers()
    assert list(layers) == ["embeddings", "encoder.0", "encoder.1", "head"]
    assert sorted(name for names in layers.values() for name in names) == sorted(dict(model.named_parameters()))


WORDS = ("<pad>", "<unk>", *(f"word{number}" for number in range(198)))


class HalfKnown:
    """Vectors of every second word, and of one that is named like a special token."""

    dim = 40
    matrix = np.random.default_rng(0).normal(0, 0.5, (len(WORDS), 40)).astype(np.float32)

    def rows(self, words: tuple[str, ...]) -> np.ndarray:
        return np.array([index if index % 2 == 0 or index == UNKNOWN_ID else -1 for index in range(len(words))])


def test_known_words_have_their_vectors_and_others_the_same_spread() -> None:
    vectors = HalfKnown()
    table = initial_embeddings(WORDS, vectors, 40, seed=1).numpy()  # type: ignore[arg-type]
    np.testing.assert_array_equal(table[2::2], vectors.matrix[2::2])
    assert not np.array_equal(table[UNKNOWN_ID], vectors.matrix[UNKNOWN_ID])
    assert table[3::2].std() == pytest.approx(0.5, rel=0.05)
    assert not table[PADDING_ID].any()
    assert table.dtype == np.float32


def test_the_seed_decides_what_is_drawn() -> None:
    first, again, other = (initial_embeddings(WORDS, None, 8, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first[1:].std() == pytest.approx(0.1, rel=0.1)


def embedding(word_dropout: float = 0.0, embedding_dropout: float = 0.0) -> TokenEmbedding:
    module = TokenEmbedding(len(WORDS), 40, word_dropout, embedding_dropout)
    with torch.no_grad():
        module.table.weight.copy_(initial_embeddings(WORDS, None, 40, 0))
    return module


TOKENS = torch.arange(2, 182).reshape(3, 60)
MASK = torch.ones(3, 60, dtype=torch.bool)


def test_word_dropout_puts_the_unknown_word_in_place_of_its_share_of_words() -> None:
    module = embedding(word_dropout=0.3)
    torch.manual_seed(0)
    out = module(TOKENS, MASK)
    dropped = (out == module.table.weight[UNKNOWN_ID]).all(dim=2)
    kept = (out == module.table(TOKENS)).all(dim=2)
    assert torch.equal(dropped, ~kept)
    assert dropped.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 180))


def test_word_dropout_never_touches_padding() -> None:
    module = embedding(word_dropout=0.99)
    mask = MASK.clone()
    mask[:, 10:] = False
    out = module(TOKENS.masked_fill(~mask, PADDING_ID), mask)
    assert not out[:, 10:].any()


def test_embedding_dropout_drops_the_same_dimensions_at_every_token_of_a_text() -> None:
    module = embedding(embedding_dropout=0.5)
    torch.manual_seed(0)
    out = module(TOKENS, MASK)
    zero = out == 0
    assert torch.equal(zero, zero[:, :1].expand_as(zero))
    assert not torch.equal(zero[0, 0], zero[1, 0])  # another text drops others
    assert torch.allclose(out[~zero], 2 * module.table(TOKENS)[~zero])


def test_nothing_is_dropped_outside_training() -> None:
    module = embedding(0.9, 0.9).eval()
    assert torch.equal(module(TOKENS, MASK), module.table(TOKENS))
