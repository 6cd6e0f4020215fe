"""Recipes that read unlabelled texts."""

from pathlib import Path

from small_runs import small_recipe

from sentrec.recipe import Recipe

WIDE = ("model.wide.table_bits=10",)
TERMS = ("objective.vat=1.0", "objective.distil=1.0", "objective.unlabelled_tokens=64")


def recipe_with(reviews: Path, unlabelled: Path, *changes: str) -> Recipe:
    return small_recipe(reviews, f"data.unlabelled={unlabelled}", *changes)
