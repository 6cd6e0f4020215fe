"""What each arm starts from, which weights of the source move there, and which of them learn."""

from collections.abc import Sequence

from sentrec.data.labels import matching_classes
from sentrec.errors import DataError, RecipeError
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel
from sentrec.models.kinds import build_model
from sentrec.recipe import Recipe
from sentrec.recipe.sections import TrainingConfig
from sentrec.training.optimizer import LearningPlan, Rate, recipe_plan
from sentrec.transfer.schema import GradualUnfreezing, Moves, TransferRecipe


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


def move_weights(
    source: TextModel, source_labels: Sequence[str], model: TextModel, label_names: Sequence[str], moves: Moves
) -> None:
    """Overwrites a model's starting weights with the source's, in place, as far as `moves` says.

    Words that the source does not know keep the vectors that the model has, which are GloVe's.

    Args:
        source: The source's model.
        source_labels: Its classes in the order of their numbers.
        model: A model of the same architecture, over another vocabulary.
        label_names: Its classes, as the source would call them.
        moves: What to move.

    Raises:
        DataError: If the head is to move and the label sets do not agree.
    """
    if moves.head:
        _require_same_labels(source_labels, label_names)
    classes = matching_classes(source_labels, label_names, moves.head)
    layers = [layer for layer in model.layers() if _moves(moves, layer)]
    if moves.head is not False and classes is not None:
        layers.append(HEAD)
    model.copy_layers(source, layers, classes.numbers if classes else None)


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


def require_labels(
    study: TransferRecipe, source: str, source_labels: Sequence[str], target: str, target_labels: Sequence[str]
) -> None:
    """Makes sure that the label sets allow what a study asks for, and that something moves at all.

    Args:
        study: The study.
        source: Name of the source.
        source_labels: Names of its classes.
        target: Name of the target.
        target_labels: Names of its classes, as the source would call them.

    Raises:
        DataError: If the label sets differ and their difference matters.
        RecipeError: If nothing would move.
    """
    moves = study.moves
    match = matching_classes(source_labels, target_labels, moves.head)
    if study.has_zero_shot and match is None:
        different = _different_labels(source_labels, target_labels)
        hint = _zero_shot_hint(source_labels, target_labels)
        raise DataError(f"{source} cannot be tried on {target} without training: {different}", hint)
    if moves.head:
        _require_same_labels(source_labels, target_labels)
    moves_head = moves.head is not False and match is not None
    if study.transfer_arms and not (moves.embeddings or moves.encoder not in ("none", ()) or moves_head):
        arms = ", ".join(study.transfer_arms)
        raise RecipeError(f"nothing moves from {source} to {target}, for: {arms}.", "Let `moves` name a part.")


def require_layers(moves: Moves, model: TextModel) -> None:
    """Makes sure that the encoder has the layers that are to move.

    Raises:
        RecipeError: If it lacks one.
    """
    known = {_number(layer) for layer in model.layers() if layer not in (EMBEDDINGS, HEAD)}
    unknown = [] if isinstance(moves.encoder, str) else sorted(set(moves.encoder) - known)
    if unknown:
        listed = ", ".join(str(layer) for layer in sorted(known)) or "none"
        raise RecipeError(f"moves.encoder: the encoder has no layer {unknown[0]}.", f"Its layers are: {listed}.")


def _moves(moves: Moves, layer: str) -> bool:
    if layer in (EMBEDDINGS, HEAD):
        return layer == EMBEDDINGS and moves.embeddings
    return moves.encoder == "all" or (moves.encoder != "none" and _number(layer) in moves.encoder)


def _number(layer: str) -> int:
    return int(layer.partition(".")[2])


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


def _require_same_labels(source: Sequence[str], target: Sequence[str]) -> None:
    if matching_classes(source, target, head=True) is None:
        raise DataError(_different_labels(source, target), "Leave the head: --set moves.head=false")


def _zero_shot_hint(source: Sequence[str], target: Sequence[str]) -> str:
    hint = "Leave `zero-shot` out of the arms"
    if len(source) != len(target):
        return f"{hint}."
    pairs = ", ".join(f"{name}: {called}" for name, called in zip(target, source, strict=True))
    return f"{hint}, or say what the source calls each class of the target, e.g. --set 'target.labels={{{pairs}}}'"


def _different_labels(source: Sequence[str], target: Sequence[str]) -> str:
    return f"the source's labels ({', '.join(source)}) are not the target's ({', '.join(target)})."
