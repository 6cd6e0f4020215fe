"""The report of a transfer study: `report.md` with its plots, `table.csv` and `results.json`."""

import csv
import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import zip_longest
from typing import Any

import yaml
from matplotlib.figure import Figure

from sentrec.errors import counted
from sentrec.evaluation.plots import save_png
from sentrec.files.storage import write_json, write_text
from sentrec.transfer import plots
from sentrec.transfer.analysis import Differences, Review, only_one_right
from sentrec.transfer.results import (
    ARM_MEANINGS,
    BASELINE,
    FEWEST_SEEDS,
    TRANSFER_ARMS,
    Row,
    Study,
    Target,
    arm_name,
    budget_size,
    label_count,
    points,
    with_interval,
)

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
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$#])")
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
    "**Verdict.** A gain, a loss or a lead has a p-value below 0.05 after Holm's correction (1979) for all "
    f"comparisons that the study judges: every arm, budget and target. Fewer than {FEWEST_SEEDS} seeds give "
    "numbers and no verdict. The best network, which linear models are compared with, is chosen on the same test rows.",
    f"**Convergence.** Epochs and seconds of training until the validation accuracy first reaches the best one of "
    f"`{BASELINE}` with the same labels and seed: the median over the seeds, of which one that never gets there counts "
    "as infinite. Where the median is infinite, the number of seeds that get there stands alone.",
    "**Train less test.** Accuracy on the rows that an arm learned from (2,000 of them at most) less accuracy on the "
    "test rows: the generalisation gap.",
    "**Seconds.** Training and scoring, without the preparation of the data (tokens, n-gram counts) and the training "
    "of the sources.",
)


def write_report(study: Study) -> None:
    """Writes the report of a study into its directory, in place of an older one.

    `report.md` begins with the verdict and embeds the plots; `table.csv` and `results.json` hold the same for programs.
    """
    study.path.mkdir(parents=True, exist_ok=True)
    drawn = _draw(study)
    write_text(study.path / TABLE, _csv(study.rows))
    write_json(study.path / RESULTS, _results(study))
    write_text(study.path / REPORT, _markdown(study, drawn))


def _draw(study: Study) -> dict[str | None, list[str]]:
    """Writes all plots, and gives what embeds them in Markdown: by target, under None those over several."""
    drawn: dict[str | None, list[str]] = {}
    rows = study.rows

    def draw(figure: Figure, caption: str, target: str | None, *name: str) -> None:
        file = "-".join(re.sub(r"[^\w.]+", "-", part).strip("-.") for part in name) + ".png"
        save_png(figure, study.path / file)
        drawn.setdefault(target, []).append(f"![{caption}]({file})")

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
        for arm, budget in sorted(pairs, key=lambda pair: (TRANSFER_ARMS.index(pair[0]), budget_size(pair[1]))):
            caption = f"Difference of {arm} to {BASELINE} with {label_count(budget)}, sources by targets"
            draw(plots.matrix(rows, budget, arm), caption, None, "matrix", arm, str(budget))
    return drawn


def _csv(rows: Sequence[Row]) -> str:
    columns = [field.name for field in fields(Row) if field.name not in ("baseline", "contrasts")]
    compared_by = ("difference", "interval_low", "interval_high", "p_value", "adjusted_p", "compared_seeds")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *compared_by])
    for row in rows:
        one = row.baseline
        compared = (one.difference, *one.interval, one.p_value, one.adjusted_p, one.seeds) if one else (None,) * 6
        writer.writerow([*(getattr(row, column) for column in columns), *compared])
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
            {"name": one.name, "label_names": list(one.label_names)}
            | {"train_rows": one.train_rows, "test_rows": len(one.texts)}
            for one in study.targets
        ],
        "seeds": sorted({result.cell.seed for result in study.results}),
        "rows": [asdict(row) | {"difference": row.difference, "interval": row.interval} for row in study.rows],
        "recipe": study.recipe_yaml,
    }


def _markdown(study: Study, drawn: Mapping[str | None, Sequence[str]]) -> str:
    parts = [f"# {escaped(study.name)}", escaped(study.description)]
    parts += ["## Verdict", _list(study.verdict)]
    parts += ["## Notes on the data", _list(study.notes)] if study.notes else []
    for target in study.targets:
        own = [row for row in study.rows if row.target == target.name]
        parts += [*_target_section(target, own), *drawn.get(target.name, ())]
        if differences := only_one_right(study.rows, study.results, target):
            parts += _differences_section(differences, own)
    parts += ["## Sources and targets", *drawn[None]] if None in drawn else []
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
    facts = f"{len(target.texts):,} test rows; `all` is {target.train_rows:,} labels; {counted(seeds, 'seed')}"
    if sources:
        facts += f"; from {', '.join(map(escaped, sources))}"
    lines = [
        [
            f"{row.labels:,}",
            _arm(row, len(sources) > 1),
            f"{row.accuracy:.4f}" + ("" if row.sd is None else f" ± {row.sd:.4f}"),
            with_interval(row.difference, row.interval),
            _arrival(row, row.epochs_to_baseline),
            _arrival(row, row.seconds_to_baseline),
            "" if row.gap is None else points(row.gap, 1),
            f"{row.seconds:,.1f}",
        ]
        for row in rows
    ]
    return [f"## {escaped(target.name)}", f"{facts}.", markdown_table(_HEADINGS, (0, *range(2, 8)), lines)]


def _arm(row: Row, with_source: bool) -> str:
    return arm_name(f"`{row.arm}`", escaped(row.source) if with_source and row.source else None)


def _arrival(row: Row, value: float | None) -> str:
    if row.reached is None:
        return ""
    reached = f"{row.reached} of {counted(row.seeds, 'seed')}"
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
    headings = [f"only `{BASELINE}` is right", f"only {transfer} is right"]
    cells = [list(map(_review, pair)) for pair in zip_longest(found.baseline_reviews, found.transfer_reviews)]
    title = f"### Reviews of {escaped(found.row.target)} that only one arm gets right"
    return [title, intro, markdown_table(headings, (), cells)]


def _review(one: Review | None) -> str:
    if one is None:
        return ""
    return f"**{escaped(one.label)}**, not {escaped(one.mistaken_for)} (row {one.row:,}): {escaped(one.text)}"


def escaped(text: str) -> str:
    """Text on one line, without anything that Markdown or HTML would interpret."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def markdown_table(headings: Sequence[str], right: Iterable[int], lines: Iterable[Sequence[str]]) -> str:
    """A table in GitHub's Markdown; its cells are Markdown already, the columns `right` (from 0) are aligned right."""
    aligned = set(right)
    rule = ["---:" if column in aligned else "---" for column in range(len(headings))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rule, *lines))


def code_block(language: str, text: str) -> str:
    """A fenced block; the fence is longer than any within."""
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall(r"`+", text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
