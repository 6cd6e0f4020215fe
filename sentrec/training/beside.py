"""What is learned from beside labels: sentences with a teacher of their own, texts with stars."""

import logging
from dataclasses import dataclass

import numpy as np

from sentrec.data.contamination import SeenTexts
from sentrec.data.splits import Splits
from sentrec.data.stars import Decisions, StarTexts
from sentrec.data.unlabelled import UnlabelledSplit
from sentrec.models.contracts import TextReader
from sentrec.recipe.schema import Recipe
from sentrec.runs.directory import Run
from sentrec.runs.references import match_teacher, open_teacher
from sentrec.text.encoding import EncodedTexts
from sentrec.text.tokenizer import sentences as split_sentences
from sentrec.text.vocabulary import fingerprint

_FEWEST_WORDS, _MOST_WORDS = 3, 40  # of a sentence to distil
_SENTENCES = 5  # sets their draw apart from others of the same seed
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedStars:
    """What the star head learns from, encoded, and what it is calibrated on; see `sentrec.data.stars`."""

    train: EncodedTexts
    decisions: Decisions
    held_out: EncodedTexts
    held_out_decisions: Decisions
    fingerprint: str


@dataclass(frozen=True)
class Sentences:
    """Sentences to distil, which are encoded after the unlabelled texts.

    N-grams do not learn from them: on long texts they lost 1.3 points by it.
    """

    texts: list[str]
    teacher: Run


def draw_sentences(recipe: Recipe, splits: Splits, unlabelled: UnlabelledSplit | None) -> Sentences | None:
    """Sentences of training and unlabelled texts, drawn at random; none that is a validation or test text itself."""
    config = recipe.objective.sentences
    if config is None:
        return None
    teacher = open_teacher(config.teacher)
    match_teacher(teacher, splits.train.label_names)
    sources = [*splits.train.texts, *(unlabelled.texts if unlabelled else ())]
    judged = SeenTexts([*splits.validation.texts, *splits.test.texts])
    drawn: dict[str, None] = {}
    for row in np.random.default_rng([recipe.data.split_seed, _SENTENCES]).permutation(len(sources)):
        parts = (sources[row][start:end] for start, end in split_sentences(sources[row]))
        fitting = (one for one in parts if _FEWEST_WORDS <= len(one.split()) <= _MOST_WORDS and one not in judged)
        drawn |= dict.fromkeys(fitting)
        if len(drawn) >= config.most:
            break
    return Sentences(list(drawn)[: config.most], teacher)


def encode_stars(reader: TextReader, train: StarTexts, held_out: StarTexts) -> PreparedStars:
    """Encodes what the star head learns from."""
    _log.info("Learning stars from %s texts, calibrating on %s", f"{len(train):,}", f"{len(held_out):,}")
    parts = [*train.texts, *held_out.texts], np.concatenate([train.decisions, held_out.decisions])
    encoded = [reader.encode_cached(part.texts) for part in (train, held_out)]
    changes = fingerprint(parts[0], parts[1].tobytes())
    return PreparedStars(encoded[0], train.decisions, encoded[1], held_out.decisions, changes)
