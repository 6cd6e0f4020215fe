"""Moving weights from a source's run into a model of the target."""

from collections.abc import Sequence

from sentrec.data.label_matching import matching_classes
from sentrec.errors import DataError, RunError
from sentrec.files.parse import read_text
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel
from sentrec.models.kinds import restore_model
from sentrec.runs.directory import MODEL, TOKENIZER, Run
from sentrec.transfer.schema import Moves


def read_source(run: Run) -> TextModel:
    """The model of a finished run."""
    tokenizer = read_text(run.path / TOKENIZER, RunError)
    return restore_model(run.recipe, tokenizer, len(run.label_names), run.path / MODEL)


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
        require_same_labels(source_labels, label_names)
    classes = matching_classes(source_labels, label_names, moves.head)
    layers = [layer for layer in model.layers() if _moves(moves, layer)]
    if moves.head is not False and classes is not None:
        layers.append(HEAD)
    model.copy_layers(source, layers, classes.numbers if classes else None)


def layers_of_encoder(model: TextModel) -> list[int]:
    """The numbers of its layers between embeddings and head, from the bottom up."""
    return [int(layer.partition(".")[2]) for layer in model.layers() if layer not in (EMBEDDINGS, HEAD)]


def _moves(moves: Moves, layer: str) -> bool:
    if layer in (EMBEDDINGS, HEAD):
        return layer == EMBEDDINGS and moves.embeddings
    number = int(layer.partition(".")[2])
    return moves.encoder == "all" or (moves.encoder != "none" and number in moves.encoder)


def require_same_labels(source_labels: Sequence[str], target_labels: Sequence[str]) -> None:
    """Makes sure that a head can move.

    Raises:
        DataError: If the label sets do not agree.
    """
    if matching_classes(source_labels, target_labels, head=True) is None:
        raise DataError(_different_labels(source_labels, target_labels), "Leave the head: --set moves.head=false")


def require_zero_shot(
    source: str, source_labels: Sequence[str], target: str, target_labels: Sequence[str], head: bool | None = None
) -> None:
    """Makes sure that a source can be judged on a target as it is.

    Args:
        source: Name of the source.
        source_labels: Names of its classes.
        target: Name of the target.
        target_labels: Names of its classes, as the source would call them.
        head: What `Moves.head` says.

    Raises:
        DataError: If their label sets do not agree.
    """
    if matching_classes(source_labels, target_labels, head) is None:
        raise DataError(
            f"{source} cannot be tried on {target} without training: {_different_labels(source_labels, target_labels)}",
            _zero_shot_hint(source_labels, target_labels),
        )


def _zero_shot_hint(source: Sequence[str], target: Sequence[str]) -> str:
    hint = "Leave `zero-shot` out of the arms"
    if len(source) != len(target):
        return f"{hint}."
    pairs = ", ".join(f"{name}: {called}" for name, called in zip(target, source, strict=True))
    return f"{hint}, or say what the source calls each class of the target, e.g. --set 'target.labels={{{pairs}}}'"


def _different_labels(source: Sequence[str], target: Sequence[str]) -> str:
    return f"the source's labels ({', '.join(source)}) are not the target's ({', '.join(target)})."
