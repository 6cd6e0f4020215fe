"""A transfer study in words that claim no more than its corrected p-values and intervals support."""

import math
from collections.abc import Sequence

from sentrec.transfer.results import (
    BASELINE,
    CHANCE,
    FEWEST_SEEDS,
    LINEAR_ARMS,
    TRANSFER_ARMS,
    ZERO_SHOT,
    Contrast,
    Row,
    arm_name,
    points,
    with_interval,
)

_NEGLIGIBLE = 0.005
"""Half a point: an interval inside ± this bounds the effect, where a wider one is merely no evidence of it."""
_RANDOM_EMBEDDINGS = "random-embeddings"
_CARRIED = ("full", "gradual", _RANDOM_EMBEDDINGS)
"""Arms that differ from the baseline in what they start from alone; a probe also learns less, which is no transfer."""
_SUBJECTS = {
    "full": "Full fine-tuning from {source}",
    "probe": "A probe on the frozen encoder from {source}",
    "gradual": "Gradual unfreezing from {source}",
    "frozen-glove": "Keeping the GloVe vectors frozen",
    _RANDOM_EMBEDDINGS: "GloVe in place of random embeddings",
}


def verdicts(rows: Sequence[Row], shared_sources: Sequence[str] = ()) -> list[str]:
    """Says what a study found, in a sentence (or two) for each question that it asked.

    A gain, a loss or a lead has a p-value below 0.05 after Holm's correction over the whole study. Fewer than three
    seeds give numbers and no verdict. Only an interval within half a point of 0 bounds an effect. `shared_sources` are
    those that are one finished run, which serves every seed.
    """
    sentences: list[str] = []
    for target in dict.fromkeys(row.target for row in rows):
        own = [row for row in rows if row.target == target]
        judged = [row for row in own if row.arm not in (BASELINE, ZERO_SHOT, *LINEAR_ARMS)]
        arms = dict.fromkeys((row.source, row.arm) for row in judged)
        changes = {key: _changes([row for row in judged if (row.source, row.arm) == key]) for key in arms}
        sentences += [sentence for (_, arm), sentence in changes.items() if arm in TRANSFER_ARMS]
        sentences += [_zero_shot(row) for row in own if row.arm == ZERO_SHOT]
        sentences += [sentence for (_, arm), sentence in changes.items() if arm not in TRANSFER_ARMS]
        sentences.append(_linear([row for row in own if row.arm in LINEAR_ARMS]))
    if shared := [name for name in shared_sources if any(row.source == name for row in rows)]:
        subject = f"{shared[0]} is one finished run" if len(shared) == 1 else f"{', '.join(shared)} are one run each"
        sentences.append(
            f"{subject}, which serves every seed: how well that training happened to go is part of all effects and "
            "covered by no interval or p-value."
        )
    if family := sum(contrast.adjusted_p is not None for row in rows for contrast in row.judged):
        comparisons = "the one comparison" if family == 1 else f"all {family} comparisons"
        sentences.append(
            f"Judged at 5 % after Holm's correction for {comparisons} of this study; the p-values are corrected, each "
            "interval is a 95 % one by itself."
        )
    return [sentence for sentence in sentences if sentence]


def _changes(rows: Sequence[Row]) -> str:
    """What one arm changes against the baseline, budget by budget."""
    arm, source, target = rows[0].arm, rows[0].source, rows[0].target
    subject = _SUBJECTS[arm].format(source=source) if arm in _SUBJECTS else f"The arm {arm_name(arm, source)}"
    # The question is what the baseline's GloVe gives, not what its absence takes.
    sign = -1.0 if arm == _RANDOM_EMBEDDINGS else 1.0
    compared = [(row, row.baseline) for row in rows if row.baseline]
    clauses = [
        f"by {_amount(contrast, sign, in_full=not place)} with {_labels(row)}{'' if place else ' labels'}: "
        f"{_effect(contrast, sign, transfers=arm in _CARRIED)}"
        for place, (row, contrast) in enumerate(compared)
    ]
    few = _few_seeds([contrast for _, contrast in compared])
    changed = f"{subject} changes {target} accuracy {'; '.join(clauses)}.{few}" if clauses else ""
    alone = [f"{row.accuracy:.4f} with {_labels(row)} labels" for row in rows if row.baseline is None]
    if not alone or arm == _RANDOM_EMBEDDINGS:
        return changed
    there = f"{subject} reaches an accuracy of {' and '.join(alone)} on {target}: no {BASELINE} to compare it with."
    return f"{changed} {there}".strip()


def _effect(contrast: Contrast, sign: float, transfers: bool) -> str:
    """What a difference is called; `transfers` if it is one of something that was carried over."""
    largest = max(map(abs, contrast.interval))
    unclear = "no evidence of transfer" if transfers else "no evidence of a difference"
    if largest < _NEGLIGIBLE:
        unclear = f"no effect larger than {max(1, math.ceil(1000 * largest - 1e-9)) / 10:.1f} points"
    return _judged(contrast, sign, "a gain", unclear, "a loss (negative transfer)" if transfers else "a loss")


def _judged(contrast: Contrast, sign: float, above: str, unclear: str, below: str) -> str:
    if contrast.adjusted_p is None:
        return "no verdict"
    if contrast.significant:
        return f"{above if sign * contrast.difference > 0 else below}, {_p_text(contrast.adjusted_p)}"
    if contrast.p_value < 0.05:
        return f"{unclear} ({_p_text(contrast.p_value)} by itself, {contrast.adjusted_p:.2g} corrected)"
    return unclear


def _zero_shot(row: Row) -> str:
    """How good a source is that has seen no label, against chance and against the baseline."""
    sentence = f"Zero-shot, {row.source} reaches an accuracy of {row.accuracy:.4f} on {row.target}"
    for chance in (one for one in row.contrasts if one.arm == CHANCE):
        judged = _judged(chance, 1.0, "above chance", "no evidence of more than chance", "below chance")
        sentence += f", {_amount(chance)} against always answering the {CHANCE}: {judged}"
    clauses: dict[str, list[str]] = {}
    for one in (one for one in row.contrasts if one.arm == BASELINE):
        relation = "not told apart from"
        if one.significant:
            relation = "more accurate than" if one.difference > 0 else "less accurate than"
        elif one.adjusted_p is None:
            relation = "without a verdict against"
        clauses.setdefault(relation, []).append(f"with {_labels(one)} labels, {_amount(one, in_full=False)}")
    found = "; ".join(f"{relation} {BASELINE} {' and '.join(amounts)}" for relation, amounts in clauses.items())
    return f"{sentence}.{f' It is {found}.' if found else ''}{_few_seeds(row.contrasts)}"


def _linear(rows: Sequence[Row]) -> str:
    """The most accurate linear model against the best network with the same labels, budget by budget."""
    clauses: list[str] = []
    best: list[Contrast] = []
    for budget in dict.fromkeys(row.budget for row in rows if row.contrasts):
        pairs = [(contrast, row.arm) for row in rows for contrast in row.contrasts if row.budget == budget]
        contrast, arm = max(pairs, key=lambda pair: pair[0].difference)
        judged = _judged(contrast, 1.0, "a lead", "no evidence of a lead", "behind")
        amount, network = _amount(contrast, in_full=not clauses), arm_name(contrast.arm, contrast.source)
        clauses.append(f"with {_labels(contrast)} labels {arm} less {network} is {amount}, {judged}")
        best.append(contrast)
    if not clauses:
        return ""
    start = f"Linear models beside the best network on {rows[0].target}"
    if all(contrast.difference <= 0 for contrast in best):
        start = f"On {rows[0].target} no linear model is ahead of the best network with the same labels"
    return f"{start}: {'; '.join(clauses)}.{_few_seeds(best)}"


def _amount(contrast: Contrast, sign: float = 1.0, in_full: bool = True) -> str:
    """In percentage points, e.g. ``+2.1 (+1.2 to +3.0)``."""
    low, high = sorted(sign * end for end in contrast.interval)
    digits, difference = _digits(low, high), sign * contrast.difference
    if not in_full:
        return with_interval(difference, (low, high), digits)
    ends = f"{points(low, digits)} to {points(high, digits)}"
    return f"{points(difference, digits)} points (95 % interval {ends})"


def _few_seeds(contrasts: Sequence[Contrast]) -> str:
    """What is said where there are too few seeds for a verdict."""
    few = [contrast for contrast in contrasts if contrast.seeds < FEWEST_SEEDS]
    if not few:
        return ""
    most = max(contrast.seeds for contrast in few)
    labels = list(dict.fromkeys(_labels(contrast) for contrast in few if contrast.arm != CHANCE))
    where = "" if len(few) == len(contrasts) else f" with {' and '.join(labels)} labels"
    seeds = "One seed tells" if most == 1 else "Two seeds tell"
    return f" {seeds} too little of how far seeds differ{where}: a verdict wants three."


def _labels(of: Row | Contrast) -> str:
    return f"all {of.labels:,}" if of.budget == "all" else f"{of.labels:,}"


def _digits(low: float, high: float) -> int:
    """Decimals of a point that keep an end of the interval which is not 0 from looking like 0."""
    smallest = min((abs(end) for end in (low, high) if end != 0.0), default=1.0)
    return next((digits for digits in (1, 2) if round(100 * smallest, digits) > 0.0), 3)


def _p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
