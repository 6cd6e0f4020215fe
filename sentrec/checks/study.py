"""Looks up what a study will use, without reading any data."""

from dataclasses import replace

from sentrec.checks.findings import Finding
from sentrec.checks.recipe import check_recipe
from sentrec.transfer.loading import load_sides
from sentrec.transfer.schema import TransferRecipe


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
