"""What each arm starts from, and which of its weights learn."""

from sentrec.errors import RecipeError
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel
from sentrec.models.kinds import build_model
from sentrec.recipe import Recipe
from sentrec.recipe.sections import TrainingConfig
from sentrec.training.learning_plan import LearningPlan, Rate, recipe_plan
from sentrec.transfer.schema import GradualUnfreezing, TransferRecipe


def target_only_model(arm: str, recipe: Recipe, tokenizer: str, classes: int) -> TextModel:
    """A model as it stands before any training, with word vectors from GloVe (or at random, for that arm).

    Args:
        arm: Name of the arm.
        recipe: The target's, with the seed of the cell.
        tokenizer: As the model's kind learned it.
        classes: Number of classes.
    """
    if arm == "random-embeddings" and recipe.glove is not None:
        of_that_width = recipe.model.model_copy(update={"embedding_dim": recipe.glove.dim})
        recipe = recipe.model_copy(update={"glove": None, "model": of_that_width})
    return build_model(recipe, tokenizer, classes)


def learning_plan(arm: str, recipe: Recipe, model: TextModel, study: TransferRecipe) -> LearningPlan:
    """Which weights of an arm learn, how fast, and from which epoch on.

    Raises:
        RecipeError: If gradual unfreezing would not reach the lowest layer within the training, or might not.
    """
    plan = recipe_plan(recipe, model)
    match arm:
        case "full":
            return _scaled(plan, study.full.learning_rate_factor)
        case "probe":
            head = model.layers().get(HEAD, ())
            return _scaled({name: plan[name] for name in head}, study.probe.learning_rate_factor)
        case "gradual":
            return _gradual(plan, model, study.gradual, recipe.training)
        case "frozen-glove":
            frozen = model.layers().get(EMBEDDINGS, ())
            return {name: rate for name, rate in plan.items() if name not in frozen}
        case _:
            return plan


def _gradual(
    plan: LearningPlan, model: TextModel, options: GradualUnfreezing, training: TrainingConfig
) -> dict[str, Rate]:
    # The head thaws first; a layer that is frozen has no stage.
    layers = [[name for name in names if name in plan] for names in reversed(model.layers().values())]
    stages = {name: stage for stage, names in enumerate(filter(None, layers)) for name in names}
    count = len(set(stages.values()))
    needed = (count - 1) * options.epochs_per_stage + 1
    if training.max_steps is not None:
        raise RecipeError(
            "gradual unfreezing counts epochs, and training.max_steps would end them early.",
            "Leave `gradual` out of the arms, or training.max_steps out of the recipes.",
        )
    if needed > training.epochs:
        raise RecipeError(
            f"gradual unfreezing of {count} layers takes {needed} epochs; the training has {training.epochs}.",
            f"Raise training.epochs to {needed}, or lower gradual.epochs_per_stage.",
        )
    return {
        name: Rate(
            rate.factor * options.learning_rate_factor / options.decay ** stages[name],
            stages[name] * options.epochs_per_stage,
        )
        for name, rate in plan.items()
    }


def _scaled(plan: LearningPlan, factor: float) -> dict[str, Rate]:
    return {name: Rate(rate.factor * factor, rate.from_epoch) for name, rate in plan.items()}
