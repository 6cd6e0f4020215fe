"""Looks up what a recipe or a transfer study will use, without reading any data."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sentrec.checks.findings import Finding, missing
from sentrec.data.locate import locate_split, require_different_rows, source_of
from sentrec.data.splits import mixed_sources
from sentrec.data.unlabelled import sources_of
from sentrec.errors import DataError, RecipeError
from sentrec.models.contracts import Requirement
from sentrec.models.kinds import kind_of
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe
from sentrec.recipe.sections import NGRAMS_TEACHER, DataConfig
from sentrec.runs.directory import Run
from sentrec.runs.references import open_source, open_teacher
from sentrec.training.recipe import require_inherited
from sentrec.transfer.loading import load_sides
from sentrec.transfer.schema import TransferRecipe


def check_recipe(recipe: Recipe) -> list[Finding]:
    """Finds the data, the vectors and the encoder of a recipe: one finding for each thing that training will need."""
    found = _splits(recipe.data) if recipe.data.facts is None else [_located("table", recipe.data, recipe.data.train)]
    found += _more_texts("unlabelled", recipe.data, sources_of)
    found += _more_texts("mixed with", recipe.data, mixed_sources)
    teacher, init = recipe.objective.teacher, recipe.init
    if teacher == NGRAMS_TEACHER:
        found.append(Finding("teacher", "ok", "ngrams: the model's own"))
    elif teacher is not None:
        found.append(_run("teacher", teacher, lambda: open_teacher(teacher)))
    if init is not None:
        found.append(_run("init", init.run, lambda: _source(recipe, init.run)))
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
        found.append(missing("splits", error))
    return found


def _split(topic: str, data: DataConfig) -> Finding:
    try:
        source = source_of(data, topic)
        if isinstance(source, str):
            return _located(topic, data, source)
    except DataError as error:
        return missing(topic, error)
    return Finding(topic, "ok", f"{source:.0%} of train, held out by label")


def _more_texts(
    topic: str, data: DataConfig, sources: Callable[[DataConfig], Iterable[tuple[DataConfig, str]]]
) -> list[Finding]:
    try:
        return [_located(topic, *source) for source in sources(data)]
    except DataError as error:
        return [missing(topic, error)]


def _run(topic: str, name: str, opened: Callable[[], Run]) -> Finding:
    try:
        run = opened()
    except RecipeError as error:
        return missing(topic, error)
    return Finding(topic, "ok", f"{name}, in {run.path}: {', '.join(run.label_names)}")


def _located(topic: str, data: DataConfig, split: str) -> Finding:
    location = locate_split(data, split)
    if isinstance(location, Path):
        if location.is_file():
            return Finding(topic, "ok", str(location))
        return Finding(topic, "missing", f"{location} does not exist.", "Check the path; relative ones start here.")
    mirror = f"without network: set SENTREC_DATA to a folder that holds {location.name}/{split}.parquet"
    return Finding(topic, "note", f"{location.hub_id} on the hub, downloaded at the first use", mirror)


def _source(recipe: Recipe, name: str) -> Run:
    source = open_source(name)
    require_inherited(recipe, source.recipe, name)
    return source


def _requirement(needed: Requirement) -> Finding:
    if needed.found is None and needed.problem is not None:
        return missing(needed.topic, needed.problem)
    return Finding(needed.topic, "missing" if needed.found is None else "ok", needed.found or "missing")


def check_study(study: TransferRecipe) -> list[Finding]:
    """Finds what every recipe of a study will need, and that its weights can move; raises what `load_sides` does."""
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
