"""Recipes: what an experiment may say, and how a YAML file becomes a checked one."""

from sentrec.recipe.loading import read_recipe, recipe_from_dict, to_yaml
from sentrec.recipe.schema import Recipe
from sentrec.recipe.sections import DataConfig, GloveConfig, ModelConfig, TextConfig, TrainingConfig

__all__ = [
    "DataConfig",
    "GloveConfig",
    "ModelConfig",
    "Recipe",
    "TextConfig",
    "TrainingConfig",
    "read_recipe",
    "recipe_from_dict",
    "to_yaml",
]
