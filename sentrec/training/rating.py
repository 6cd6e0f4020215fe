"""Training models of ratings: from facts to a finished run, and on some rows of a table to judge the others by."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sentrec.data.examples import Examples, at_levels
from sentrec.data.items import rating_levels
from sentrec.data.splits import Splits, stratified_holdout
from sentrec.data.writers import table_writer
from sentrec.files.storage import disk_errors
from sentrec.files.versions import describe_versions
from sentrec.rating.facts import Floats
from sentrec.rating.model import Rated, RatingModel, fit_model, folds_of, measure_ratings
from sentrec.rating.rater import HELD_OUT, TEXT_MODEL, TEXTS, TextRater
from sentrec.rating.rows import RatedRows, read_rows
from sentrec.recipe import Recipe
from sentrec.runs.directory import ENVIRONMENT, MODEL, Run, open_run
from sentrec.runs.files import sha256_of
from sentrec.runs.writing import write_end, write_start
from sentrec.text.vocabulary import fingerprint
from sentrec.training.checkpoint import remove_run
from sentrec.training.prepare import PreparedData, prepare

RowNumbers = npt.NDArray[np.int64]
FitTexts: TypeAlias = Callable[[Recipe, PreparedData, Path], Run]
"""Trains the text model of a recipe into a directory."""
_TEXT_FOLDS = 3
_VALIDATION = 0.1


def train_rating(recipe: Recipe, directory: Path, fit_texts: FitTexts) -> Run:
    """Fits a model of ratings on all rows and leaves a run, in a directory that may be used.

    The metrics are those of predictions of rows that the model had not learned from.
    """
    started = time.perf_counter()
    rows = read_rows(recipe.data)
    everyone = np.arange(len(rows))
    model, held_out = _fit_facts(recipe, rows, everyone, _cross_fitted(recipe, rows, everyone, fit_texts))
    metrics = {
        "rating": measure_ratings(rows.target, model.rated(held_out, rows.votes), rows.votes),
        "test": {"n": len(rows)},
        "seed": recipe.seed,
        "parameters": len(model.head.trees.value) + 2 * sum(len(one.names) for one in model.effects),
        "noise": vars(model.noise),
        "data": {
            "train_rows": len(rows),
            "names": len(model.effects[0].names),
            "numbers": list(model.effects[0].numbers),
        },
    }
    environment = describe_versions() | {"seed": recipe.seed, "device": "cpu"}
    environment |= {"data": {"train": fingerprint(rows.keys, rows.target.tobytes())}}
    with disk_errors(directory):
        remove_run(directory)
        write_start(directory, recipe, (str(recipe.data.target),), "{}", environment)
        if rows.texts is not None:
            texts = fit_texts(*_text_training(recipe, rows, everyone), directory / TEXT_MODEL)
            metrics["texts"] = sha256_of(texts.path / ENVIRONMENT)
        model.save(directory / MODEL)
        _write_held_out(directory / HELD_OUT, rows, model.rated(held_out))
        write_end(directory, [], metrics | {"seconds": round(time.perf_counter() - started, 2)})
    return open_run(directory)


def _write_held_out(path: Path, rows: RatedRows, rated: Rated) -> None:
    """Keeps the ratings by models that had not learned from the row: what metadata alone expect of it."""
    dates = rows.dates or ("",) * len(rows)
    columns = (rows.keys, rows.titles, dates, rated.mean.round(4).tolist(), np.sqrt(rated.variance).round(4).tolist())
    names = ("key", "title", "release_date", "rating", "deviation")
    with table_writer(path) as write:
        write([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)])


def rate_others(recipe: Recipe, rows: RatedRows, train: RowNumbers, test: RowNumbers, fit_texts: FitTexts) -> Rated:
    """Rates some rows of a table by a model of others; intervals are those of as many votes as each row has."""
    of_texts = _rate_texts(recipe, rows, train, test, fit_texts) if rows.texts is not None else None
    if rows.facts is None:
        assert of_texts is not None  # what rates by no facts rates by texts
        return of_texts
    model, _ = _fit_facts(recipe, rows, train, _cross_fitted(recipe, rows, train, fit_texts))
    facts = rows.facts.take(test)
    facts = facts if of_texts is None else facts.with_number(TEXTS, of_texts.mean)
    return model.rate(facts, votes=None if rows.votes is None else rows.votes[test])


def _fit_facts(
    recipe: Recipe, rows: RatedRows, train: RowNumbers, of_texts: Floats | None
) -> tuple[RatingModel, Floats]:
    assert recipe.model.boosting is not None  # the recipe's own check
    assert rows.schema is not None
    assert rows.facts is not None
    facts = rows.facts.take(train)
    facts = facts if of_texts is None else facts.with_number(TEXTS, of_texts)
    votes = None if rows.votes is None else rows.votes[train]
    return fit_model(rows.schema, facts, rows.target[train], votes, rows.scale, recipe.model.boosting, recipe.seed)


def _cross_fitted(recipe: Recipe, rows: RatedRows, train: RowNumbers, fit_texts: FitTexts) -> Floats | None:
    """What models of other rows say of the text of each row; None where the recipe reads no texts."""
    if rows.texts is None:
        return None
    found = np.empty(len(train))
    for learned, rated in folds_of(rows.groups[train], _TEXT_FOLDS, recipe.seed):
        found[rated] = _rate_texts(recipe, rows, train[learned], train[rated], fit_texts).mean
    return found


def _rate_texts(recipe: Recipe, rows: RatedRows, train: RowNumbers, test: RowNumbers, fit_texts: FitTexts) -> Rated:
    assert rows.texts is not None
    with tempfile.TemporaryDirectory(prefix="sentrec-") as work:
        run = fit_texts(*_text_training(recipe, rows, train), Path(work) / TEXT_MODEL)
        return TextRater(run).rate_texts([rows.texts[row] for row in test])


def _text_training(recipe: Recipe, rows: RatedRows, train: RowNumbers) -> tuple[Recipe, PreparedData]:
    """The recipe of the text model alone, and its rows; a part of them is held out to select and to correct it by."""
    assert rows.texts is not None
    data = recipe.data.model_copy(update={"facts": None, "validation": None, "test": None})
    alone = recipe.model_copy(
        update={"data": data, "model": recipe.model.model_copy(update={"boosting": None}), "name": TEXTS}
    )
    texts, votes = [rows.texts[row] or " " for row in train], None if rows.votes is None else rows.votes[train]
    target = rows.target[train].astype(np.float32)
    examples = Examples(texts, np.zeros(len(train), np.int64), (), target, rows.groups[train], votes)
    examples = at_levels(examples, rating_levels(rows.target[train]))
    share = recipe.data.validation if isinstance(recipe.data.validation, float) else _VALIDATION
    kept, held_out = stratified_holdout(examples, share, recipe.data.split_seed)
    validation = examples.take(held_out)
    return alone, prepare(alone, Splits(examples.take(kept), validation, validation, 0, 0, 0))
