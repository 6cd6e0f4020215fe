"""From a recipe to everything that training needs: splits, targets, tokenizer, token ids."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.contamination import SeenTexts
from sentrec.data.examples import Examples
from sentrec.data.items import weighted_targets
from sentrec.data.labels import ClassMatch
from sentrec.data.locate import is_local
from sentrec.data.splits import Splits, load_splits
from sentrec.data.stars import load_star_texts
from sentrec.data.unlabelled import UnlabelledSplit, load_unlabelled
from sentrec.errors import DataError, RunError
from sentrec.files.parse import read_text
from sentrec.inference.predictor import fingerprint_of
from sentrec.models.contracts import Requirement
from sentrec.models.kinds import kind_of
from sentrec.recipe.schema import Recipe
from sentrec.recipe.sections import NGRAMS_TEACHER
from sentrec.runs.directory import MODEL, TOKENIZER, Run
from sentrec.runs.references import match_source, match_teacher, open_source, open_teacher
from sentrec.text.encoding import EncodedTexts
from sentrec.text.tokenizer import UNKNOWN_ID
from sentrec.text.vocabulary import fingerprint
from sentrec.training.beside import PreparedStars, Sentences, draw_sentences, encode_stars
from sentrec.training.recipe import require_inherited

Targets = npt.NDArray[np.float32]
_MOST_UNKNOWN = 0.5
_LABELS_ALONE = "or learn from labels alone: --set data.rating_column=null --set objective.ratings=0"
_log = logging.getLogger(__name__)


def targets_with_ratings(train: Examples, share: float) -> Targets:
    """Mixes labels with stars, so that a rave is further from a pan than mild praise is from mild blame.

    The class with the more stars on average has the probability (1 - share) · [it is the label] + share · stars, with
    stars from 0, the fewest of all training rows, to 1, the most: float32, shape ``(rows, 2)``. Raises a `DataError` if
    there are more than two classes, or stars do not tell the two apart.
    """
    assert train.ratings is not None  # the recipe's own check: a share has a column
    if len(train.label_names) != 2:
        raise DataError(
            f"objective.ratings learns from stars what tells two classes apart, and the data has "
            f"{len(train.label_names)}: {', '.join(train.label_names)}.",
            f"Keep rows of two classes, {_LABELS_ALONE}",
        )
    ratings = train.ratings.astype(np.float64)
    low, high = ratings.min(), ratings.max()
    means = [ratings[train.labels == label].mean() for label in (0, 1)]
    if means[0] == means[1]:
        constant = f"all are {low:g}" if low == high else f"both average {means[0]:g}"
        raise DataError(
            f"the stars of the training rows do not tell {' from '.join(train.label_names)}: {constant}.",
            f"Is data.rating_column the right one? Name another, {_LABELS_ALONE}",
        )
    liked = int(means[1] > means[0])
    probability = (1.0 - share) * (train.labels == liked) + share * (ratings - low) / (high - low)
    targets = np.empty((len(train), 2), dtype=np.float32)
    targets[:, liked], targets[:, 1 - liked] = probability, 1.0 - probability
    return targets


@dataclass(frozen=True)
class PreparedData:
    """Everything that the loop reads: texts and labels, and the texts encoded."""

    splits: Splits
    tokenizer: str  # learned by the model's kind from the training rows and the unlabelled texts, or the source's
    train: EncodedTexts
    validation: EncodedTexts
    test: EncodedTexts
    seconds: float  # that it took to prepare them
    source: Run | None = None  # the run that the recipe goes on from
    source_classes: ClassMatch | None = None  # its class for each of one's own; None where they are other classes
    unlabelled: EncodedTexts | None = None
    unlabelled_split: UnlabelledSplit | None = None
    sentences: Sentences | None = None
    stars: PreparedStars | None = None
    teacher: Run | None = None  # the run or ensemble that labels the unlabelled texts
    soft_targets: Targets | None = None  # of the training rows, where stars have a say: float32, ``(rows, classes)``
    fingerprint_of_vectors: str | None = None  # of the word vectors that embeddings start from
    vocabulary: int = 0  # how many different tokens the tokenizer knows

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""
        return self.splits.train.label_names

    @property
    def unlabelled_texts(self) -> Sequence[str]:
        """The texts without labels that there are to learn from."""
        return self.unlabelled_split.texts if self.unlabelled_split else ()

    def fingerprints(self) -> dict[str, str]:
        """What changes when any text or label of a split does, by split; of a source or a teacher, when it does."""
        found = {part: getattr(self.splits, part).fingerprint() for part in ("train", "validation", "test")}
        # Apart from the rows, which may be those of a run that knows no stars: the two can be compared, and joined.
        if (ratings := self.splits.train.ratings) is not None:
            found["ratings"] = fingerprint([], ratings.tobytes())
        if self.source:
            found["init"] = self.source.environment["sha256"][MODEL]
        if self.unlabelled_texts:
            found["unlabelled"] = fingerprint(self.unlabelled_texts)
        if self.teacher:
            found["teacher"] = fingerprint_of(self.teacher)
        if self.sentences:
            found["sentences"] = fingerprint(self.sentences.texts, fingerprint_of(self.sentences.teacher))
        if self.stars:
            found["stars"] = self.stars.fingerprint
        return found

    def facts(self) -> dict[str, Any]:
        """Row counts, duplicates and vocabulary coverage, in plain JSON types."""
        splits, unlabelled = self.splits, self.unlabelled_split
        return {
            "train_rows": len(splits.train),
            "validation_rows": len(splits.validation),
            "test_rows": len(splits.test),
            "unlabelled_rows": len(self.unlabelled_texts),
            "train_duplicates": splits.duplicates,
            "test_texts_in_train": splits.overlap,
            "validation_texts_in_train": splits.validation_overlap,
            "test_texts_in_unlabelled": unlabelled.overlap if unlabelled else 0,
            "validation_texts_in_unlabelled": unlabelled.validation_overlap if unlabelled else 0,
            "vocabulary": self.vocabulary,
            "test_unknown_share": round(float((self.test.token_ids == UNKNOWN_ID).mean()), 5),
        }


def prepare(recipe: Recipe, splits: Splits | None = None) -> PreparedData:
    """Reads and divides the recipe's data, unless `splits` are given, tokenizes and encodes it.

    The vectors are opened and the encoder is tried first: what is wrong there should be said before minutes of work.
    Where the recipe goes on from a run, its tokenizer stays, so that words keep their ids.
    """
    started = time.perf_counter()
    name, kind = recipe.objective.teacher, kind_of(recipe)
    source = open_source(recipe.init.run) if recipe.init else None
    if recipe.init and source:
        require_inherited(recipe, source.recipe, recipe.init.run)
    teacher = None if name in (None, NGRAMS_TEACHER) else open_teacher(name)
    kind.check(recipe)  # which fetches what can be fetched
    vectors = require_found(kind.requirements(recipe))
    splits = splits or load_splits(recipe.data)
    soft_targets = _soft_targets(recipe, splits.train)
    names = splits.train.label_names
    source_classes = match_source(recipe.init, source.label_names, names) if recipe.init and source else None
    if teacher and (note := match_teacher(teacher, names).note):
        _log.info("objective.teacher: %s", note)
    if teacher and teacher.recipe.data != recipe.data and is_local(teacher.recipe.data):
        _log_seen_by_teacher(teacher, splits)
    unlabelled = load_unlabelled(recipe.data, splits, besides_train=recipe.init is not None)
    if unlabelled:
        _log_unlabelled(unlabelled, splits)
    sentences = draw_sentences(recipe, splits, unlabelled)
    beside = [*(unlabelled.texts if unlabelled else ()), *(sentences.texts if sentences else ())]
    starred = load_star_texts(recipe.data, splits) if recipe.objective.stars else None
    # Neutral texts bring words of their own.
    known = [*splits.train.texts, *beside, *(starred[0].texts if starred else ())]
    tokenizer = read_text(source.path / TOKENIZER, RunError) if source else kind.learn_tokenizer(recipe, known)
    reader = kind.reader(recipe, tokenizer)
    test = reader.encode_cached(splits.test.texts)
    _warn_of_unknown_words(test)
    return PreparedData(
        splits,
        tokenizer,
        train=reader.encode_cached(splits.train.texts),
        validation=reader.encode_cached(splits.validation.texts),
        test=test,
        source=source,
        source_classes=source_classes,
        unlabelled=reader.encode_cached(beside) if beside else None,
        sentences=sentences,
        stars=encode_stars(reader, *starred) if starred else None,
        unlabelled_split=unlabelled,
        teacher=teacher,
        soft_targets=soft_targets,
        fingerprint_of_vectors=vectors,
        vocabulary=reader.vocabulary_size,
        seconds=time.perf_counter() - started,
    )


def _warn_of_unknown_words(test: EncodedTexts) -> None:
    share = float((test.token_ids == UNKNOWN_ID).mean()) if len(test.token_ids) else 0.0
    if share > _MOST_UNKNOWN:
        _log.warning("the model knows only %.0f%% of the words of the test texts", 100 * (1 - share))


def _soft_targets(recipe: Recipe, train: Examples) -> Targets | None:
    if recipe.task == "rate" and train.ratings is not None:
        levels = np.array(train.label_names, dtype=np.float64)
        return weighted_targets(train.ratings.astype(np.float64), levels, train.votes)
    return targets_with_ratings(train, recipe.objective.ratings) if recipe.objective.ratings else None


def _log_unlabelled(unlabelled: UnlabelledSplit, splits: Splits) -> None:
    counts = {"validation": unlabelled.validation_overlap, "test": unlabelled.overlap}
    for part, count in counts.items():
        if count:
            rows = f"{len(getattr(splits, part)):,}"
            _log.info("%s of %s %s texts also occur among the unlabelled ones", f"{count:,}", rows, part)
    if unlabelled.left_out:
        _log.info("Left out %s unlabelled texts that have a label here", f"{unlabelled.left_out:,}")
    learned = (f"{len(unlabelled.texts):,}", f"{len(splits.train):,}")
    _log.info("Learning from %s unlabelled texts beside %s training rows", *learned)


def _log_seen_by_teacher(teacher: Run, splits: Splits) -> None:
    theirs = load_splits(teacher.recipe.data, say_overlap=False)
    seen = SeenTexts([*theirs.train.texts, *theirs.validation.texts])
    for name, part in (("validation", splits.validation), ("test", splits.test)):
        if count := seen.count(part.texts):
            rows = f"{len(part):,}"
            _log.warning("%s of %s %s texts are among those that the teacher learned from", f"{count:,}", rows, name)


def require_found(needed: Sequence[Requirement]) -> str | None:
    """The fingerprint of the word vectors that a model starts from, or None; raises what is missing on disk."""
    for one in needed:
        if one.problem is not None:
            raise one.problem
    return next((one.fingerprint for one in needed if one.fingerprint), None)
