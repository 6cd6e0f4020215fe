"""`evaluate`: a finished run, measured on labelled data, compared in pairs, drawn and written down."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.examples import Examples
from sentrec.data.formats import looks_like_file, same_file
from sentrec.data.writers import check_table_name, table_writer
from sentrec.errors import RunError, SentrecError
from sentrec.evaluation import plots as plotting
from sentrec.evaluation.rows import EvaluationRows, RunData, class_notes, group_notes
from sentrec.evaluation.samples import SamplePrediction, predictions_for, random_rows, surest_mistakes
from sentrec.explain.faithfulness import faithfulness
from sentrec.files.storage import atomic_directory, write_json
from sentrec.inference.lines import unknown_share, unknown_warning
from sentrec.inference.prediction import in_classes
from sentrec.inference.predictor import Predictor, load
from sentrec.metrics.classification import checked_predictions, classification_metrics, star_errors
from sentrec.metrics.comparison import Comparison, compare_paired
from sentrec.ngrams.baselines import Baseline, make_baseline
from sentrec.recipe.sections import DataConfig
from sentrec.runs.directory import Run, open_run

EVALUATION = "evaluation.json"
TRAINING_CURVES = "training_curves.png"
PLOTS = (TRAINING_CURVES, "confusion_matrix.png", "reliability.png", "roc.png")
_LOOKED_AT = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        run: Directory of the run, or the name of a model that comes with sentrec.
        name: Name of the run's recipe, or that name.
        data: Name or file of the data.
        split: Its split.
        label_names: Names of the classes in the order of their numbers.
        metrics: As `sentrec.metrics.classification.classification_metrics` gives them.
        samples: Predictions for a few random texts.
        mistakes: The wrong predictions of which the model was surest.
        comparisons: Against another run, a baseline, or both, on the same rows.
        notes: What a reader has to know of the data, in sentences.
        directory: Where `evaluation.json` and the plots lie.
        plots: File names of the plots.
        explanations: How true explanations are, as `sentrec.explain.faithfulness` measures it; None: nobody asked.
    """

    run: str
    name: str
    data: str
    split: str
    label_names: tuple[str, ...]
    metrics: dict[str, Any]
    samples: tuple[SamplePrediction, ...]
    mistakes: tuple[SamplePrediction, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    directory: str
    plots: tuple[str, ...]
    explanations: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The evaluation in plain JSON types."""
        values = asdict(self)
        values["comparisons"] = [comparison.to_dict() for comparison in self.comparisons]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def evaluate(
    run: str | Path | Run,
    data: str | Path | DataConfig | None = None,
    split: str = "test",
    against: str | Path | Run | None = None,
    baseline: str | None = None,
    plots: bool = True,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    predictions: Path | None = None,
    explanations: int = 0,
    classes: int | None = None,
) -> Evaluation:
    """Measures a finished run on labelled data and writes `evaluation.json` and the plots.

    Args:
        run: The run or ensemble, or its directory; of a group of seeds, the one that validated best.
        data: A named dataset, a file, or a data section; by default the run's own data, with the rows it held out.
        split: Which split; does not matter for a file.
        against: Another run, to compare with on the same rows.
        baseline: ``nb-lr`` or ``tfidf-lr``: trained on the rows that the run was trained on, then compared with.
        plots: Whether to draw.
        out: Where to write; by default ``evaluation/<data>-<split>`` within the run, or ``runs/starter``.
        overrides: ``key=value`` pairs that describe `data`, such as ``data.label_column=stars``.
        predictions: Where to write the answer to each row: .csv, .jsonl, .parquet or .xlsx; None: nowhere.
        explanations: On how many of the rows, drawn at random, to measure how true explanations are.
        classes: 3: with neutral between a model's two classes; 5: one to five stars; None: the model's own classes.

    Raises:
        SentrecError: If a run, the data, an override or `out` cannot be used, or the run does not know a label.
    """
    _check_predictions(predictions, data)
    given, run = run, run if isinstance(run, Run) else open_run(run)
    rival = open_run(against) if isinstance(against, str | Path) else against
    picked = [*group_notes(given, run), *group_notes(against, rival)]
    models = {} if baseline is None else {baseline: make_baseline(baseline)}
    run_data = _data_in_classes(run, classes, is_compared=against is not None or baseline is not None)
    rows = run_data.evaluation_rows(data, split, overrides)
    directory, examples, names = _free_directory(run, rows, out), rows.examples, run_data.label_names
    probabilities = _probabilities(predictor := load(run), examples, names)
    answers = examples.texts, examples.labels, probabilities, names
    metrics = classification_metrics(*answers[1:]) | _star_metrics(*answers[1:])
    result = Evaluation(
        run=run.place,
        name=_name(run),
        data=rows.source,
        split=split,
        label_names=names,
        metrics=metrics,
        samples=predictions_for(random_rows(len(examples)), *answers),
        mistakes=predictions_for(surest_mistakes(examples.labels, probabilities), *answers),
        comparisons=_comparisons(run_data, rival, models, rows, probabilities.argmax(axis=1)),
        notes=(*picked, *rows.notes, *_rival_notes(run_data, rival, rows), *class_notes(metrics, names)),
        directory=str(directory),
        plots=_plots_of(run) if plots else (),
        explanations=_explanations(predictor, examples.texts, explanations),
    )
    _write(result, run, rows, probabilities)
    _write_predictions(predictions, examples, probabilities, names)
    return result


def _check_predictions(path: Path | None, data: str | Path | DataConfig | None) -> None:
    if path is not None:
        check_table_name(path)
        if isinstance(data, str | Path) and same_file(data, path):
            raise SentrecError(f"--predictions {path} would overwrite the data.", "Choose another name.")


def _data_in_classes(run: Run, classes: int | None, is_compared: bool) -> RunData:
    """The run's data, to be matched with that many classes."""
    data = RunData(run)
    if classes and classes != len(run.label_names):
        if is_compared:
            raise RunError("runs and baselines are compared in the run's own classes.", "Leave --classes out.")
        data.label_names = in_classes(np.empty((0, 5)), classes, run.label_names)[0]
    return data


def _write(result: Evaluation, run: Run, rows: EvaluationRows, probabilities: npt.NDArray[np.float64]) -> None:
    with atomic_directory(Path(result.directory)) as temporary:
        if result.plots:
            _draw(temporary, run, rows, result.metrics, probabilities)
        write_json(temporary / EVALUATION, result.to_dict())


def _explanations(predictor: Predictor, texts: Sequence[str], count: int) -> dict[str, Any] | None:
    if not count:
        return None
    drawn = np.random.default_rng(0).permutation(len(texts))[:count]
    return faithfulness(predictor, [texts[row] for row in drawn]).to_dict()


def _write_predictions(
    path: Path | None, examples: Examples, probabilities: npt.NDArray[np.float64], names: Sequence[str]
) -> None:
    if path is None:
        return
    with table_writer(path) as write:
        for start in range(0, len(examples), _LOOKED_AT):
            rows = slice(start, start + _LOOKED_AT)
            parts = zip(examples.texts[rows], examples.labels[rows], probabilities[rows], strict=True)
            write(
                [
                    {"text": text, "label": names[label], "predicted_label": names[int(row.argmax())]}
                    | {"probability": round(float(row.max()), 6)}
                    for text, label, row in parts
                ]
            )


def _rival_notes(run_data: RunData, rival: Run | None, rows: EvaluationRows) -> list[str]:
    if rival is None or rival.path == run_data.run.path:
        return []
    note = run_data.beside(rival).overlap(rows.examples, _names(run_data.run, rival)[1])
    return [note] if note else []


def _probabilities(predictor: Predictor, examples: Examples, label_names: Sequence[str]) -> npt.NDArray[np.float64]:
    """A run's probabilities, with the columns in the order of `label_names`."""
    run = predictor.run
    is_other = len(label_names) != len(run.label_names)
    if not is_other and set(run.label_names) != set(label_names):
        raise RunError(
            f"the runs do not know the same classes: {', '.join(label_names)}, but {run.place}: "
            f"{', '.join(run.label_names)}."
        )
    _log.info("classifying %s texts with %s", f"{len(examples):,}", run.place)
    if message := unknown_warning(unknown_share(predictor, examples.texts[:_LOOKED_AT])):
        _log.warning(message)
    if is_other:
        probabilities = in_classes(predictor.predict_stars(examples.texts)[1], len(label_names), run.label_names)[1]
    else:
        columns = [run.label_names.index(name) for name in label_names]
        probabilities = predictor.predict_proba(examples.texts)[:, columns]
    return checked_predictions(examples.labels, probabilities, len(label_names))[1]


def _star_metrics(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], names: Sequence[str]
) -> dict[str, float]:
    return star_errors(labels, probabilities) if tuple(names) == ("1", "2", "3", "4", "5") else {}


def _comparisons(
    run_data: RunData,
    rival: Run | None,
    models: Mapping[str, Baseline],
    rows: EvaluationRows,
    predicted: npt.NDArray[np.int64],
) -> tuple[Comparison, ...]:
    run, examples = run_data.run, rows.examples
    own_name, rival_name = _names(run, rival)
    others = {} if rival is None else {rival_name: _probabilities(load(rival), examples, run.label_names)}
    for name, model in models.items():
        train, started = run_data.part("train"), time.perf_counter()
        model.fit(train.texts, train.labels, len(train.label_names))
        _log.info("trained the baseline on %s texts in %.1f s", f"{len(train):,}", time.perf_counter() - started)
        others[name] = model.predict_proba(examples.texts)
    return tuple(
        compare_paired(examples.labels, predicted, other.argmax(axis=1), (own_name, name))
        for name, other in others.items()
    )


def _names(run: Run, rival: Run | None) -> tuple[str, str]:
    """What to call a run and its rival: by their names, or where these have one name, by their directories."""
    if rival is None or _name(rival) != _name(run):
        return _name(run), _name(rival) if rival else ""
    return run.place, rival.place


def _name(run: Run) -> str:
    return run.builtin_name or run.recipe.name


def _free_directory(run: Run, rows: EvaluationRows, out: str | Path | None) -> Path:
    """Where to write; refuses a folder that holds anything but an earlier evaluation, since it will be replaced."""
    name = Path(rows.source).stem if looks_like_file(rows.source) else rows.source.replace("/", "-")
    # A model that comes with sentrec must stay as it is.
    home = run.path if run.builtin_name is None else Path("runs") / run.builtin_name
    directory = Path(out) if out is not None else home / "evaluation" / f"{name}-{rows.split}"
    if directory.exists() and not directory.is_dir():
        raise SentrecError(f"{directory} exists and is no folder.", "Choose another --out.")
    others = {path.name for path in directory.glob("*")} - {EVALUATION, *PLOTS}
    if others:
        raise SentrecError(f"{directory} holds other files, such as {min(others)}.", "Choose a new folder as --out.")
    return directory


def _plots_of(run: Run) -> tuple[str, ...]:
    # An ensemble was not trained, only its members were.
    return tuple(name for name in PLOTS if not (run.members and name == TRAINING_CURVES))


def _draw(
    directory: Path, run: Run, rows: EvaluationRows, metrics: dict[str, Any], probabilities: npt.NDArray[np.float64]
) -> None:
    names, labels = rows.examples.label_names, rows.examples.labels
    title = f"{_name(run)} on {rows.title}"
    figures = [
        plotting.confusion_matrix(metrics["confusion_matrix"], names, title),
        plotting.reliability_diagram(labels, probabilities, title),
        plotting.roc_curves(labels, probabilities, names, title),
    ]
    if not run.members:
        validated = float(run.metrics["validation"]["accuracy"])
        figures.insert(0, plotting.training_curves(run.history, _name(run), validated))
    for figure, name in zip(figures, _plots_of(run), strict=True):
        plotting.save_png(figure, directory / name)
