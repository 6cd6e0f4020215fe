"""The report of a transfer study: `report.md` with its plots, `table.csv` and `results.json`."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import yaml
from matplotlib.figure import Figure

from sentrec.evaluation.drawing import save_png
from sentrec.files.storage import write_json, write_text
from sentrec.transfer import plots
from sentrec.transfer.analysis import Differences, Review, only_one_right
from sentrec.transfer.format import (
    arm_name,
    code_block,
    escaped,
    label_count,
    markdown_table,
    points,
    seed_count,
    with_interval,
)
from sentrec.transfer.results import ARM_MEANINGS, BASELINE, FEWEST_SEEDS, TRANSFER_ARMS, Row, Study, Target

REPORT = "report.md"
TABLE = "table.csv"
RESULTS = "results.json"

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
_METHODS = (
    "**Labels.** A budget of N labels is divided, stratified by class, into training rows, which every arm learns "
    "from, linear models included, and validation rows. With one seed, every arm gets the same rows, and a smaller "
    "budget is part of a larger one. `all` holds every row that `sentrec train` would use.",
    "**Accuracy.** Mean ± standard deviation over the seeds, on the whole test split, with the weights that the "
    "recipe's `select` names: of the last step, unless it says otherwise. A linear model that gets all labels has no "
    "spread: every seed gives it the same rows.",
    f"**Difference.** Mean accuracy less that of `{BASELINE}` with the same labels, over the seeds that both have. The "
    "95 % interval is paired: both arms are judged on the same test rows, seed by seed. It covers the choice of the "
    "test rows (as Bonett and Price 2012 do, so that a small test split does not seem certain) and, with two seeds or "
    "more, what differs from seed to seed: the labelled rows, the initial weights, their order. It does not cover the "
    "choice of data sets and recipe, nor, where the source is a finished run, how that run came out: it serves every "
    "seed.",
    f"**Verdict.** A gain, a loss or a lead has a p-value below 0.05 after Holm's correction (1979) for all "
    f"comparisons that the study judges: every arm, budget and target. Fewer than {FEWEST_SEEDS} seeds give figures "
    "and no verdict. The best network, which linear models are compared with, is chosen on the same test rows.",
    f"**Convergence.** Epochs and seconds of training until the validation accuracy first reaches the best one of "
    f"`{BASELINE}` with the same labels and seed: the median over the seeds, of which one that never gets there counts "
    "as infinite. Where the median is infinite, the number of seeds that get there stands alone.",
    "**Train less test.** Accuracy on the rows that an arm learned from (2,000 of them at most) less accuracy on the "
    "test rows: the generalisation gap.",
    "**Seconds.** Training and scoring, without the preparation of the data (tokens, n-gram counts) and the training "
    "of the sources.",
)


@dataclass(frozen=True)
class _Plot:
    """One plot of a report."""

    caption: str
    figure: Figure
    file: str
    target: str | None

    @property
    def markdown(self) -> str:
        return f"![{self.caption}]({self.file})"


def write_report(study: Study) -> None:
    """Writes the report of a study into its directory, in place of an older one.

    `report.md` begins with the verdict and embeds the plots. `table.csv` and `results.json` hold the same figures for
    programs.

    Raises:
        SentrecError: If the disk is full or may not be written.
    """
    study.path.mkdir(parents=True, exist_ok=True)
    drawn = _draw(study)
    write_text(study.path / TABLE, _csv(study.rows))
    write_json(study.path / RESULTS, _results(study))
    write_text(study.path / REPORT, _markdown(study, drawn))


def _draw(study: Study) -> list[_Plot]:
    """Writes all plots: by target, then those over sources and targets."""
    drawn, rows = [], study.rows

    def draw(figure: Figure, caption: str, target: str | None, *name: str) -> None:
        parts = [re.sub(r"[^\w.]+", "-", part).strip("-.") for part in name]
        drawn.append(_Plot(caption, figure, "-".join(parts) + ".png", target))
        save_png(figure, study.path / drawn[-1].file)

    for target in study.targets:
        name = target.name
        suffix = [name] if len(study.targets) > 1 else []
        caption = f"Accuracy on {escaped(name)} by number of labels, and the differences to {BASELINE}"
        draw(plots.label_efficiency(rows, name), caption, name, "label-efficiency", *suffix)
        cells = [result.cell for result in study.results if result.cell.target == name and result.history]
        trained = {cell.budget for cell in cells if cell.arm in (BASELINE, *TRANSFER_ARMS)}
        for budget in dict.fromkeys(row.budget for row in rows if row.target == name and row.budget in trained):
            figure = plots.convergence(study.results, name, budget)
            caption = f"Convergence on {escaped(name)}, {label_count(budget)}"
            draw(figure, caption, name, "convergence", *suffix, str(budget))
    compared = [row for row in rows if row.arm in TRANSFER_ARMS and row.baseline]
    if len({(row.source, row.target) for row in compared}) > 1:
        pairs = dict.fromkeys((row.arm, row.budget) for row in compared)
        for arm, budget in sorted(pairs, key=lambda pair: (TRANSFER_ARMS.index(pair[0]), _size(pair[1]))):
            caption = f"Difference of {arm} to {BASELINE} with {label_count(budget)}, sources by targets"
            draw(plots.matrix(rows, budget, arm), caption, None, "matrix", arm, str(budget))
    return drawn


def _size(budget: int | str) -> float:
    return float("inf") if isinstance(budget, str) else budget


def _csv(rows: Sequence[Row]) -> str:
    names = [field.name for field in fields(Row) if field.name not in ("baseline", "contrasts")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, "difference", "interval_low", "interval_high", "p_value", "adjusted_p", "compared_seeds"])
    for row in rows:
        one = row.baseline
        compared = (one.difference, *one.interval, one.p_value, one.adjusted_p, one.seeds) if one else (None,) * 6
        writer.writerow([*(getattr(row, name) for name in names), *compared])
    return text.getvalue()


def _results(study: Study) -> dict[str, Any]:
    judged = [one for row in study.rows for one in row.judged if one.adjusted_p is not None]
    return {
        "name": study.name,
        "description": study.description,
        "command": _remake(study),
        "verdict": list(study.verdict),
        "correction": {"method": "Holm", "comparisons": len(judged), "level": 0.05, "fewest_seeds": FEWEST_SEEDS},
        "shared_sources": list(study.shared_sources),
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
        "rows": [asdict(row) | {"difference": row.difference, "interval": row.interval} for row in study.rows],
        "recipe": study.recipe_yaml,
    }


def _markdown(study: Study, drawn: Sequence[_Plot]) -> str:
    parts = [f"# {escaped(study.name)}", escaped(study.description)]
    parts += ["## Verdict", _list(study.verdict)]
    parts += ["## Notes on the data", _list(study.notes)] if study.notes else []
    for target in study.targets:
        own = [row for row in study.rows if row.target == target.name]
        parts += [*_target_section(target, own), *(plot.markdown for plot in drawn if plot.target == target.name)]
        if differences := only_one_right(study.rows, study.results, target):
            parts += _differences_section(differences, own)
    matrices = [plot.markdown for plot in drawn if plot.target is None]
    parts += ["## Sources and targets", *matrices] if matrices else []
    arms = dict.fromkeys(row.arm for row in study.rows)
    parts += ["## Arms", "\n".join(f"- `{arm}`: {escaped(ARM_MEANINGS[arm])}." for arm in arms)]
    parts += ["## Methods", *_METHODS, _learning_rates(study)]
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
    learn = "; ".join(f"`{arm}` learns at {factor:g} times the target recipe's rate" for arm, factor in factors.items())
    slower = " (`gradual`: its head; lower layers are slower)" if "gradual" in factors else ""
    return f"**Learning rates.** {learn}{slower}; `{BASELINE}` at that rate itself."


def _target_section(target: Target, rows: Sequence[Row]) -> list[str]:
    seeds = max((row.seeds for row in rows), default=0)
    sources = dict.fromkeys(row.source for row in rows if row.source is not None)
    facts = f"{len(target.texts):,} test rows; `all` is {target.train_rows:,} labels; {seed_count(seeds)}"
    if sources:
        facts += f"; from {', '.join(map(escaped, sources))}"
    lines = _lines(rows, len(sources) > 1)
    return [f"## {escaped(target.name)}", f"{facts}.", markdown_table(_HEADINGS, (0, *range(2, 8)), lines)]


def _lines(rows: Sequence[Row], several_sources: bool) -> Iterable[list[str]]:
    for row in rows:
        yield [
            f"{row.labels:,}",
            _arm(row, several_sources),
            f"{row.accuracy:.4f}" + ("" if row.sd is None else f" ± {row.sd:.4f}"),
            with_interval(row.difference, row.interval),
            _arrival(row, row.epochs_to_baseline),
            _arrival(row, row.seconds_to_baseline),
            "" if row.gap is None else points(row.gap, 1),
            f"{row.seconds:,.1f}",
        ]


def _arm(row: Row, with_source: bool) -> str:
    return arm_name(f"`{row.arm}`", escaped(row.source) if with_source and row.source else None)


def _arrival(row: Row, value: float | None) -> str:
    if row.reached is None:
        return ""
    reached = f"{row.reached} of {seed_count(row.seeds)}"
    if value is None:
        return reached
    return f"{value:.1f}" + (f" ({reached})" if row.reached < row.seeds else "")


def _differences_section(found: Differences, rows: Sequence[Row]) -> list[str]:
    transfer = _arm(found.row, len({row.source for row in rows if row.source is not None}) > 1)
    agreed = "with its one seed" if found.seeds == 1 else f"with most of the {found.seeds} seeds"
    intro = (
        f"With {label_count(found.row.budget)}, {transfer} gains most over `{BASELINE}`, or loses least. There, "
        f"{agreed}, only `{BASELINE}` is right on {found.only_baseline:,} test rows, only {transfer} on "
        f"{found.only_transfer:,}. Some of them, the clearest first, with the true class and what the other arm takes "
        "it for:"
    )
    columns: Mapping[str, Sequence[Review]] = {
        f"only `{BASELINE}` is right": found.baseline_reviews,
        f"only {transfer} is right": found.transfer_reviews,
    }
    longest = max(map(len, columns.values()))
    cells = [[_review(reviews[line : line + 1]) for reviews in columns.values()] for line in range(longest)]
    heading = f"### Reviews of {escaped(found.row.target)} that only one arm gets right"
    return [heading, intro, markdown_table(list(columns), (), cells)]


def _review(reviews: Sequence[Review]) -> str:
    return "".join(
        f"**{escaped(one.label)}**, not {escaped(one.mistaken_for)} (row {one.row:,}): {escaped(one.text)}"
        for one in reviews
    )
