"""Weights of n-grams by the texts that they occur in."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from small_models import ngrams_of_width
from small_runs import small_overrides
from small_unlabelled import NGRAMS, recipe_with

import sentrec
from sentrec.errors import DataError
from sentrec.inference.predictor import load
from sentrec.models.kinds import build_model
from sentrec.models.ngrams import NgramModel
from sentrec.ngrams import lsa as lsa_module
from sentrec.ngrams.baselines import NaiveBayesLogisticRegression
from sentrec.ngrams.lsa import COMMON_FREQUENCY, FEWEST_OF_A_DIRECTION, LsaSpace, fit_lsa
from sentrec.recipe import recipe_from_dict
from sentrec.text.encoding import EncodedTexts
from sentrec.training.prepare import prepare

Dense = npt.NDArray[np.float32]


def ngrams(texts: int, columns: int, seed: int, chance: float = 0.3) -> sparse.csr_matrix:
    """Each text has n-grams that count as much as each other, as those of the n-gram model do."""
    generator = np.random.default_rng(seed)
    occurring = generator.random((texts, columns)) < chance
    occurring[:, 0] = True
    counts = occurring / np.sqrt(occurring.sum(axis=1, keepdims=True))
    return sparse.csr_matrix(counts.astype(np.float32))


def directions_by_hand(space: LsaSpace, occurring: npt.NDArray[np.bool_]) -> Dense:
    sums = occurring.T.astype(np.float32) @ space.positions.numpy()
    lengths = np.linalg.norm(sums, axis=1)
    frequency = np.maximum(occurring.sum(axis=0), 1) / len(occurring)
    counting = np.minimum(1.0, np.sqrt(COMMON_FREQUENCY / frequency))
    known = occurring.sum(axis=0) >= FEWEST_OF_A_DIRECTION
    return np.where(known[:, None], sums / np.maximum(lengths, space.shortest)[:, None] * counting[:, None], 0.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 40), st.integers(5, 60), st.integers(0, 30), st.integers(1, 12), st.integers(0, 1000))
def test_a_direction_points_to_the_texts_of_an_ngram(texts: int, columns: int, more: int, dim: int, seed: int) -> None:
    labelled, others = ngrams(texts, columns, seed), ngrams(more, columns, seed + 1) if more else None
    space = LsaSpace(labelled, others, dim)
    occurring = sparse.vstack([labelled] if others is None else [labelled, others]).toarray() > 0
    expected = directions_by_hand(space, occurring)
    for part in space.blocks():
        np.testing.assert_allclose(space.directions(part).numpy(), expected[part], atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 30), st.integers(5, 40), st.integers(1, 20), st.integers(1, 10), st.integers(0, 1000))
def test_a_text_of_the_space_and_a_crop_lie_where_their_ngrams_in_other_texts_do(
    texts: int, columns: int, more: int, dim: int, seed: int
) -> None:
    labelled, others = ngrams(texts, columns, seed), ngrams(more, columns, seed + 1)
    space = LsaSpace(labelled, others, dim)
    generator = np.random.default_rng(seed)
    wholes = np.concatenate([np.arange(texts), generator.integers(texts, size=5)])
    given = labelled[wholes].toarray()
    given[texts:] *= generator.random((5, columns)) < 0.5
    found = space.features(sparse.csr_matrix(given), wholes)
    occurring, positions = sparse.vstack([labelled, others]).toarray() > 0, space.positions.numpy()
    frequency = occurring.sum(axis=0) / len(occurring)
    known = np.flatnonzero(occurring.sum(axis=0) >= FEWEST_OF_A_DIRECTION)
    for features, whole, counts in zip(found, wholes, given, strict=True):
        expected = np.zeros(space.dim)
        for column in known[counts[known] > 0]:
            apart = occurring[:, column].copy()
            apart[whole] = False
            direction = positions[apart].sum(axis=0)
            assume(np.linalg.norm(direction) > 0.01)  # where the others cancel, rounding decides
            counting = min(1.0, np.sqrt(COMMON_FREQUENCY / frequency[column]))
            expected += counts[column] * counting * direction / np.linalg.norm(direction)
        np.testing.assert_allclose(features, expected, atol=2e-3)


def test_parts_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled, labels = ngrams(40, 300, 1, 0.1), np.arange(40) % 2
    fitted = fit_lsa(labelled, labels, None, 8)
    monkeypatch.setattr(lsa_module, "BLOCK_COLUMNS", 7)
    again = fit_lsa(labelled, labels, None, 8)
    np.testing.assert_array_equal(fitted.columns, again.columns)
    for name in ("weights", "bias", "margins"):
        np.testing.assert_allclose(getattr(fitted, name), getattr(again, name), atol=5e-3)


@pytest.mark.parametrize(("classes", "margins"), [(2, 1), (3, 3)])
def test_ngrams_without_labels_weigh_what_their_company_does(classes: int, margins: int) -> None:
    """Each class has its n-grams; the second half of them occurs in unlabelled texts alone, beside the first half."""
    generator, each, texts = np.random.default_rng(2), 20, 300

    def drawn(rows: int, classes_of: npt.NDArray[np.int64], known_only: bool) -> sparse.csr_matrix:
        chance = np.full((rows, classes * each), 0.02)
        for row, label in enumerate(classes_of):
            chance[row, label * each : (label + 1) * each] = 0.4
        if known_only:
            chance.reshape(rows, classes, each)[:, :, each // 2 :] = 0.0
        return sparse.csr_matrix((generator.random(chance.shape) < chance).astype(np.float32))

    labels, hidden = np.arange(60) % classes, np.arange(texts) % classes
    fitted = fit_lsa(drawn(60, labels, True), labels, drawn(texts, hidden, False), classes)
    assert fitted.weights.shape == (len(fitted.columns), margins)
    assert fitted.bias.shape == (margins,)
    assert fitted.margins.shape == (60, margins)
    table = np.zeros((classes * each, margins))
    table[fitted.columns] = fitted.weights
    unseen, truth = drawn(200, np.arange(200) % classes, False).toarray(), np.arange(200) % classes
    unseen.reshape(200, classes, each)[:, :, : each // 2] = 0.0
    scores = unseen @ table + fitted.bias
    answers = (scores[:, 0] > 0).astype(int) if margins == 1 else scores.argmax(axis=1)
    assert (answers == truth).mean() > 0.9


def test_without_an_intercept_nothing_is_added() -> None:
    fitted = fit_lsa(ngrams(30, 50, 3), np.arange(30) % 3 // 2, None, 5, fit_intercept=False)
    assert fitted.bias.tolist() == [0.0]


def test_more_dimensions_than_texts_or_ngrams_are_as_many_as_there_are() -> None:
    space = LsaSpace(ngrams(9, 30, 4), None, 512)
    assert space.dim <= 9
    assert np.isfinite(space.features(ngrams(9, 30, 4), np.arange(9))).all()


def test_the_table_adds_up_the_lsa_weights_and_what_ngrams_add_to_them(
    reviews: Path, unlabelled: Path, tmp_path: Path
) -> None:
    tree = recipe_with(reviews, unlabelled, *NGRAMS, "model.ngrams.lsa=6").model_dump(mode="json")
    recipe = recipe_from_dict(tree | {"encoder": "ngrams"})
    data = prepare(recipe)
    assert data.unlabelled is not None
    model = build_model(recipe, data.tokenizer, 2)
    assert isinstance(model, NgramModel)
    features, labels = model.feature_matrix(data.train), data.splits.train.labels
    features.data /= features.data.mean()
    fitted = fit_lsa(features, labels, model.feature_matrix(data.unlabelled), 6)
    beside = NaiveBayesLogisticRegression().fit(features, labels, 2, fitted.margins)
    kept, weights, bias = beside.linear_weights()
    expected = np.zeros((model.rows, 1))
    expected[kept] = weights
    expected[fitted.columns] += fitted.weights * beside.offset_weights()
    found = load(sentrec.train(recipe, tmp_path / "run"), "cpu").members[0].model
    np.testing.assert_allclose(found.weights.numpy(), expected, atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found.bias.numpy(), bias + fitted.bias * beside.offset_weights(), atol=1e-3)


def test_of_a_class_without_rows_nothing_is_learned_and_that_is_said() -> None:
    texts = EncodedTexts(np.array([2, 3, 4, 3, 2, 3, 4, 3], dtype=np.int32), np.arange(0, 9, 2))
    model, labels = ngrams_of_width(3, table_bits=10, lsa=4), np.array([0, 1, 0, 1])
    with pytest.raises(DataError, match="rows of every class"):
        model.fit_features(model.feature_matrix(texts), labels)


def test_beside_an_encoder_no_step_reads_the_unlabelled_texts(reviews: Path, unlabelled: Path, tmp_path: Path) -> None:
    without = sentrec.train(recipe_with(reviews, unlabelled, *NGRAMS, "model.ngrams.lsa=6"), tmp_path / "with")
    assert load(without, "cpu").members[0].model.closed_form is not None
    assert without.metrics["data"]["unlabelled_rows"] > 0
    assert set(without.metrics["stacking"]["validation_accuracy"]) == {"base", "ngrams", "both"}


def test_what_goes_on_from_such_ngrams_learns_from_its_own_rows(
    reviews: Path, unlabelled: Path, tmp_path: Path
) -> None:
    recipe = recipe_with(reviews, unlabelled, *NGRAMS, "model.ngrams.lsa=6", "training.max_steps=2")
    source = sentrec.train(recipe, tmp_path / "source")
    path = tmp_path / "mine.yaml"
    path.write_text(f"init: {source.path}\n", encoding="utf-8")
    mine = sentrec.load_recipe(path, [change for change in small_overrides(reviews) if change.startswith("data.")])
    assert mine.model.ngrams is not None
    assert mine.model.ngrams.lsa is None
    prepare(mine)  # which refuses what differs from the source


def test_texts_that_share_no_ngrams_give_none_a_weight() -> None:
    fitted = fit_lsa(sparse.csr_matrix(np.eye(6, 9, dtype=np.float32)), np.arange(6) % 2, None, 4)
    assert len(fitted.columns) == 0
    assert fitted.weights.shape == (0, 1)
    assert np.isfinite(fitted.margins).all()
