"""The report of a transfer study: `report.md` with its plots, `table.csv` and `results.json`."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import yaml

from sentrec.evaluation.drawing import save_png
from sentrec.files.storage import write_json, write_text
from sentrec.transfer import plots
from sentrec.transfer.analysis import Row, table
from sentrec.transfer.arms import ARM_MEANINGS
from sentrec.transfer.differences import Differences, Review, only_one_right
from sentrec.transfer.markdown import code_block, escaped, markdown_table
from sentrec.transfer.results import BASELINE, TRANSFER_ARMS, Budget, Study, Target
from sentrec.transfer.verdict import verdicts
from sentrec.transfer.wording import arm_name, label_count, points, seed_count, with_interval

REPORT = "report.md"
TABLE = "table.csv"
RESULTS = "results.json"

# A study need not have GloVe: how the baseline starts is up to the target's recipe.
_MEANINGS = {**ARM_MEANINGS, BASELINE: "trained on the target alone, as its recipe starts it: the baseline"}
_HEADINGS = (
    "labels",
    "arm",
    "accuracy",
    f"difference to {BASELINE}, points (95 % interval)",
    f"epochs to {BASELINE}'s best",
    f"seconds to {BASELINE}'s best",
    "train less test, points",
    "seconds",
)
_RIGHT = (0, 2, 3, 4, 5, 6, 7)
_MEASURED = (
    "**Labels.** A budget of N labels holds all labels that an arm sees, those of its validation rows included; the "
    "linear models select nothing and learn from all N. The rows are stratified by class. With one seed, every arm "
    "gets the same rows, and a smaller budget is part of a larger one. `all` holds every row that `sentrec train` "
    "would use.",
    "**Accuracy.** Mean ± standard deviation over the seeds, on the whole test split, with the weights that the "
    "recipe's `select` names: of the last step, unless it says otherwise. A linear model that gets all labels has no "
    "spread: every seed gives it the same rows.",
    f"**Difference.** Mean accuracy less that of `{BASELINE}` with the same labels, over the seeds that both have. The "
    "95 % interval is paired: both arms are judged on the same test rows, seed by seed. It covers the choice of the "
    "test rows and, with two seeds or more, what differs from seed to seed: the labelled rows, the initial weights, "
    "their order. With one seed it covers the test rows alone. Two made-up rows, one in favour of either arm, keep a "
    "small test split from seeming certain. The interval does not cover the choice of data sets and recipe, nor, where "
    "the source is a finished run, how that run came out: it serves every seed.",
    f"**Convergence.** Epochs and seconds of training until the validation accuracy first reaches the best one of "
    f"`{BASELINE}` with the same labels and seed: the median of the seeds that get there. Where fewer than half of "
    "them do, only their number stands.",
    "**Train less test.** Accuracy on the rows that an arm learned from (2,000 of them at most) less accuracy on the "
    "test rows: the generalisation gap.",
    "**Seconds.** Training and scoring, without the preparation of the data (tokens, n-gram counts) and the training "
    "of the sources.",
)


def write_report(study: Study) -> None:
    """Writes the report of a study into its directory, in place of an older one.

    `report.md` begins with the verdict and embeds the plots. `table.csv` and `results.json` hold the same figures for
    programs.

    Raises:
        SentrecError: If the disk is full or may not be written.
    """
    rows = table(study.targets, study.results)
    sentences = verdicts(rows)
    study.path.mkdir(parents=True, exist_ok=True)
    drawn = _Plots(study, rows)
    drawn.write()
    write_text(study.path / TABLE, _csv(rows))
    write_json(study.path / RESULTS, _facts(study, rows, sentences))
    write_text(study.path / REPORT, _markdown(study, rows, sentences, drawn))


class _Plots:
    """The plots of a study: which there are, and what their files are called."""

    def __init__(self, study: Study, rows: Sequence[Row]) -> None:
        self.study, self.rows = study, rows
        self.alone = len(study.targets) == 1

    def label_efficiency(self, target: Target) -> str:
        return _file_name("label-efficiency", *self._of(target))

    def convergence(self, target: Target) -> dict[Budget, str]:
        """By budget."""
        cells = [result.cell for result in self.study.results if result.cell.target == target.name and result.history]
        budgets = [row.budget for row in self.rows if row.target == target.name]
        trained = {cell.budget for cell in cells if cell.arm in (BASELINE, *TRANSFER_ARMS)}
        return {
            budget: _file_name("convergence", *self._of(target), str(budget))
            for budget in dict.fromkeys(budgets)
            if budget in trained
        }

    def matrices(self) -> dict[tuple[str, Budget], str]:
        """By arm and budget; none where there is one source and one target."""
        compared = [row for row in self.rows if row.arm in TRANSFER_ARMS and row.difference is not None]
        if len({(row.source, row.target) for row in compared}) < 2:
            return {}
        budgets = dict.fromkeys(sorted((row.budget for row in compared), key=lambda one: (one == "all", one)))
        shown = {(row.arm, row.budget) for row in compared}
        arms = [arm for arm in TRANSFER_ARMS if any(arm == other for other, _ in shown)]
        return {
            (arm, budget): _file_name("matrix", arm, str(budget))
            for arm in arms
            for budget in budgets
            if (arm, budget) in shown
        }

    def write(self) -> None:
        path = self.study.path
        for target in self.study.targets:
            save_png(plots.label_efficiency(self.rows, target.name), path / self.label_efficiency(target))
            for budget, name in self.convergence(target).items():
                save_png(plots.convergence(self.study.results, target.name, budget), path / name)
        for (arm, budget), name in self.matrices().items():
            save_png(plots.matrix(self.rows, budget, arm), path / name)

    def _of(self, target: Target) -> list[str]:
        return [] if self.alone else [target.name]


def _file_name(*parts: str) -> str:
    return "-".join(re.sub(r"[^\w.]+", "-", part).strip("-.") for part in parts) + ".png"


def _csv(rows: Sequence[Row]) -> str:
    names = [field.name for field in fields(Row) if field.name not in ("interval", "contrasts")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, "interval_low", "interval_high"])
    for row in rows:
        writer.writerow([*(getattr(row, name) for name in names), *(row.interval or (None, None))])
    return text.getvalue()


def _facts(study: Study, rows: Sequence[Row], sentences: Sequence[str]) -> dict[str, Any]:
    return {
        "name": study.name,
        "description": study.description,
        "command": _remake(study),
        "verdict": list(sentences),
        "notes": list(study.notes),
        "targets": [
            {
                "name": target.name,
                "label_names": list(target.label_names),
                "train_rows": target.train_rows,
                "test_rows": len(target.texts),
            }
            for target in study.targets
        ],
        "seeds": sorted({result.cell.seed for result in study.results}),
        "rows": [asdict(row) for row in rows],
        "recipe": study.recipe_yaml,
    }


def _markdown(study: Study, rows: Sequence[Row], sentences: Sequence[str], drawn: _Plots) -> str:
    parts = [f"# {escaped(study.name)}", escaped(study.description)]
    parts += ["## Verdict", _list(sentences)]
    parts += ["## Noticed", _list(study.notes)] if study.notes else []
    for target in study.targets:
        own = [row for row in rows if row.target == target.name]
        parts += _target_section(target, own, drawn)
        differences = only_one_right(rows, study.results, target)
        if differences is not None:
            parts += _differences_section(differences, own)
    parts += _matrix_section(drawn)
    arms = dict.fromkeys(row.arm for row in rows)
    parts += ["## Arms", "\n".join(f"- `{arm}`: {escaped(_MEANINGS[arm])}." for arm in arms)]
    parts += ["## How it was measured", *_MEASURED, _learning_rates(study)]
    parts += ["## How to remake it", "In place of what is there:", code_block("sh", _remake(study))]
    parts += [
        "The study's own recipe, its defaults filled in; the recipes that it names stand expanded in `study.json`:",
        code_block("yaml", study.recipe_yaml),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def _remake(study: Study) -> str:
    """The study's command names its own directory, which is taken by now."""
    return f"{study.command} --force"


def _learning_rates(study: Study) -> str:
    """Where arms learn at other rates than the baseline: a difference may come from those, too."""
    recipe = yaml.safe_load(study.recipe_yaml) or {}
    arms = {result.cell.arm for result in study.results}
    factors = {arm: recipe.get(arm, {}).get("learning_rate_factor", 1.0) for arm in TRANSFER_ARMS if arm in arms}
    if all(factor == 1.0 for factor in factors.values()):
        return ""
    if len(set(factors.values())) == 1:
        learn = f"The transferred arms learn at {next(iter(factors.values())):g} times the target recipe's rate"
    else:
        learn = "; ".join(
            f"`{arm}` learns at {factor:g} times the target recipe's rate" for arm, factor in factors.items()
        )
    slower = " (`gradual`: its head; lower layers are slower)" if "gradual" in factors else ""
    return f"**Learning rates.** {learn}{slower}; `{BASELINE}` at that rate itself."


def _target_section(target: Target, rows: Sequence[Row], drawn: _Plots) -> list[str]:
    seeds = max((row.seeds for row in rows), default=0)
    sources = dict.fromkeys(row.source for row in rows if row.source is not None)
    facts = f"{len(target.texts):,} test rows; `all` is {target.train_rows:,} labels; {seed_count(seeds)}"
    if sources:
        facts += f"; from {', '.join(map(escaped, sources))}"
    name = escaped(target.name)
    parts = [f"## {name}", f"{facts}.", markdown_table(_HEADINGS, _RIGHT, _lines(rows, len(sources) > 1))]
    parts.append(f"![Accuracy on {name} by number of labels]({drawn.label_efficiency(target)})")
    parts += [
        f"![Convergence on {name}, {label_count(budget)}]({file})" for budget, file in drawn.convergence(target).items()
    ]
    return parts


def _lines(rows: Sequence[Row], several_sources: bool) -> Iterable[list[str]]:
    for row in rows:
        yield [
            f"{row.labels:,}",
            _arm(row.arm, row.source if several_sources else None),
            f"{row.accuracy:.4f}" + ("" if row.sd is None else f" ± {row.sd:.4f}"),
            with_interval(row.difference, row.interval),
            _arrival(row, row.epochs_to_baseline),
            _arrival(row, row.seconds_to_baseline),
            "" if row.gap is None else points(row.gap, 1),
            f"{row.seconds:,.1f}",
        ]


def _arm(arm: str, source: str | None) -> str:
    return arm_name(f"`{arm}`", None if source is None else escaped(source))


def _arrival(row: Row, value: float | None) -> str:
    if row.reached is None:
        return ""
    reached = f"{row.reached} of {seed_count(row.seeds)}"
    if value is None:
        return reached
    return f"{value:.1f}" + (f" ({reached})" if row.reached < row.seeds else "")


def _matrix_section(drawn: _Plots) -> list[str]:
    images = [
        f"![Difference of {arm} to {BASELINE} with {label_count(budget)}, sources by targets]({file})"
        for (arm, budget), file in drawn.matrices().items()
    ]
    return ["## Sources and targets", *images] if images else []


def _differences_section(found: Differences, rows: Sequence[Row]) -> list[str]:
    several = len({row.source for row in rows if row.source is not None}) > 1
    transfer = _arm(found.arm, found.source if several else None)
    agreed = "with its one seed" if found.seeds == 1 else f"with most of the {found.seeds} seeds"
    intro = (
        f"With {label_count(found.budget)}, {transfer} gains most over `{BASELINE}`, or loses least. There, {agreed}, "
        f"only `{BASELINE}` is right on {found.only_baseline:,} test rows, only {transfer} on {found.only_transfer:,}. "
        "Some of them, the clearest first, with the true class and what the other arm takes it for:"
    )
    headings = [f"only `{BASELINE}` is right", f"only {transfer} is right"]
    columns: Mapping[str, Sequence[Review]] = {
        headings[0]: found.baseline_reviews,
        headings[1]: found.transfer_reviews,
    }
    longest = max(map(len, columns.values()))
    cells = [[_review(reviews, place) for reviews in columns.values()] for place in range(longest)]
    heading = f"### Reviews of {escaped(found.target)} that only one arm gets right"
    return [heading, intro, markdown_table(headings, (), cells)]


def _review(reviews: Sequence[Review], place: int) -> str:
    if place >= len(reviews):
        return ""
    review = reviews[place]
    classes = f"**{escaped(review.label)}**, not {escaped(review.mistaken_for)}"
    return f"{classes} (row {review.row:,}): {escaped(review.text)}"
