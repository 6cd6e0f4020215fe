"""A challenge set: sentences of many kinds that are hard for a small sentiment model, written for this project."""

from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.polarity import POLARITIES
from sentrec.inference.prediction import in_classes
from sentrec.inference.predictor import Predictor
from sentrec.recommend.scoring import class_weights

_FILE = Path(__file__).with_name("challenge.tsv")


def challenge_sentences() -> list[tuple[str, str, str]]:
    """The category of each sentence, the right answer (negative, neutral or positive), and the sentence."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()[1:]
    return [(category, answer, text) for category, answer, text in (line.split("\t") for line in lines)]


def measure_challenge(predictor: Predictor) -> dict[str, Any]:
    """Classifies the challenge set; a `RunError` if no class of the model is known to be positive.

    Returns:
        ``categories``: of each its number of ``sentences`` and of ``opinions`` (those that are not neutral), how many
        opinions are right in ``two_classes``, and how many sentences in ``three_classes``, None without a star head.
        ``failures``: opinions that are wrong in two classes, and neutral sentences that are wrong in three.
    """
    weights, sentences = class_weights(predictor.label_names), challenge_sentences()
    answers = np.array([POLARITIES.index(answer) for _, answer, _ in sentences])
    probabilities, stars = predictor.predict_stars([text for *_, text in sentences])
    positive = probabilities @ weights
    is_opinion, is_right = answers != 1, np.where(positive > 0.5, 2, 0) == answers
    is_right_of_three = None
    if stars.shape[1]:
        is_right_of_three = in_classes(stars, 3, predictor.label_names)[1].argmax(axis=1) == answers
    names = np.array([category for category, *_ in sentences])
    categories = [
        {
            "category": name,
            "sentences": int(mask.sum()),
            "opinions": int((mask & is_opinion).sum()),
            "two_classes": int((mask & is_right).sum()),
            "three_classes": None if is_right_of_three is None else int((mask & is_right_of_three).sum()),
        }
        for name in dict.fromkeys(names.tolist())
        if (mask := names == name).any()
    ]
    wrong = ~np.where(is_opinion, is_right, True if is_right_of_three is None else is_right_of_three)
    failures = [
        dict(zip(("category", "answer", "text"), sentences[row], strict=True))
        | {"positive": round(float(positive[row]), 4)}
        | ({"stars": round(float(stars[row] @ np.arange(1, 6)), 2)} if stars.shape[1] else {})
        for row in np.flatnonzero(wrong)
    ]
    return {"categories": categories, "failures": failures}
