"""Which words and n-grams are kept: those that fit, the weightiest first, and all with their old meaning."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from sentrec.errors import RunError, SentrecError
from sentrec.evaluation.rows import RunData
from sentrec.export import reduce
from sentrec.export.reduce import NGRAM_WEIGHTS, Reduced, reduce_model
from sentrec.models import quantization as compact
from sentrec.models.classifier import WORD_VECTORS
from sentrec.models.quantization import METADATA, expand
from sentrec.models.weights import read_tensors
from sentrec.runs.directory import MODEL, TOKENIZER, Run
from sentrec.text.tokenizer import UNKNOWN, words_of

PLENTY = 10_000_000


def reduced(run: Run, room: int = PLENTY, vocabulary: int | None = None) -> Reduced:
    return reduce_model(run, RunData(run).training_rows().texts, room, vocabulary)


def weights_of(model: Reduced) -> dict[str, torch.Tensor]:
    return expand(model.tensors, model.metadata)


def form_of(model: Reduced, name: str) -> str:
    return str(json.loads(model.metadata[METADATA])[name]["form"])


def form_of_words(model: Reduced) -> str:
    return form_of(model, WORD_VECTORS)


def original_words(run: Run) -> list[str]:
    return words_of(Tokenizer.from_file(str(run.path / TOKENIZER)))


def test_with_room_enough_every_word_and_every_ngram_that_occurs_is_kept(wide_run: Run) -> None:
    model = reduced(wide_run)
    before, _ = read_tensors(wide_run.path / MODEL)
    after = weights_of(model)
    assert after.keys() == before.keys()
    assert model.words == model.words_before == len(original_words(wide_run))
    assert form_of_words(model) == "rows"
    assert form_of(model, NGRAM_WEIGHTS) == "slots"
    assert 0 < model.ngrams <= model.ngrams_before
    assert torch.allclose(after[NGRAM_WEIGHTS], before[NGRAM_WEIGHTS], atol=0.02)
    assert torch.allclose(after[WORD_VECTORS], before[WORD_VECTORS], atol=0.02)
    assert model.tokenizer.to_str() == Tokenizer.from_file(str(wide_run.path / TOKENIZER)).to_str()


def test_it_keeps_to_its_room_and_gives_up_ngrams_before_words(wide_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduce, "_NGRAMS_BESIDE_BYTES", 20)
    monkeypatch.setattr(reduce, "_NGRAMS_FIRST", 20)
    whole = reduced(wide_run)
    model = reduced(wide_run, whole.bytes - 100)
    assert model.bytes <= whole.bytes - 100
    assert model.words == whole.words
    assert form_of_words(model) == "rows"
    assert 20 <= model.ngrams < whole.ngrams
    kept, before = weights_of(model)[NGRAM_WEIGHTS] != 0, read_tensors(wide_run.path / MODEL)[0][NGRAM_WEIGHTS]
    assert kept.sum() <= model.ngrams
    assert before[~kept & (before != 0)].abs().mean() < before[kept].abs().mean()


def test_vectors_go_into_half_bytes_before_too_many_ngrams_or_any_word_is_dropped(
    wide_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "_IN_BYTES", 2)
    monkeypatch.setattr(reduce, "_NGRAMS_FIRST", 20)
    whole = reduced(wide_run)
    model = reduced(wide_run, whole.bytes - 100)
    assert model.bytes <= whole.bytes - 100
    assert form_of_words(model) == "nibbles"
    assert (model.words, model.ngrams) == (whole.words, whole.ngrams)
    assert torch.allclose(weights_of(model)[WORD_VECTORS], weights_of(whole)[WORD_VECTORS], atol=0.2)


def test_thousands_of_ngrams_go_into_tiers_before_any_is_dropped(
    wide_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, metadata = read_tensors(wide_run.path / MODEL)
    table = torch.randn(weights[NGRAM_WEIGHTS].shape, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(reduce, "read_tensors", lambda path: (weights | {NGRAM_WEIGHTS: table}, metadata))
    monkeypatch.setattr(reduce, "_occurrences", lambda run, train: np.arange(1, len(table) + 1))
    whole = reduced(wide_run)
    assert form_of(whole, NGRAM_WEIGHTS) == "slots"
    small = reduced(wide_run, whole.bytes - len(table))
    assert form_of(small, NGRAM_WEIGHTS) == "tiers"
    assert small.ngrams == whole.ngrams == len(table)
    monkeypatch.setattr(reduce, "_NGRAMS_FIRST", 20)
    smaller = reduced(wide_run, whole.bytes - int(1.5 * len(table)))
    assert form_of(smaller, NGRAM_WEIGHTS) == "tiers"
    assert len(table) / 4 < smaller.ngrams < len(table)
    assert whole.bytes - int(1.5 * len(table)) - 20 < smaller.bytes <= whole.bytes - int(1.5 * len(table))


def test_words_go_from_the_end_and_the_others_keep_their_ids(wide_run: Run) -> None:
    model = reduced(wide_run, vocabulary=12)
    words = original_words(wide_run)
    assert words_of(model.tokenizer) == words[:12]
    assert weights_of(model)[WORD_VECTORS].shape[0] == model.words == 12
    dropped = words[-1]
    encoded = model.tokenizer.encode(f"{words[5]} {dropped}", add_special_tokens=False)
    assert encoded.ids == [5, 1]
    assert encoded.tokens == [words[5], UNKNOWN]


def test_ngrams_of_dropped_words_are_dropped(wide_run: Run) -> None:
    assert reduced(wide_run, vocabulary=12).ngrams < reduced(wide_run).ngrams


def test_a_model_without_ngrams_is_reduced_too(small_run: Run) -> None:
    model = reduced(small_run)
    assert model.ngrams == model.ngrams_before == 0
    assert weights_of(model).keys() == read_tensors(small_run.path / MODEL)[0].keys()


def test_too_little_room_is_an_error(wide_run: Run) -> None:
    with pytest.raises(SentrecError, match=r"0\.00 MB cannot hold a useful model"):
        reduced(wide_run, 2000)


def test_a_tokenizer_of_other_rules_keeps_all_its_words(wide_run: Run, tmp_path: Path) -> None:
    for path in wide_run.path.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / TOKENIZER).read_text(encoding="utf-8")
    (tmp_path / TOKENIZER).write_text(text.replace("&apos;", "&aposs;"), encoding="utf-8")
    other = Run(tmp_path, wide_run.recipe, wide_run.label_names, wide_run.metrics)
    assert reduced(other).words == reduced(wide_run).words
    with pytest.raises(RunError, match="follows other rules"):
        reduced(other, vocabulary=12)
