"""The run or ensemble that a recipe's `objective.teacher` names."""

from collections.abc import Sequence
from pathlib import Path

from sentrec.errors import RecipeError, RunError, did_you_mean
from sentrec.evaluation.label_matching import ClassMatch, matching_classes
from sentrec.recipe.schema import WIDE_TEACHER
from sentrec.runs import BUILTIN_MODELS, Run, open_run


def open_teacher(name: str) -> Run:
    """The finished run or ensemble of that name.

    Raises:
        RecipeError: If there is none, or it cannot be used.
    """
    try:
        return open_run(name)
    except RunError as error:
        known = did_you_mean(name, (WIDE_TEACHER, *BUILTIN_MODELS))
        hint = error.hint if name in BUILTIN_MODELS or Path(name).is_dir() else f"Name a finished run; {known}"
        raise RecipeError(f"objective.teacher: {error.message}", hint) from error


def match_teacher(teacher: Run, label_names: Sequence[str]) -> ClassMatch:
    """The teacher's class for each class of the data.

    Raises:
        RecipeError: If it knows other classes.
    """
    match = matching_classes(teacher.label_names, label_names)
    if match is None:
        theirs, ours = ", ".join(teacher.label_names), ", ".join(label_names)
        raise RecipeError(
            f"objective.teacher: {teacher.path} knows other classes ({theirs}) than the data has ({ours}).",
            "Name a run of the same classes; `objective.teacher: wide` are the n-grams of this model itself.",
        )
    return match
