"""What a study could only fail at after hours, or would measure in vain: found before any training."""

from collections.abc import Sequence

from sentrec.data.label_matching import matching_classes
from sentrec.errors import RecipeError
from sentrec.models.base import TextModel
from sentrec.transfer.loading import NamedSource, NamedTarget, load_sources, load_targets
from sentrec.transfer.origins import require_alike
from sentrec.transfer.schema import Moves, TransferRecipe
from sentrec.transfer.weights import layers_of_encoder, require_same_labels, require_zero_shot

_ABOUT_GLOVE = ("frozen-glove", "random-embeddings")


def load_sides(study: TransferRecipe) -> tuple[list[NamedSource], list[NamedTarget]]:
    """The sources and targets of a study, which fit each other and its arms.

    Raises:
        RecipeError: If a recipe is wrong, sources and targets do not fit each other, or an arm would be another one.
        RunError: If a source's run is missing, unfinished or was altered.
    """
    sources, targets = load_sources(study), load_targets(study)
    for target in targets:
        for source in sources:
            require_alike(source, target)
        _require_different_arms(study, target)
    return sources, targets


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
    if study.has_zero_shot:
        require_zero_shot(source, source_labels, target, target_labels, moves.head)
    if moves.head:
        require_same_labels(source_labels, target_labels)
    moves_head = moves.head is not False and matching_classes(source_labels, target_labels, moves.head) is not None
    if study.transfer_arms and not (moves.embeddings or moves.encoder not in ("none", ()) or moves_head):
        arms = ", ".join(study.transfer_arms)
        raise RecipeError(f"nothing moves from {source} to {target}, for: {arms}.", "Let `moves` name a part.")


def require_layers(moves: Moves, model: TextModel) -> None:
    """Makes sure that the encoder has the layers that are to move.

    Raises:
        RecipeError: If it lacks one.
    """
    known = layers_of_encoder(model)
    unknown = [] if isinstance(moves.encoder, str) else sorted(set(moves.encoder) - set(known))
    if unknown:
        listed = ", ".join(str(layer) for layer in sorted(known)) or "none"
        raise RecipeError(f"moves.encoder: the encoder has no layer {unknown[0]}.", f"Its layers are: {listed}.")


def _require_different_arms(study: TransferRecipe, target: NamedTarget) -> None:
    for arm in study.arms:
        hint = f"Leave `{arm}` out of the arms"
        if arm in _ABOUT_GLOVE and target.recipe.glove is None:
            raise RecipeError(f"{arm} asks what GloVe gives, and {target.name} has `glove: null`.", f"{hint}.")
        if arm == "frozen-glove" and target.recipe.model.embeddings == "frozen":
            raise RecipeError(
                f"frozen-glove would be scratch once more: model.embeddings of {target.name} is frozen.",
                f"{hint}, or set model.embeddings=fine-tuned.",
            )
