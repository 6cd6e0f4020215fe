"""Which weights learn, how fast, and from when on; what is not in a plan stays frozen, to the last bit."""

from collections.abc import Mapping
from dataclasses import dataclass

from sentrec.models.classifier import WORD_VECTORS, TextClassifier
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


def recipe_plan(recipe: Recipe, model: TextClassifier) -> LearningPlan:
    """Everything learns; the word vectors as the recipe's model and training sections say."""
    plan = {name: Rate() for name, _ in model.named_parameters()}
    if not recipe.has_encoder:
        return plan
    if recipe.model.embeddings == "frozen":
        del plan[WORD_VECTORS]
    else:
        rate = recipe.training.learning_rate
        factor = (recipe.training.embedding_learning_rate or rate) / rate
        plan[WORD_VECTORS] = Rate(factor, recipe.model.unfreeze_epoch)
    return plan
