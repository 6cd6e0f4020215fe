"""`export`: a run's model quantized, checked against the original, and written as a run directory of its own."""

import logging
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.evaluation.rows import RunData
from sentrec.export.card import card_as_markdown, measure_card
from sentrec.export.known import CARD, CARD_TEXT
from sentrec.export.measure import Agreement, Bound, measure_agreement
from sentrec.files.storage import atomic_directory, write_json, write_text
from sentrec.inference.predictor import load
from sentrec.metrics.calibration import softmax
from sentrec.models.weights import quantize, read_tensors, write_tensors
from sentrec.runs import directory as runs
from sentrec.runs.directory import MODEL, STARTER, TOKENIZER, Run, look_at, open_run
from sentrec.runs.writing import write_end, write_start
from sentrec.training.finish import calibrated_metrics

MAX_MEGABYTES = 8.0
"""Default of the largest size on disk, in millions of bytes."""
_FEWEST_TO_COMPARE = 1000
"""With fewer texts, the proportion of changed labels is too uncertain."""
_MARK = "export"
"""The key that tells an export's environment and metrics from those of a training."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Export:
    """A quantized model, written."""

    run: Run  # the run that was written
    agreement: Agreement  # with the original, on the original's validation texts, and test texts where these are few
    bytes: dict[str, int]  # size of each of its files
    card: dict[str, Any] | None  # the model card; None where none was asked for

    @property
    def megabytes(self) -> float:
        """Its size on disk, in millions of bytes."""
        return sum(self.bytes.values()) / 1e6


def export_model(
    run: str | Path | Run,
    out: str | Path,
    max_megabytes: float = MAX_MEGABYTES,
    bound: Bound | None = None,
    with_card: bool = False,
) -> Export:
    """Writes a run's model with quantized weights: a run directory that predicts, evaluates and ranks as any other.

    Large tensors become int8, the others float16, see `sentrec.models.weights`. Temperature and metrics are
    measured anew; only the temperature of a fine-tuned run (`init`) stays, since it was fitted on other rows.

    Args:
        run: The run, or what `find_model` takes; of a group of seeds, the one that validated best.
        out: The new directory; an earlier export there is replaced.
        max_megabytes: Largest size on disk, in millions of bytes, without a card.
        bound: How far it has to agree with the original.
        with_card: Whether to measure and write a model card.

    Raises:
        RunError: If the run is missing, unfinished, altered or an ensemble; for a card, if no class is positive.
        DataError: If the run's data cannot be read again.
        SentrecError: If the bound or the size is not kept (nothing is written then), or `out` holds anything else.
    """
    run, out, bound = run if isinstance(run, Run) else open_run(run), Path(out), bound or Bound()
    if run.members:
        raise RunError(f"{run.path} is an ensemble, and no single model.", "Distil it into one, and export that.")
    if run.recipe.data.facts is not None:
        raise RunError(f"{run.place} rates items by their facts: there are no weights to quantize.", "Use it as it is.")
    _require_free(out, run)
    with atomic_directory(out) as temporary:
        _write(run, temporary)
        _require_size(temporary, max_megabytes)
        agreement, metrics = _measure(run, temporary)
        agreement.require(bound)
        write_end(temporary, run.history, metrics)
        card = measure_card(open_run(temporary), run, agreement, bound, _sizes(temporary)) if with_card else None
        if card:
            write_json(temporary / CARD, card)
            write_text(temporary / CARD_TEXT, card_as_markdown(card))
        sizes = _sizes(temporary)
    return Export(open_run(out), agreement, sizes, card)


def starter_directory() -> Path:
    """The folder of the starter model in the checkout that sentrec runs from; a `SentrecError` if there is none."""
    place = runs.BUILTIN_MODELS[STARTER]
    if not (place.parents[1] / "pyproject.toml").is_file():
        raise SentrecError("sentrec does not run from a checkout of its source.", "Name a folder: --out DIR")
    return place


def _require_free(out: Path, run: Run) -> None:
    """Refuses a folder that holds anything but an earlier export, since it will be replaced."""
    if out.is_dir() and any(out.iterdir()):
        found = look_at(out)
        if found is None or _MARK not in found.environment or run.path.resolve().is_relative_to(out.resolve()):
            raise SentrecError(f"{out} holds something else than an earlier export.", "Choose another --out.")
        own = {*runs.RECORDED, runs.ENVIRONMENT, CARD, CARD_TEXT}
        strange = sorted(path.name for path in out.iterdir() if path.name not in own and path.suffix != ".part")
        if strange:
            raise SentrecError(f"{out} holds {strange[0]}, which would be lost.", "Choose another --out.")


def _write(run: Run, directory: Path) -> None:
    weights, _ = read_tensors(run.path / MODEL)
    try:
        quantized = quantize(weights)
    except ValueError as error:
        raise RunError(f"The weights of {run.path} cannot be quantized: {error}.", "Train it again.") from error
    environment = dict(run.environment)
    origin = {"model_sha256": environment.pop("sha256")[MODEL], "sentrec": metadata.version("sentrec")}
    tokenizer = (run.path / TOKENIZER).read_text(encoding="utf-8")
    write_start(directory, run.recipe, run.label_names, tokenizer, environment | {_MARK: origin})
    write_tensors(directory / MODEL, *quantized)
    write_end(directory, run.history, run.metrics)


def _require_size(directory: Path, max_megabytes: float) -> None:
    if (megabytes := sum(_sizes(directory).values()) / 1e6) > max_megabytes:
        raise SentrecError(
            f"The model takes {megabytes:.2f} MB, more than {max_megabytes:g}.",
            "Allow more with --max-megabytes, or train with fewer words (text.vocabulary_size) or n-grams "
            "(model.ngrams.table_bits).",
        )


def _measure(run: Run, directory: Path) -> tuple[Agreement, dict[str, Any]]:
    """How far the written model agrees with the original, and its own metrics."""
    data = RunData(run)
    validation, test = data.part("validation"), data.part("test")
    compared = [*validation.texts, *(test.texts if len(validation) < _FEWEST_TO_COMPARE else ())]
    _log.info("Comparing with the original on %s of its texts", f"{len(compared):,}")
    small = load(directory)
    # A fine-tuned run (`init`) was calibrated by cross-fitting, a balanced one before that: it cannot be repeated here.
    is_known = run.recipe.init or "balance" in run.metrics
    known = run.metrics["calibration"]["temperature"] if is_known else None
    metrics = calibrated_metrics(
        validation, small.logits(validation.texts), test, small.logits(test.texts), temperature=known
    )
    probabilities = softmax(small.logits(compared), metrics["calibration"]["temperature"])
    agreement = measure_agreement(load(run).predict_proba(compared), probabilities)
    compared_with = {"agreement": agreement.to_dict(), "test_accuracy_of_original": run.metrics["test"]["accuracy"]}
    return agreement, run.metrics | metrics | {_MARK: compared_with}


def _sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}
