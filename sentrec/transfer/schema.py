"""The schema of a transfer recipe: sources, targets, what moves, how, and what it is compared with."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from sentrec.errors import SentrecError
from sentrec.recipe.sections import Section
from sentrec.transfer.results import BASELINE, TRANSFER_ARMS, ZERO_SHOT, Cell

Arm = Literal[
    "scratch", "full", "probe", "gradual", "zero-shot", "frozen-glove", "random-embeddings", "nb-lr", "tfidf-lr"
]


_SMALLEST_BUDGET = 4


def _not_none(values: tuple[Any, ...]) -> tuple[Any, ...]:
    # A `min_length` would also count those that are wrong as absent, and say so once more.
    if not values:
        raise ValueError("should name one at least")
    return values


def _as_budget(value: Any) -> Any:
    if value != "all" and not (isinstance(value, int) and value >= _SMALLEST_BUDGET):
        raise ValueError(f"should be a whole number from {_SMALLEST_BUDGET} on, or `all`")
    return value


def _without_seed(changes: dict[str, Any]) -> dict[str, Any]:
    if "seed" in changes:
        raise ValueError("`seed` has no meaning here: the study's own `seed` and `seeds` are those of every recipe")
    return changes


def _as_side(value: Any) -> Any:
    return {"recipe": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


LabelBudget = Annotated[int | Literal["all"], BeforeValidator(_as_budget)]
Changes = Annotated[dict[str, Any], AfterValidator(_without_seed)]
_T = TypeVar("_T")
_Several = Annotated[tuple[_T, ...], BeforeValidator(_as_list), AfterValidator(_not_none)]


class SourceConfig(Section):
    """Where knowledge comes from: a recipe to train, or a finished run."""

    name: str | None = Field(None, min_length=1, description="What to call it; none: the recipe's or the run's name.")
    recipe: str | None = Field(None, description="A recipe file, or the name of a built-in recipe.")
    run: str | None = Field(None, description="A run directory, or `starter`; it serves every seed.")
    set: Changes = Field({}, description="Sections to change in the recipe, e.g. `data: {dataset: ag_news}`.")

    @model_validator(mode="after")
    def _names_one_origin(self) -> "SourceConfig":
        if (self.recipe is None) == (self.run is None):
            raise ValueError("name either a `recipe` or a `run`")
        if self.run is not None and self.set:
            raise ValueError("`set` cannot change a run that is finished")
        return self


class TargetConfig(Section):
    """What is to be learned with few labels: a recipe."""

    name: str | None = Field(None, min_length=1, description="What to call it; none: the recipe's name.")
    recipe: str = Field(description="A recipe file, or the name of a built-in recipe.")
    set: Changes = Field({}, description="Sections to change in the recipe.")
    labels: dict[str, str] = Field(
        {}, description="What sources call its classes, e.g. `{bad: negative, good: positive}`; none: the same."
    )

    @field_validator("labels")
    @classmethod
    def _name_different_classes(cls, labels: dict[str, str]) -> dict[str, str]:
        if len({name.casefold() for name in labels.values()}) < len(labels):
            raise ValueError("two classes stand for the same class of the source")
        return labels


class Moves(Section):
    """Which weights of the source a transferred model starts from; the others start as those of the baseline."""

    embeddings: bool = Field(True, description="Word vectors of all words that the source knows.")
    encoder: Literal["all", "none"] | tuple[Annotated[int, Field(ge=0)], ...] = Field(
        "all", description="All layers of the encoder, none, or a list, 0 nearest to the embeddings."
    )
    head: bool | None = Field(None, description="The classification head; none: where the label sets agree.")


class FullFineTuning(Section):
    """Every weight learns from the first step."""

    learning_rate_factor: float = Field(1.0, gt=0.0, description="Learning rates as a multiple of the target recipe's.")


class Probe(Section):
    """Only the head learns: what do the source's features tell of the target?"""

    learning_rate_factor: float = Field(1.0, gt=0.0, description="Learning rate as a multiple of the target recipe's.")


class GradualUnfreezing(Section):
    """From the head downwards, a layer more each stage, lower layers slower (Howard and Ruder 2018)."""

    learning_rate_factor: float = Field(1.0, gt=0.0, description="The head's learning rate, likewise.")
    decay: float = Field(2.6, ge=1.0, description="What the rate of each lower layer is divided by once more.")
    epochs_per_stage: int = Field(1, ge=1, description="Epochs until the next layer thaws.")


class TransferRecipe(Section):
    """One study, fully stated."""

    name: str = Field("unnamed", min_length=1, description="Names the study's directory.")
    description: str = Field("", description="One line on what the study asks.")
    source: _Several[Annotated[SourceConfig, BeforeValidator(_as_side)]] = Field(
        description="A recipe, `{run: DIR}`, or a list of such."
    )
    target: _Several[Annotated[TargetConfig, BeforeValidator(_as_side)]] = Field(
        description="A recipe, or a list of them."
    )
    text: dict[str, Any] = Field({}, description="Changes to the text section of every recipe, sources included.")
    glove: dict[str, Any] | None = Field({}, description="The same for the vectors; null: none.")
    encoder: dict[str, Any] = Field({}, description="The same for the encoder.")
    model: dict[str, Any] = Field({}, description="The same for the model section.")
    training: dict[str, Any] = Field({}, description="The same for the training section.")
    budgets: _Several[LabelBudget] = Field(
        (100, 500, 1000, 5000, "all"), description="Labels of the target, validation rows included."
    )
    arms: tuple[Arm, ...] = Field(
        ("scratch", "full", "frozen-glove", "random-embeddings", "nb-lr"), description="What to compare."
    )
    moves: Moves = Moves()
    full: FullFineTuning = FullFineTuning()
    probe: Probe = Probe()
    gradual: GradualUnfreezing = GradualUnfreezing()
    minimum_steps: int = Field(300, ge=0, description="A small budget is passed over more often, until so many steps.")
    minimum_batches: int = Field(
        16, ge=1, description="Batches shrink, to 16 texts at least, until an epoch has so many."
    )
    select: Literal["last", "best"] = Field(
        "last",
        description="Weights to judge: of the last step, or of the best validation (of few rows, a noisy choice).",
    )
    seeds: int = Field(3, ge=1, description="How often every cell is repeated, with other rows, weights and order.")
    seed: int = Field(1, ge=0, lt=2**32, description="The first seed; the others count up from it.")
    keep_models: bool = Field(False, description="Keep a run directory of every trained cell, ready for `predict`.")

    @field_validator("arms", "budgets")
    @classmethod
    def _are_named_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("one is named twice")
        return values

    @model_validator(mode="after")
    def _can_be_compared_and_repeated(self) -> "TransferRecipe":
        if BASELINE not in self.arms:
            raise ValueError(f"arms needs `{BASELINE}`, which every other arm is compared with")
        if self.seed + self.seeds > 2**32:
            raise ValueError("seed + seeds is larger than 2**32, the number of seeds that there are")
        return self

    @property
    def transfer_arms(self) -> tuple[str, ...]:
        """The arms that learn from a source's weights on, in their order."""
        return tuple(arm for arm in self.arms if arm in TRANSFER_ARMS)

    @property
    def has_zero_shot(self) -> bool:
        """Whether the sources are also judged before they have seen a label of the target."""
        return ZERO_SHOT in self.arms

    def cells(self, sources: Sequence[str], targets: Sequence[str]) -> list[Cell]:
        """Every cell of the study, seed by seed, so that a first full picture is there early."""
        cells = []
        for seed in range(self.seed, self.seed + self.seeds):
            for target in targets:
                if self.has_zero_shot:
                    cells += [Cell(target, source, ZERO_SHOT, 0, seed) for source in sources]
                for budget in self.budgets:
                    for arm in self.arms:
                        origins = sources if arm in TRANSFER_ARMS else () if arm == ZERO_SHOT else (None,)
                        cells += [Cell(target, source, arm, budget, seed) for source in origins]
        return cells


_OPTION = re.compile(r"--[a-z]+-field (\S+) \(in a recipe (data\.\w+)\)")
"""How a hint names an option of `train` that a study has not, and its key."""


@contextmanager
def hints_for(setting: str) -> Iterator[None]:
    """Turns hints on a recipe's data into hints on the study that changes this recipe by `setting`."""
    try:
        yield
    except SentrecError as error:
        if error.hint is not None:
            hint = _OPTION.sub(r"--set \2=\1", error.hint)
            error.hint = hint.replace("--set data.", f"{setting}data.")
        raise


def plain_name(name: str) -> str:
    """The name of a source or a target as part of a path."""
    return "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in name)
