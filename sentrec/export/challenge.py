"""A challenge set: sentences that are hard for a small sentiment model, written for this project."""

from typing import Any

from sentrec.inference.predictor import Predictor
from sentrec.recommend.scoring import class_weights

KINDS = {
    "plain": "Plain praise and blame",
    "negation": "Negation",
    "turn": "Contrast within a sentence",
    "irony": "Irony",
    "comparison": "Comparison with another film",
    "stars": "Stars in figures",
    "emoji": "Emoji",
    "languages": "Other languages",
    "facts": "Facts without an opinion",
}
"""Title of each kind of sentence on a card, in its order."""

# The last value is the expected sentiment: 1.0 positive, 0.0 negative, 0.5 neutral.
SENTENCES: tuple[tuple[str, str, float], ...] = (
    ("plain", "A wonderful film with superb acting.", 1.0),
    ("plain", "Boring from the first minute to the last.", 0.0),
    ("plain", "I would watch it again tomorrow.", 1.0),
    ("plain", "The dialogue is wooden and the effects look cheap.", 0.0),
    ("negation", "Not a bad film at all.", 1.0),
    ("negation", "I did not like it one bit.", 0.0),
    ("negation", "There is nothing wrong with this picture.", 1.0),
    ("negation", "It never gets interesting, and nobody in it is funny.", 0.0),
    ("turn", "The storyline was predictable, but the acting saved the film.", 1.0),
    ("turn", "The acting was fine, but the storyline sank the film.", 0.0),
    ("turn", "I expected rubbish and came out smiling.", 1.0),
    ("turn", "The trailer promised so much, and then came the film.", 0.0),
    ("irony", "Great, another two hours of my life that I will never get back.", 0.0),
    ("irony", "A masterpiece, if you have always wanted to watch paint dry.", 0.0),
    ("irony", "Bravo to the editor, who surely slept as well as I did.", 0.0),
    ("irony", "The perfect film for your worst enemy.", 0.0),
    ("comparison", "The first film was brilliant; this one is not.", 0.0),
    ("comparison", "Far better than the dreadful original.", 1.0),
    ("comparison", "I would rather watch the original again than sit through this.", 0.0),
    ("comparison", "Next to this, the award winners of that year look dull.", 1.0),
    ("stars", "9/10", 1.0),
    ("stars", "2/10", 0.0),
    ("stars", "Five stars out of five.", 1.0),
    ("stars", "One star out of five.", 0.0),
    ("emoji", "What a film 😍", 1.0),
    ("emoji", "What a film 😡", 0.0),
    ("languages", "Ein wunderbarer Film, ich habe gelacht und geweint.", 1.0),
    ("languages", "Der langweiligste Film, den ich je gesehen habe.", 0.0),
    ("languages", "Un chef-d'œuvre, magnifique du début à la fin.", 1.0),
    ("languages", "Quel ennui, je me suis endormi.", 0.0),
    ("languages", "Una película preciosa, la recomiendo.", 1.0),
    ("languages", "Qué desastre, no la veas.", 0.0),
    ("facts", "The film was released in 1994 and runs for two hours.", 0.5),
    ("facts", "It was shown on Tuesday evening.", 0.5),
)
_NEAR = 0.2
"""A neutral text is classified correctly if its probability is so near to one half."""


def predict_challenge_set(predictor: Predictor) -> list[dict[str, Any]]:
    """Predicts the sentiment of `SENTENCES`.

    Returns:
        For each its ``kind`` and ``text``, the ``expected`` sentiment (1 positive, 0 negative, 0.5 neutral), the
        predicted probability of ``positive``, and whether that is ``correct``.

    Raises:
        RunError: If the model's classes do not say what is positive.
    """
    weights = class_weights(predictor.label_names)
    positives = predictor.predict_proba([text for _, text, _ in SENTENCES]) @ weights
    return [
        {"kind": kind, "text": text, "expected": expected, "positive": round(p, 4), "correct": _is_correct(expected, p)}
        for (kind, text, expected), p in zip(SENTENCES, positives.tolist(), strict=True)
    ]


def _is_correct(expected: float, positive: float) -> bool:
    return abs(positive - 0.5) <= _NEAR if expected == 0.5 else (positive > 0.5) == (expected > 0.5)
