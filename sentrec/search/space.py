"""The space of a search: which values of a recipe's keys to try, as a YAML file says it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from sentrec.errors import RecipeError
from sentrec.files.parse import read_text
from sentrec.files.yaml_values import parse_yaml
from sentrec.recipe import Recipe
from sentrec.recipe.sections import Section
from sentrec.training.recipe import load_recipe

_FIXED = ("data.", "seed", "name", "init", "extends")
"""What a search may not change: trials have to be judged on the same rows."""


class _Range(Section):
    low: int | float = Field(description="The smallest value.")
    high: int | float = Field(description="The largest.")
    step: int | float | None = Field(None, gt=0, description="Distance of the values that are tried; none: any.")
    log: bool = Field(False, description="Whether equal ratios are equally likely, as for rates.")

    @model_validator(mode="after")
    def _is_a_range(self) -> "_Range":
        if self.low >= self.high:
            raise ValueError("low has to be less than high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log takes a low above 0 and no step")
        return self


@dataclass(frozen=True)
class Parameter:
    """The values of one key of a recipe that a search may try."""

    key: str  # e.g. ``training.learning_rate``
    choices: tuple[Any, ...] | None = None  # some values, or None for a range
    low: int | float = 0  # the smallest value of a range; whole numbers where both ends are
    high: int | float = 0  # the largest
    step: int | float | None = None  # distance of the values
    log: bool = False  # whether equal ratios are equally likely

    def suggest(self, trial: Any) -> Any:
        """The value that an Optuna trial draws."""
        if self.choices is not None:
            return json.loads(trial.suggest_categorical(self.key, [json.dumps(one) for one in self.choices]))
        if self._is_whole:
            return trial.suggest_int(self.key, self.low, self.high, step=self.step or 1, log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)

    def as_drawn(self, value: Any) -> Any:
        """A recipe's own value as `suggest` would draw it; None where it lies outside."""
        if self.choices is not None:
            return json.dumps(value) if value in self.choices else None
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return None
        steps = (value - self.low) / self.step if self.step else 0.0
        return value if math.isclose(steps, round(steps), abs_tol=1e-6) else None

    def ends(self) -> Sequence[Any]:
        """All choices, or both ends of the range."""
        return self.choices if self.choices is not None else (self.low, self.high)

    @property
    def _is_whole(self) -> bool:
        return all(isinstance(one, int) for one in (self.low, self.high, self.step or 1))


def read_space(path: Path) -> list[Parameter]:
    """The parameters of a YAML file: keys of a recipe with a list of values, or with low and high, step and log.

    Raises a `RecipeError` that lists all mistakes.
    """
    tree = parse_yaml(read_text(path, RecipeError), str(path), RecipeError)
    if not isinstance(tree, Mapping) or not tree:
        raise RecipeError(f"{path} names no keys.", "Write e.g. encoder.hidden: [64, 128]")
    found, mistakes = [], []
    for key, values in tree.items():
        if str(key).startswith(_FIXED):
            mistakes.append(f"{key}: a search cannot change it")
        elif isinstance(values, list):
            if not values:
                mistakes.append(f"{key}: an empty list")
            found.append(Parameter(str(key), tuple(values)))
        else:
            try:
                found.append(Parameter(str(key), **TypeAdapter(_Range).validate_python(values).model_dump()))
            except ValidationError as error:
                mistakes += [f"{'.'.join(map(str, (key, *one['loc'])))}: {one['msg']}" for one in error.errors()]
    if mistakes:
        listed = "\n".join(f"  {one}" for one in mistakes)
        raise RecipeError(
            f"{path} has mistakes:\n{listed}", "A key takes a list of values, or low and high (step, log)."
        )
    return found


def overrides_of(values: Mapping[str, Any]) -> list[str]:
    """Values by key as overrides of a recipe."""
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def require_valid(recipe: str | Path, overrides: Sequence[str], space: Sequence[Parameter]) -> Recipe:
    """The recipe as it is; a `RecipeError` if it does not take every choice and both ends of every range."""
    for parameter in space:
        for value in parameter.ends():
            load_recipe(recipe, [*overrides, *overrides_of({parameter.key: value})])
    return load_recipe(recipe, overrides)


def own_values(recipe: Recipe, space: Sequence[Parameter]) -> dict[str, Any] | None:
    """The recipe's own values as a trial would draw them; None where one lies outside the space."""
    tree = recipe.model_dump(mode="json")
    found: dict[str, Any] = {}
    for parameter in space:
        value: Any = tree
        for part in parameter.key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        drawn = parameter.as_drawn(value)
        if drawn is None:
            return None
        found[parameter.key] = drawn
    return found
