"""What a run learned from beside its own rows: the run that it went on from, and its teacher."""

from dataclasses import dataclass

from sentrec.errors import RunError
from sentrec.recipe.sections import NGRAMS_TEACHER
from sentrec.runs.directory import Run, open_run


@dataclass(frozen=True)
class Origins:
    """The runs that a run learned from, however many steps ago.

    Attributes:
        runs: Those that are here, members of ensembles included.
        missing: Names of those that are not.
    """

    runs: tuple[Run, ...]
    missing: tuple[str, ...]


def origins_of(run: Run) -> Origins:
    """Follows ``init.run`` and ``objective.teacher`` through the recipes of runs."""
    found: list[Run] = []
    missing: list[str] = []
    named: set[str] = set()
    waiting = [run]
    while waiting:
        one = waiting.pop()
        waiting += one.members
        found += one.members
        for name in (one.recipe.init.run if one.recipe.init else None, one.recipe.objective.teacher):
            if name in (None, NGRAMS_TEACHER) or name in named:
                continue
            named.add(name)
            try:
                origin = open_run(name)
            except RunError:
                missing.append(name)
                continue
            found.append(origin)
            waiting.append(origin)
    return Origins(tuple(found), tuple(missing))
