"""The runs that a recipe names: the model that it goes on from, and its teacher; and what these learned from."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sentrec.data.labels import ClassMatch, matching_classes
from sentrec.errors import DataError, RecipeError, RunError, did_you_mean
from sentrec.recipe.sections import NGRAMS_TEACHER, InitConfig
from sentrec.runs.directory import BUILTIN_MODELS, Run, open_run


def open_source(name: str) -> Run:
    """The model that `init` names; a `RecipeError` if there is no such run, it cannot be used, or is several."""
    run = _open("init", name, BUILTIN_MODELS)
    if run.members:
        raise RecipeError(
            f"init: {name} is an ensemble of {len(run.members)} models, and a training goes on from one.",
            f"Name one of them, e.g. --set init={run.members[0].path}",
        )
    return run


def open_teacher(name: str) -> Run:
    """The finished run or ensemble that `objective.teacher` names; a `RecipeError` if it cannot be used."""
    return _open("objective.teacher", name, (NGRAMS_TEACHER, *BUILTIN_MODELS))


def match_source(init: InitConfig, source: Sequence[str], label_names: Sequence[str]) -> ClassMatch | None:
    """The class of `source` for each of `label_names`, one's own; None where they are other classes.

    Raises a `DataError` if `init.labels` names a class that there is not.
    """
    for given, known, whose in (
        (init.labels.keys(), label_names, "your data has"),
        (init.labels.values(), source, f"{init.run} has"),
    ):
        for name in given:
            if name not in known:
                raise DataError(f"init.labels: {whose} no class '{name}'.", did_you_mean(name, known))
    return matching_classes(source, [init.labels.get(name, name) for name in label_names])


def match_teacher(teacher: Run, label_names: Sequence[str]) -> ClassMatch:
    """The teacher's class for each class of the data; a `RecipeError` if it knows other classes."""
    match = matching_classes(teacher.label_names, label_names)
    if match is None:
        theirs, ours = ", ".join(teacher.label_names), ", ".join(label_names)
        raise RecipeError(
            f"objective.teacher: {teacher.path} knows other classes ({theirs}) than the data has ({ours}).",
            "Name a run of the same classes; `objective.teacher: ngrams` are the n-grams of this model itself.",
        )
    return match


def origins_of(run: Run) -> tuple[list[Run], list[str]]:
    """The runs that a run learned from, however many steps ago: ``init.run`` and the teachers of its recipe.

    Gives those that are here, members of ensembles included, and the names of those that are not.
    """
    found: list[Run] = []
    missing: list[str] = []
    named = {NGRAMS_TEACHER}
    waiting = [run]
    while waiting:
        one = waiting.pop()
        origins = [*one.members]
        objective = one.recipe.objective
        names = [part.run for part in (one.recipe.init,) if part]
        names += [part.teacher for part in (objective, objective.sentences) if part and part.teacher]
        for name in names:
            if name not in named:
                named.add(name)
                try:
                    origins.append(open_run(name))
                except RunError:
                    missing.append(name)
        found += origins
        waiting += origins
    return found, missing


def _open(setting: str, name: str, known: Iterable[str]) -> Run:
    try:
        return open_run(name)
    except RunError as error:
        is_there = name in BUILTIN_MODELS or Path(name).is_dir()
        hint = error.hint if is_there else f"Name a finished run; {did_you_mean(name, known)}"
        raise RecipeError(f"{setting}: {error.message}", hint) from error
