"""`export`: a run's model made small, checked against the original, and written as a run directory of its own."""

import logging
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.evaluation.rows import RunData
from sentrec.export.agreement import Agreement, Bound, measure_agreement
from sentrec.export.card import Facts, measure_card
from sentrec.export.card_text import card_as_markdown
from sentrec.export.known import CARD, CARD_TEXT
from sentrec.export.reduce import Reduced, reduce_model
from sentrec.files.storage import atomic_directory, write_json, write_text
from sentrec.metrics.calibration import softmax
from sentrec.models.weights import write_tensors
from sentrec.runs import directory as runs
from sentrec.runs.directory import MODEL, STARTER, Run, open_run, read_environment, write_end, write_start
from sentrec.training.run_metrics import calibrated_figures

MOST_MEGABYTES = 5.0
"""What a starter may take on disk, in millions of bytes."""
_FOR_THE_CARD = 40_000
_FEWEST_TO_COMPARE = 1000
"""Of fewer texts, a handful that are read differently says little."""
_MARK = "export"
"""What tells an export's environment and metrics from those of a training."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Export:
    """A model in its small form, written.

    Attributes:
        run: The run that was written.
        agreement: With the original, on the original's validation texts, and test texts where these are few.
        bytes: What each of its files takes.
        card: The model card; None where none was asked for.
    """

    run: Run
    agreement: Agreement
    bytes: dict[str, int]
    card: dict[str, Any] | None

    @property
    def megabytes(self) -> float:
        """What it takes on disk, in millions of bytes."""
        return sum(self.bytes.values()) / 1e6


def export_model(
    run: str | Path | Run,
    out: str | Path,
    max_megabytes: float = MOST_MEGABYTES,
    vocabulary: int | None = None,
    bound: Bound | None = None,
) -> Export:
    """Writes a run's model in a small form: a run directory that predicts, evaluates and ranks as any other does.

    Weights become bytes, and n-grams and words that do not fit are dropped: see `sentrec.export.reduce.reduce_model`.
    Of a run that went on from a model, the texts which that had learned from are not read: what is dropped then is
    chosen by weight more than by use, and costs more.
    The temperature is fitted anew on the run's validation rows, but that of a run that went on from a model, which was
    fitted on other rows, stays; figures of validation and test are measured anew.

    Args:
        run: The run, or what `find_model` takes; of a group of seeds, the one that validated best.
        out: The new directory; an earlier export there is replaced.
        max_megabytes: Most that it may take on disk, in millions of bytes.
        vocabulary: Most words to keep; None: as many as fit.
        bound: How far it has to agree with the original on the run's validation texts; where these are few, on its
            test texts, too.

    Returns:
        What was written.

    Raises:
        RunError: If the run is missing, unfinished, altered or an ensemble.
        DataError: If the run's data cannot be read again.
        SentrecError: If the bound or the size is not kept (nothing is written then), or `out` holds anything else.
    """
    return _export(run, Path(out), max_megabytes, vocabulary, bound or Bound(), with_card=False)


def export_starter(
    run: str | Path | Run,
    out: str | Path | None = None,
    max_megabytes: float = MOST_MEGABYTES,
    vocabulary: int | None = None,
    bound: Bound | None = None,
) -> Export:
    """Writes a run's model in a small form together with its card: what ``starter`` means.

    Args:
        run: As of `export_model`, like all others.
        out: The new directory; None: the place of the starter in the checkout that sentrec runs from.
        max_megabytes: Most that it may take on disk, the card included.
        vocabulary: Most words to keep; None: as many as fit.
        bound: How far it has to agree with the original.

    Returns:
        What was written.

    Raises:
        RunError: If the run is missing, unfinished, altered or an ensemble, or does not tell what is positive.
        DataError: If the run's data cannot be read again.
        SentrecError: If the bound or the size is not kept (nothing is written then), or `out` holds anything else.
    """
    place = Path(out) if out is not None else _place_in_checkout()
    return _export(run, place, max_megabytes, vocabulary, bound or Bound(), with_card=True)


def _place_in_checkout() -> Path:
    place = runs.BUILTIN_MODELS[STARTER]
    if not (place.parents[1] / "pyproject.toml").is_file():
        raise SentrecError("sentrec does not run from a checkout of its source.", "Name a folder: --out DIR")
    return place


def _export(
    given: str | Path | Run,
    out: Path,
    max_megabytes: float,
    vocabulary: int | None,
    bound: Bound,
    with_card: bool,
) -> Export:
    run = given if isinstance(given, Run) else open_run(given)
    if run.members:
        raise RunError(f"{run.path} is an ensemble, and no single model.", "Distil it into one, and export that.")
    _require_free(out, run)
    data = RunData(run)
    room = int(max_megabytes * 1e6) - _beside(run) - (_FOR_THE_CARD if with_card else 0)
    texts = _texts_of_ngrams(run, data)
    _log.info("Choosing words and n-grams by %s texts", f"{len(texts):,}")
    reduced = reduce_model(run, texts, room, vocabulary)
    with atomic_directory(out) as temporary:
        _write(run, reduced, temporary, run.metrics)
        agreement, metrics = _measure(run, reduced, temporary, data)
        agreement.require(bound)
        write_end(temporary, run.history, metrics)
        card = _write_card(run, reduced, temporary, agreement, bound) if with_card else None
        taken = _sizes(temporary)
        if sum(taken.values()) > max_megabytes * 1e6:
            size = f"{sum(taken.values()) / 1e6:.2f} MB"
            raise SentrecError(f"the model takes {size}, more than {max_megabytes:g}.", "Allow more: --max-megabytes")
    return Export(open_run(out), agreement, taken, card)


def _texts_of_ngrams(run: Run, data: RunData) -> list[str]:
    """The texts that the run's n-grams were learned from: those of unlabelled ones are as dear to it."""
    ngrams, texts = run.recipe.model.ngrams, list(data.training_rows().texts)
    learned = ngrams is not None and (ngrams.pseudo_labels or ngrams.lsa is not None or run.recipe.init is not None)
    return texts + data.unlabelled_texts() if learned else texts


def _require_free(out: Path, run: Run) -> None:
    """Refuses a folder that holds anything but an earlier export, since it will be replaced."""
    if out.is_dir() and any(out.iterdir()):
        is_export = runs.holds_run(out) and _MARK in read_environment(out)
        if not is_export or run.path.resolve().is_relative_to(out.resolve()):
            raise SentrecError(f"{out} holds something else than an earlier export.", "Choose another --out.")
        own = {*runs.RECORDED, runs.ENVIRONMENT, CARD, CARD_TEXT}
        strange = sorted(path.name for path in out.iterdir() if path.name not in own and path.suffix != ".part")
        if strange:
            raise SentrecError(f"{out} holds {strange[0]}, which would be lost.", "Choose another --out.")


def _beside(run: Run) -> int:
    """Bytes of what is written beside weights and tokenizer; the figures grow by some hundred bytes."""
    names = (runs.RECIPE, runs.LABELS, runs.METRICS, runs.HISTORY, runs.ENVIRONMENT)
    return sum((run.path / name).stat().st_size for name in names) + 4000


def _write(run: Run, reduced: Reduced, directory: Path, metrics: dict[str, Any]) -> None:
    environment = read_environment(run.path)
    origin = {"model_sha256": environment.pop("sha256")[MODEL], "sentrec": metadata.version("sentrec")}
    counts = {"words": reduced.words, "ngrams": reduced.ngrams}
    environment |= {"parameters": _parameters(run, reduced), _MARK: origin | counts}
    write_start(directory, run.recipe, run.label_names, reduced.tokenizer.to_str(), environment)
    write_tensors(directory / MODEL, reduced.tensors, reduced.metadata)
    write_end(directory, run.history, metrics)


def _parameters(run: Run, reduced: Reduced) -> int:
    return int(run.metrics["parameters"]) - (reduced.words_before - reduced.words) * reduced.dim


def _measure(run: Run, reduced: Reduced, directory: Path, data: RunData) -> tuple[Agreement, dict[str, Any]]:
    """What the written model keeps of the original's predictions, and the figures that it has itself."""
    from sentrec.inference.predictor import load

    validation, test = data.part("validation"), data.part("test")
    # No label is asked for; n-grams were chosen by training texts, which would flatter.
    compared = [*validation.texts, *(test.texts if len(validation) < _FEWEST_TO_COMPARE else ())]
    _log.info("Comparing with the original on %s of its texts", f"{len(compared):,}")
    small = load(directory)
    logits = small.logits(validation.texts)
    # After it had gone on from a model it was calibrated on training rows held out in turn, which cannot be done again.
    known = run.metrics["calibration"]["temperature"] if run.recipe.init else None
    figures = calibrated_figures(validation, logits, test, small.logits(test.texts), temperature=known)
    probabilities = softmax(small.logits(compared), figures["calibration"]["temperature"])
    agreement = measure_agreement(load(run).predict_proba(compared), probabilities)
    measured = figures | {
        "parameters": _parameters(run, reduced),
        _MARK: {
            "agreement": agreement.to_dict(),
            "test_accuracy_of_original": run.metrics["test"]["accuracy"],
            "words": {"kept": reduced.words, "of": reduced.words_before},
            "ngrams": {"kept": reduced.ngrams, "of": reduced.ngrams_before},
        },
    }
    return agreement, run.metrics | measured


def _write_card(run: Run, reduced: Reduced, directory: Path, agreement: Agreement, bound: Bound) -> dict[str, Any]:
    facts = Facts(agreement, bound, reduced.words, reduced.words_before, reduced.ngrams, reduced.ngrams_before)
    card = measure_card(open_run(directory), run, facts, _sizes(directory))
    write_json(directory / CARD, card)
    write_text(directory / CARD_TEXT, card_as_markdown(card))
    return card


def _sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}
