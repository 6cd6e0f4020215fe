"""Looks up what a recipe or a transfer study will use, without reading any data."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sentrec.checks.findings import Finding
from sentrec.data.locate import locate_split, require_different_rows, source_of
from sentrec.data.splits import mixed_sources
from sentrec.data.unlabelled import sources_of
from sentrec.errors import DataError, RecipeError
from sentrec.models.contracts import Requirement
from sentrec.models.kinds import kind_of
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe
from sentrec.recipe.sections import NGRAMS_TEACHER, DataConfig
from sentrec.runs.references import open_source, open_teacher
from sentrec.training.recipe import require_inherited
from sentrec.transfer.loading import load_sides
from sentrec.transfer.schema import TransferRecipe


def check_recipe(recipe: Recipe) -> list[Finding]:
    """Finds the data, the vectors and the encoder of a recipe.

    Args:
        recipe: A recipe that fits the schema.

    Returns:
        One finding for each thing that training will need.
    """
    found = _splits(recipe.data)
    found += _more_texts("unlabelled", recipe.data, sources_of)
    found += _more_texts("mixed with", recipe.data, mixed_sources)
    if recipe.objective.teacher is not None:
        found.append(_teacher(recipe.objective.teacher))
    if recipe.init is not None:
        found.append(_source(recipe, recipe.init.run))
    found += [_requirement(one) for one in kind_of(recipe).requirements(recipe)]
    entry = registry().entry(recipe.encoder_name)
    return [*found, Finding("encoder", "ok", f"{entry.name} ({entry.origin}): {entry.summary}")]


def _splits(data: DataConfig) -> list[Finding]:
    found = [_split(part, data) for part in ("train", "validation", "test")]
    if any(finding.state == "missing" for finding in found):
        return found
    try:
        require_different_rows(data)
    except DataError as error:
        found.append(Finding("splits", "missing", error.message, error.hint))
    return found


def _split(topic: str, data: DataConfig) -> Finding:
    try:
        source = source_of(data, topic)
        if isinstance(source, str):
            return _located(topic, data, source)
    except DataError as error:
        return Finding(topic, "missing", error.message, error.hint)
    return Finding(topic, "ok", f"{source:.0%} of train, held out by label")


def _more_texts(
    topic: str, data: DataConfig, sources: Callable[[DataConfig], Iterable[tuple[DataConfig, str]]]
) -> list[Finding]:
    try:
        return [_located(topic, *source) for source in sources(data)]
    except DataError as error:
        return [Finding(topic, "missing", error.message, error.hint)]


def _teacher(name: str) -> Finding:
    if name == NGRAMS_TEACHER:
        return Finding("teacher", "ok", "ngrams: the model's own")
    try:
        teacher = open_teacher(name)
    except RecipeError as error:
        return Finding("teacher", "missing", error.message, error.hint)
    return Finding("teacher", "ok", f"{name}, in {teacher.path}: {', '.join(teacher.label_names)}")


def _located(topic: str, data: DataConfig, split: str) -> Finding:
    location = locate_split(data, split)
    if isinstance(location, Path):
        return _file(topic, location)
    mirror = f"without network: set SENTREC_DATA to a folder that holds {location.name}/{split}.parquet"
    return Finding(topic, "note", f"{location.hub_id} on the hub, downloaded at the first use", mirror)


def _file(topic: str, path: Path) -> Finding:
    if path.is_file():
        return Finding(topic, "ok", str(path))
    return Finding(topic, "missing", f"{path} does not exist.", "Check the path; relative ones start here.")


def _source(recipe: Recipe, name: str) -> Finding:
    try:
        source = open_source(name)
        require_inherited(recipe, source.recipe, name)
    except RecipeError as error:
        return Finding("init", "missing", error.message, error.hint)
    return Finding("init", "ok", f"{name}, in {source.path}: {', '.join(source.label_names)}")


def _requirement(needed: Requirement) -> Finding:
    if needed.found is not None:
        return Finding(needed.topic, "ok", needed.found)
    problem = needed.problem
    return Finding(
        needed.topic, "missing", problem.message if problem else "missing", problem.hint if problem else None
    )


def check_study(study: TransferRecipe) -> list[Finding]:
    """Finds the data, the vectors and the encoder of every recipe of a study, and that its weights can move.

    Args:
        study: A study that fits the schema.

    Returns:
        One finding for each thing that the study will need.

    Raises:
        RecipeError: If a recipe is wrong, or source and target do not fit each other.
        RunError: If a source's run is missing, unfinished or was altered.
    """
    sources, targets = load_sides(study)
    findings = []
    for source in sources:
        run = source.run
        findings += _named(source.name, [Finding("run", "ok", str(run.path))] if run else check_recipe(source.recipe))
    for target in targets:
        findings += _named(target.name, check_recipe(target.recipe))
    return findings


def _named(name: str, findings: list[Finding]) -> list[Finding]:
    return [replace(finding, topic=f"{name} {finding.topic}") for finding in findings]
