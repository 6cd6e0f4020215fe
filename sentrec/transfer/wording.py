"""Figures and names of a transfer study as its plots, its report and the terminal write them."""

from sentrec.transfer.results import Budget


def points(share: float, digits: int) -> str:
    """A share in percentage points, with a sign unless it rounds to nothing."""
    rounded = round(100 * share, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def seed_count(count: int) -> str:
    """A number of seeds."""
    return "1 seed" if count == 1 else f"{count} seeds"


def label_count(budget: Budget) -> str:
    """A label budget."""
    return "all labels" if budget == "all" else f"{budget:,} labels"


def with_interval(difference: float | None, interval: tuple[float, float] | None, digits: int = 2) -> str:
    """A difference in percentage points with the ends of its interval; nothing where there is none."""
    if difference is None or interval is None:
        return ""
    low, high = interval
    return f"{points(difference, digits)} ({points(low, digits)} to {points(high, digits)})"


def arm_name(arm: str, source: str | None) -> str:
    """An arm, with its source where it is to be named."""
    return arm if source is None else f"{arm} from {source}"
