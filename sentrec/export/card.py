"""The model card: architecture, training data, accuracy, speed and known weaknesses, all of it measured."""

import datetime
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from sentrec.data.formats import looks_like_file
from sentrec.evaluation.rows import RunData
from sentrec.export.accuracy import measure_accuracy
from sentrec.export.agreement import Agreement, Bound
from sentrec.export.challenge import predict_challenge_set
from sentrec.export.speed import measure_speed
from sentrec.inference.predictor import load
from sentrec.recipe.schema import Recipe
from sentrec.runs.directory import TOKENIZER, Run
from sentrec.text.tokenizer import load_tokenizer

_LICENCES = {
    "imdb": "IMDB (Maas et al. 2011), which the weights were learned from, is for research; no text of it is here.",
    "glove": "GloVe (Pennington et al. 2014), which the word vectors began from, is in the public domain (PDDL 1.0).",
    "own": "The weights were trained by sentrec and come under its licence (MIT), as far as it may give one.",
}


def measure_card(run: Run, original: Run, agreement: Agreement, bound: Bound, sizes: dict[str, int]) -> dict[str, Any]:
    """Measures all that a card says.

    Args:
        run: The quantized model.
        original: What it was made from.
        agreement: With the original, on texts of its data.
        bound: What was asked of that.
        sizes: Bytes of the run's files.

    Returns:
        The card in plain JSON types.

    Raises:
        RunError: If the model's classes do not say what is positive.
        DataError: If the original's data cannot be read again.
    """
    predictor = load(run)
    readings = [reading.to_dict() for reading in predict_challenge_set(predictor)]
    accuracies, missing = measure_accuracy(predictor, load(original))
    return {
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sentrec": metadata.version("sentrec"),
        "recipe": run.recipe.name,
        "description": run.recipe.description,
        "classes": list(run.label_names),
        "model": _model(run),
        "size": {"bytes": sizes, "megabytes": round(sum(sizes.values()) / 1e6, 3)},
        "training": _training(run),
        "agreement": agreement.to_dict() | {"bound": asdict(bound)},
        "accuracy": accuracies,
        "missing": missing,
        "calibration": run.metrics["calibration"],
        "speed": measure_speed(run.path, RunData(original).part("test").texts),
        "challenge_set": readings,
        "licences": _licences(run.recipe),
    }


def _model(run: Run) -> dict[str, Any]:
    ngrams = run.recipe.model.ngrams
    return {
        "encoder": run.recipe.encoder,
        "longest_ngram": ngrams.max_n if ngrams else 0,
        "parameters": run.metrics["parameters"],
        "words": load_tokenizer((run.path / TOKENIZER).read_bytes()).get_vocab_size(),
        "max_tokens": run.recipe.text.max_tokens,
    }


def _training(run: Run) -> dict[str, Any]:
    recipe, data = run.recipe, run.metrics["data"]
    objective = recipe.objective
    return {
        "data": Path(recipe.data.dataset).name,
        "rows": data["train_rows"],
        "validation_rows": data["validation_rows"],
        "test_texts_in_train": data["test_texts_in_train"],
        "seed": run.metrics["seed"],
        "unlabelled_rows": data.get("unlabelled_rows", 0),
        "unlabelled": [Path(name).name if looks_like_file(name) else name for name in recipe.data.unlabelled or ()],
        # None: the run is from before these were counted.
        "test_texts_in_unlabelled": data.get("test_texts_in_unlabelled"),
        "validation_texts_in_unlabelled": data.get("validation_texts_in_unlabelled"),
        "teacher": Path(objective.teacher).name if objective.teacher else None,
        "init": Path(recipe.init.run).name if recipe.init else None,
        "glove": f"{recipe.glove.name}, {recipe.glove.dim} dimensions" if recipe.glove else None,
        "seconds": run.metrics.get("seconds"),
    }


def _licences(recipe: Recipe) -> list[str]:
    applies = {"own": True, "imdb": recipe.data.dataset == "imdb", "glove": recipe.glove is not None}
    return [_LICENCES[name] for name, does in applies.items() if does]
