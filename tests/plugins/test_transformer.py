"""Pretrained transformers keep the contract of a kind of model, whatever their architecture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_transformers import SIZES, write_transformer

import sentrec
from sentrec.models.base import TextModel
from sentrec.models.stacked import stacked_on
from sentrec.testing import TextModelConformance

transformers = pytest.importorskip("transformers")
from sentrec_plugins.transformer import TransformerModel  # noqa: E402 - after the skip

TEXT = {"text": {"max_tokens": 32, "keep": "head-tail"}}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_transformer(tmp_path_factory.mktemp("bert"))


class _OnTinyModel(TextModelConformance):
    model = TransformerModel
    sections = TEXT
    learning_rate = 3e-3
    options: dict[str, Any] = {}  # noqa: RUF012 - read only

    @pytest.fixture(autouse=True)
    def folder(self, bert: Path) -> None:
        type(self).encoder = {"name": "transformer", "pretrained": str(bert), **self.options}


class TestMean(_OnTinyModel):
    pass


class TestFirstToken(_OnTinyModel):
    options = {"pooling": "cls", "dropout": 0.2}  # noqa: RUF012 - read only


class TestMaximum(_OnTinyModel):
    options = {"pooling": "max", "gradient_checkpointing": True}  # noqa: RUF012 - read only


class TestWindows(_OnTinyModel):
    options = {"windows": 3}  # noqa: RUF012 - read only
    sections = {"text": {"max_tokens": 8, "keep": "head-tail"}}  # noqa: RUF012 - read only


class TestWithNgrams(_OnTinyModel):
    model = stacked_on(TransformerModel)
    sections = {**TEXT, "model": {"ngrams": {"table_bits": 12, "max_tokens": 900}}}  # noqa: RUF012 - read only


def recipe_of(folder: Path, **options: Any) -> sentrec.Recipe:
    tree = {"glove": None, **TEXT, "encoder": {"name": "transformer", "pretrained": str(folder), **options}}
    return sentrec.Recipe.model_validate(tree)


def build(folder: Path, **options: Any) -> TextModel:
    recipe = recipe_of(folder, **options)
    return TransformerModel.build(recipe, TransformerModel.learn_tokenizer(recipe, []), 2)


TEXTS = ["A moving film.", "dull", "", "What a waste of good actors, " * 20]


def freeze(model: TextModel) -> None:
    learning = model.rates()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in learning)


@pytest.mark.parametrize("kind", SIZES)
def test_every_architecture_answers_and_splits_at_its_layers(kind: str, tmp_path: Path) -> None:
    model = build(write_transformer(tmp_path / kind, kind), trained_layers=1, cache_gigabytes=1.0)
    encoded = model.encode(TEXTS)
    layers = 1 if kind == "albert" else 3
    assert list(model.layers()) == ["embeddings", *(f"encoder.{n}" for n in range(layers)), "head"]
    freeze(model)
    view = model.training_view(encoded)
    rows = np.arange(len(TEXTS))
    model.eval()
    with torch.inference_mode():
        expected, found = (model(model.collate(texts, rows)) for texts in (encoded, view))
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)
    assert (type(view) is type(encoded)) == (kind == "albert")  # whose layers share their weights


def test_outputs_of_frozen_layers_are_kept_and_those_of_others_are_not(bert: Path) -> None:
    kept = Path(sentrec.files.storage.cache_home()) / "frozen"
    model = build(bert, trained_layers=2)
    freeze(model)
    view = model.training_view(model.encode(TEXTS))
    assert view.states[0].shape == (len(view.token_ids), 16)
    files = list(kept.iterdir())
    model.training_view(model.encode(TEXTS))
    assert list(kept.iterdir()) == files
    with torch.no_grad():
        model.transformer.embeddings.word_embeddings.weight.add_(0.1)
    model.training_view(model.encode(TEXTS))
    assert len(list(kept.iterdir())) == 2
    whole = build(bert)
    encoded = whole.encode(TEXTS)
    assert whole.training_view(encoded) is encoded
    freeze(small := build(bert, trained_layers=2, cache_gigabytes=0.0))
    assert small.training_view(encoded) is encoded


def test_a_probe_reads_features_that_are_computed_once(bert: Path) -> None:
    model = build(bert)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("head."))
    encoded = model.encode(TEXTS)
    view = model.training_view(encoded)
    assert view.states[0].shape == (len(TEXTS), 16)
    model.eval()
    rows = np.array([3, 0])
    with torch.inference_mode():
        expected, found = (model.features(model.collate(texts, rows)) for texts in (encoded, view))
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


def test_frozen_layers_have_no_dropout_while_the_others_do(bert: Path) -> None:
    model = build(bert, trained_layers=1)
    freeze(model)
    model.train()
    layers = model.transformer.encoder.layer
    assert [layer.attention.output.dropout.training for layer in layers] == [False, False, True]


def test_layers_learn_at_rates_that_fall_from_the_top(bert: Path) -> None:
    model = build(bert, layer_decay=0.5, head_rate=10.0, unfreeze_epochs=1)
    by_layer = {layer: model.rates()[names[0]] for layer, names in model.layers().items()}
    assert {layer: rate.factor for layer, rate in by_layer.items()} == {
        **{"embeddings": 0.125, "encoder.0": 0.25, "encoder.1": 0.5, "encoder.2": 1.0, "head": 10.0}
    }
    assert [rate.from_epoch for rate in by_layer.values()] == [4, 3, 2, 1, 0]
    top = build(bert, trained_layers=1)
    assert set(top.rates()) == {*top.layers()["encoder.2"], *top.layers()["head"]}


def test_long_texts_keep_head_and_tail_between_the_special_tokens(bert: Path) -> None:
    model = build(bert)
    text = " ".join(["superb", *["dull"] * 100, "awful"])
    ids = model.encode([text]).token_ids
    words = model.text_reader._tokenizer
    tokens = [words.id_to_token(int(one)) for one in ids]
    assert (len(tokens), tokens[0], tokens[1], tokens[-2], tokens[-1]) == (32, "[CLS]", "superb", "awful", "[SEP]")
    assert model.encode([""]).lengths().tolist() == [2]
    broken, plain = model.encode(["dull<br /><br />awful &amp; moving", "dull awful & moving"]).token_ids.reshape(2, -1)
    assert broken.tolist() == plain.tolist()


@pytest.mark.parametrize("layers", [None, 2, 0])
def test_windows_of_a_long_text_count_alike(bert: Path, layers: int | None) -> None:
    plain, model = build(bert).eval(), build(bert, windows=3, trained_layers=layers).eval()
    words = ["superb", *["dull"] * 40, "moving", *["tedious"] * 33, "awful"]
    pieces = [" ".join(words[start : start + 30]) for start in (0, 30, len(words) - 30)]
    freeze(model)
    with torch.inference_mode():
        encoded = plain.encode(pieces)
        expected = plain.features(plain.collate(encoded, np.arange(3)))
        long = model.encode([" ".join(words), "dull"])
        assert long.lengths().tolist() == [96, 3]
        for texts in (long, model.training_view(long)):
            found = model.features(model.collate(texts, np.arange(2), 8))
            torch.testing.assert_close(found[0], expected.mean(dim=0), atol=2e-3, rtol=2e-3)
        alone = model.features(model.collate(long, np.array([1])))[0]
        torch.testing.assert_close(found[1], alone, atol=2e-3, rtol=2e-3)


def test_roberta_reads_no_more_tokens_than_it_has_positions_for(tmp_path: Path) -> None:
    folder = write_transformer(tmp_path / "roberta", "roberta", max_position_embeddings=20)
    model = build(folder).eval()
    encoded = model.encode(["superb " * 100])
    assert encoded.lengths().tolist() == [18]
    with torch.inference_mode():
        assert model(model.collate(encoded, np.array([0]))).isfinite().all()
