"""What each arm starts from, and which of its weights learn."""

from collections.abc import Sequence

from sentrec.errors import RecipeError
from sentrec.glove.store import GloveVectors
from sentrec.models.classifier import WORD_VECTORS, TextClassifier, build_classifier, start_embeddings
from sentrec.recipe import Recipe
from sentrec.recipe.sections import TrainingConfig
from sentrec.training.learning_plan import LearningPlan, Rate, recipe_plan
from sentrec.transfer.schema import GradualUnfreezing, TransferRecipe


def target_only_model(
    arm: str, recipe: Recipe, words: Sequence[str], classes: int, vectors: GloveVectors | None
) -> TextClassifier:
    """A model as it stands before any training, with word vectors from GloVe (or at random, for that arm).

    Args:
        arm: Name of the arm.
        recipe: The target's, with the seed of the cell.
        words: The vocabulary in the order of the ids.
        classes: Number of classes.
        vectors: The GloVe vectors, or None.
    """
    dim = vectors.dim if vectors else recipe.model.embedding_dim
    model = build_classifier(recipe, len(words), classes, dim)
    start_embeddings(model, words, None if arm == "random-embeddings" else vectors, recipe.seed)
    return model


def learning_plan(arm: str, recipe: Recipe, model: TextClassifier, study: TransferRecipe) -> LearningPlan:
    """Which weights of an arm learn, how fast, and from which epoch on.

    Raises:
        RecipeError: If gradual unfreezing would not reach the lowest layer within the training, or might not.
    """
    plan = recipe_plan(recipe, model)
    match arm:
        case "full":
            return _scaled(plan, study.full.learning_rate_factor)
        case "probe":
            head = {name: rate for name, rate in plan.items() if _is_head(name)}
            return _scaled(head, study.probe.learning_rate_factor)
        case "gradual":
            return _gradual(plan, model, study.gradual, recipe.training)
        case "frozen-glove":
            return {name: rate for name, rate in plan.items() if name != WORD_VECTORS}
        case _:
            return plan


def _gradual(
    plan: LearningPlan, model: TextClassifier, options: GradualUnfreezing, training: TrainingConfig
) -> dict[str, Rate]:
    depths = {name: _depth(name, model) for name in plan}
    # The head thaws first; a frozen embedding table has no stage.
    stages = {depth: stage for stage, depth in enumerate(sorted(set(depths.values()), reverse=True))}
    needed = (len(stages) - 1) * options.epochs_per_stage + 1
    if training.max_steps is not None:
        raise RecipeError(
            "gradual unfreezing counts epochs, and training.max_steps would end them early.",
            "Leave `gradual` out of the arms, or training.max_steps out of the recipes.",
        )
    if needed > training.epochs:
        raise RecipeError(
            f"gradual unfreezing of {len(stages)} layers takes {needed} epochs; the training has {training.epochs}.",
            f"Raise training.epochs to {needed}, or lower gradual.epochs_per_stage.",
        )
    return {
        name: Rate(
            rate.factor * options.learning_rate_factor / options.decay ** stages[depths[name]],
            stages[depths[name]] * options.epochs_per_stage,
        )
        for name, rate in plan.items()
    }


def _depth(name: str, model: TextClassifier) -> float:
    """The place of a weight between the embeddings (-1) and the head (infinity)."""
    if _is_head(name):
        return float("inf")
    return model.encoder.layer_of(name.removeprefix("encoder.")) if name.startswith("encoder.") else -1


def _is_head(name: str) -> bool:
    return name.startswith("head.")


def _scaled(plan: LearningPlan, factor: float) -> dict[str, Rate]:
    return {name: Rate(rate.factor * factor, rate.from_epoch) for name, rate in plan.items()}
