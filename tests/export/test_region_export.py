"""A model with region embeddings is made small like any other: their table shrinks with the words'."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

import sentrec
from sentrec.errors import SentrecError
from sentrec.evaluation.rows import RunData
from sentrec.export import reduce
from sentrec.export.agreement import Bound
from sentrec.export.export import export_model
from sentrec.export.reduce import reduce_model
from sentrec.models.classifier import REGION_VECTORS
from sentrec.models.quantization import expand
from sentrec.models.weights import read_tensors
from sentrec.runs.directory import MODEL, TOKENIZER, Run

TEXTS = ["the film was lovely and superb, row 3", "the film was dull and tedious", "", "nothing known here"]


def test_it_says_what_its_original_says_and_needs_no_store(region_run: Run, tmp_path: Path) -> None:
    small = export_model(region_run, tmp_path / "model")
    before, after = sentrec.load(region_run, "cpu"), sentrec.load(small.run.path, "cpu")
    np.testing.assert_allclose(after.predict_proba(TEXTS), before.predict_proba(TEXTS), atol=0.02)
    assert small.agreement.equal_labels == 1.0
    assert small.run.metrics["test"]["accuracy"] == region_run.metrics["test"]["accuracy"]


def test_a_dropped_word_loses_both_its_vectors_and_the_others_keep_theirs(region_run: Run, tmp_path: Path) -> None:
    whole = read_tensors(region_run.path / MODEL)[0][REGION_VECTORS]
    reduced = reduce_model(region_run, RunData(region_run).training_rows().texts, 10**7, 10)
    table = expand(reduced.tensors, reduced.metadata)[REGION_VECTORS]
    assert reduced.words == len(table) == 10
    np.testing.assert_allclose(table, whole[:10], atol=0.02)
    anything = Bound(equal_labels=0.0, mean_difference=1.0, largest_difference=1.0)
    small = export_model(region_run, tmp_path / "model", vocabulary=10, bound=anything)
    assert np.isfinite(sentrec.load(small.run.path, "cpu").logits(TEXTS)).all()


def test_what_no_longer_says_the_same_is_not_written(region_run: Run, tmp_path: Path) -> None:
    with pytest.raises(SentrecError, match="strays too far from its original"):
        export_model(region_run, tmp_path / "model", vocabulary=4)
    assert not (tmp_path / "model").exists()


def test_as_many_words_fit_as_have_room_and_rows_of_zeros_take_none(region_run: Run) -> None:
    weights, _ = read_tensors(region_run.path / MODEL)
    tokenizer = Tokenizer.from_file(str(region_run.path / TOKENIZER))

    def fitting(weights: dict[str, Tensor], room: int) -> int:
        return reduce._words_that_fit(region_run, weights, reduce._forms(weights, "rows"), tokenizer, room)

    words = tokenizer.get_vocab_size()
    room = reduce_model(region_run, RunData(region_run).training_rows().texts, 10**7).bytes
    assert fitting(weights, 10**7) == fitting(weights, room) == words
    assert fitting(weights, room - 1) == words - 1
    table = weights[REGION_VECTORS]
    filled = int(table.ne(0).any(dim=1).sum())
    assert 0 < filled < words
    # Of a row, a byte for each of its 4 numbers and 2 of a scale, or 1 that says that it is empty.
    spared = filled * (4 + 2 - 1)
    assert fitting({**weights, REGION_VECTORS: torch.zeros_like(table)}, room - spared) == words
