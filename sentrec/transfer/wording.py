"""Figures of a transfer study as its plots and its report write them."""

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
