"""Which weights learn, how fast, and from when on; what is not in a plan stays frozen, to the last bit."""

from collections.abc import Mapping
from dataclasses import dataclass

from sentrec.models.base import EMBEDDINGS, TextModel
from sentrec.recipe.schema import Recipe


@dataclass(frozen=True)
class Rate:
    """How fast one weight learns, and from when on.

    Attributes:
        factor: Its learning rate as a multiple of the recipe's.
        from_epoch: Epochs for which it stays as it started.
    """

    factor: float = 1.0
    from_epoch: int = 0


LearningPlan = Mapping[str, Rate]
"""The rate of every weight that learns, by its name in the model."""


def recipe_plan(recipe: Recipe, model: TextModel) -> LearningPlan:
    """Everything learns; the embeddings as the recipe's model and training sections say."""
    plan = {name: Rate() for name, _ in model.named_parameters()}
    rate = recipe.training.learning_rate
    of_embeddings = Rate((recipe.training.embedding_learning_rate or rate) / rate, recipe.model.unfreeze_epoch)
    for name in model.layers().get(EMBEDDINGS, ()):
        if recipe.model.embeddings == "frozen":
            del plan[name]
        else:
            plan[name] = of_embeddings
    return plan
