"""A transfer study in words that claim no more than its intervals support."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sentrec.transfer.analysis import CHANCE, Contrast, Row
from sentrec.transfer.results import BASELINE, LINEAR_ARMS, TRANSFER_ARMS, ZERO_SHOT
from sentrec.transfer.wording import arm_name, points, with_interval

_NEGLIGIBLE = 0.005
"""Half a point: an interval inside ± this bounds the effect, where a wider one is merely no evidence of it."""
_RANDOM_EMBEDDINGS = "random-embeddings"
_CARRIED = ("full", "gradual", _RANDOM_EMBEDDINGS)
"""Arms that differ from the baseline in what they start from alone; a probe also learns less, which is no transfer."""
_WITH_ONE_SEED = "on these test rows, with this one seed"
_TWO_SEEDS = (
    " Two seeds tell too little of how far seeds differ: such an interval is wide, and a third seed narrows it."
)
_SUBJECTS = {
    "full": "Full fine-tuning from {source}",
    "probe": "A probe on the frozen encoder from {source}",
    "gradual": "Gradual unfreezing from {source}",
    "frozen-glove": "Keeping the GloVe vectors frozen",
    _RANDOM_EMBEDDINGS: "GloVe in place of random embeddings",
}


@dataclass(frozen=True)
class _Effect:
    """A difference of accuracies with its interval, and the labels it was measured with."""

    labels: str
    seeds: int
    difference: float
    low: float
    high: float

    def amount(self, in_full: bool) -> str:
        """In percentage points, e.g. ``+2.1 (+1.2 to +3.0)``."""
        digits, interval = _digits(self.low, self.high), (self.low, self.high)
        if not in_full:
            return with_interval(self.difference, interval, digits)
        low, high = (points(value, digits) for value in interval)
        return f"{points(self.difference, digits)} points (95 % interval {low} to {high})"

    def claimed(self, words: str) -> str:
        """A claim, no wider than what it was measured with."""
        return f"{words} {_WITH_ONE_SEED}" if self.seeds == 1 else words


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Says what a study found, in a sentence (or two) for each question that it asked.

    A gain or a loss is one whose 95 % interval excludes 0; with one seed it is claimed for that seed alone. Where the
    interval holds 0 there is no evidence, and only one that lies within half a point of 0 bounds the effect.

    Args:
        rows: The rows of `sentrec.transfer.analysis.table`.

    Returns:
        By target: each source and transfer arm over its budgets, zero-shot, the other networks, what GloVe transfers,
        the linear models. The last sentence says that the intervals are not corrected for their number.
    """
    sentences: list[str] = []
    for target in dict.fromkeys(row.target for row in rows):
        own = [row for row in rows if row.target == target]
        sentences += [_changes(group) for group in _groups(own, TRANSFER_ARMS.__contains__)]
        sentences += [_zero_shot(row) for row in own if row.arm == ZERO_SHOT]
        sentences += [_changes(group) for group in _groups(own, _is_another_network)]
        sentences += _linear([row for row in own if row.arm in LINEAR_ARMS])
    intervals = sum((row.interval is not None) + len(row.contrasts) for row in rows)
    if intervals > 1:
        sentences.append(
            f"Each of the {intervals} intervals of this study is a 95 % one by itself; all of them together are not."
        )
    return [sentence for sentence in sentences if sentence]


def _is_another_network(arm: str) -> bool:
    return arm not in (BASELINE, ZERO_SHOT, *TRANSFER_ARMS, *LINEAR_ARMS)


def _groups(rows: Sequence[Row], chosen: Callable[[str], bool]) -> list[list[Row]]:
    keys = dict.fromkeys((row.source, row.arm) for row in rows if chosen(row.arm))
    return [[row for row in rows if (row.source, row.arm) == key] for key in keys]


def _changes(rows: Sequence[Row]) -> str:
    """What one arm changes against the baseline, budget by budget."""
    arm, source, target = rows[0].arm, rows[0].source, rows[0].target
    subject = _SUBJECTS[arm].format(source=source) if arm in _SUBJECTS else f"The arm {arm_name(arm, source)}"
    effects = [effect for row in rows if (effect := _effect(row))]
    moves = arm in _CARRIED
    clauses = [
        f"by {effect.amount(not place)} with {effect.labels}{' labels' * (not place)}: {_judged(effect, moves)}"
        for place, effect in enumerate(effects)
    ]
    changed = f"{subject} changes {target} accuracy {'; '.join(clauses)}.{_few_seeds(effects)}" if clauses else ""
    alone = [f"{row.accuracy:.4f} with {_labels(row)} labels" for row in rows if row.difference is None]
    if not alone or arm == _RANDOM_EMBEDDINGS:
        return changed
    there = f"{subject} reaches an accuracy of {' and '.join(alone)} on {target}: no {BASELINE} to compare it with."
    return f"{changed} {there}".strip()


def _effect(row: Row) -> _Effect | None:
    if row.difference is None or row.interval is None:
        return None
    low, high = row.interval
    if row.arm == _RANDOM_EMBEDDINGS:  # The question is what the baseline's GloVe gives, not what its absence takes.
        return _Effect(_labels(row), row.compared_seeds, -row.difference, -high, -low)
    return _Effect(_labels(row), row.compared_seeds, row.difference, low, high)


def _judged(effect: _Effect, moves: bool) -> str:
    """What an effect is called; ``moves`` if it is one of something that was carried over."""
    if effect.low > 0.0:
        return effect.claimed("a gain")
    if effect.high < 0.0:
        return effect.claimed("a loss (negative transfer)" if moves else "a loss")
    largest = max(-effect.low, effect.high)
    if largest < _NEGLIGIBLE:
        return effect.claimed(f"no effect larger than {max(1, math.ceil(1000 * largest - 1e-9)) / 10:.1f} points")
    return "no evidence of transfer" if moves else "no evidence of a difference"


def _zero_shot(row: Row) -> str:
    """How good a source is that has seen no label, against chance and against the baseline."""
    start = f"Zero-shot, {row.source} reaches an accuracy of {row.accuracy:.4f} on {row.target}"
    by_labels = [_contrasted(one) for one in row.contrasts if one.arm != CHANCE]
    chance = [_contrasted(one) for one in row.contrasts if one.arm == CHANCE]
    if chance:
        judged = _related(
            chance[0],
            chance[0].claimed("above chance"),
            "no evidence of more than chance",
            chance[0].claimed("below chance"),
        )
        start += f", {chance[0].amount(True)} against always answering the {CHANCE}: {judged}"
    relations = ("more accurate than", "not told apart from", "less accurate than")
    clauses = []
    for relation in relations:
        alike = [effect for effect in by_labels if _related(effect, *relations) == relation]
        if alike:
            figures = [f"with {effect.labels} labels, {effect.amount(False)}" for effect in alike]
            clauses.append(f"{relation} {BASELINE} {' and '.join(figures)}")
    one_seed = any(effect.seeds == 1 for effect in by_labels)
    it_is = f"{_WITH_ONE_SEED.capitalize()}, it is" if one_seed else "It is"
    compared = f" {it_is} {'; '.join(clauses)}." if clauses else ""
    return f"{start}.{compared}{_few_seeds(chance + by_labels)}"


def _linear(rows: Sequence[Row]) -> list[str]:
    """Where a linear model has a higher mean accuracy than the best network with the same labels."""
    leads = [(contrast, row) for row in rows for contrast in row.contrasts]
    if not leads:
        return []
    by_budget = [
        [pair for pair in leads if pair[0].budget == budget] for budget in dict.fromkeys(row.budget for row in rows)
    ]
    best = [max(pairs, key=_lead) for pairs in by_budget if pairs]
    ahead = [pair for pair in best if _lead(pair) > 0.0]
    if not ahead:
        return [f"On {rows[0].target} no linear model is ahead of the best network with the same labels."]
    clauses = []
    for place, (contrast, row) in enumerate(ahead):
        effect = _contrasted(contrast)
        network = arm_name(contrast.arm, contrast.source)
        judged = effect.claimed("a lead") if effect.low > 0.0 else "no evidence of a lead"
        clauses.append(f"with {effect.labels} labels {row.arm} over {network} by {effect.amount(not place)}, {judged}")
    noted = _few_seeds([_contrasted(contrast) for contrast, _ in ahead])
    return [f"Linear models ahead of the best network on {rows[0].target}: {'; '.join(clauses)}.{noted}"]


def _lead(pair: tuple[Contrast, Row]) -> float:
    return pair[0].difference


def _contrasted(contrast: Contrast) -> _Effect:
    low, high = contrast.interval
    return _Effect(_labels(contrast), contrast.seeds, contrast.difference, low, high)


def _related(effect: _Effect, above: str, unclear: str, below: str) -> str:
    return above if effect.low > 0.0 else below if effect.high < 0.0 else unclear


def _one_seed(effects: Sequence[_Effect]) -> str:
    single = [effect.labels for effect in effects if effect.seeds == 1]
    if not single:
        return ""
    where = "" if len(single) == len(effects) else f" with {' and '.join(single)} labels"
    return f" There is one seed{where}: such an interval covers the test rows, not the seed."


def _few_seeds(effects: Sequence[_Effect]) -> str:
    """What one or two seeds cannot tell; of two it is said where they leave a question open."""
    is_open = any(effect.seeds == 2 and effect.low <= 0.0 <= effect.high for effect in effects)
    return _one_seed(effects) + (_TWO_SEEDS if is_open else "")


def _labels(of: Row | Contrast) -> str:
    return f"all {of.labels:,}" if of.budget == "all" else f"{of.labels:,}"


def _digits(low: float, high: float) -> int:
    """Decimals of a point that keep an end of the interval which is not 0 from looking like 0."""
    smallest = min((abs(end) for end in (low, high) if end != 0.0), default=1.0)
    return next((digits for digits in (1, 2) if round(100 * smallest, digits) > 0.0), 3)
