"""Moving weights from a source's run into a model of the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sentrec.data.label_matching import matching_classes
from sentrec.errors import DataError
from sentrec.models.classifier import WORD_VECTORS, TextClassifier
from sentrec.models.weights import read_tensors
from sentrec.runs.directory import MODEL, TOKENIZER, Run
from sentrec.text.tokenizer import PADDING_ID, load_tokenizer, words_of
from sentrec.transfer.schema import Moves

_ENCODER = "encoder."
_HEAD = "head."


@dataclass(frozen=True)
class SourceWeights:
    """What a trained source offers.

    Attributes:
        tensors: Its weights by name.
        words: Its vocabulary in the order of the ids.
        label_names: Its classes in the order of their numbers.
    """

    tensors: dict[str, Tensor]
    words: Sequence[str]
    label_names: tuple[str, ...]


def read_source(run: Run) -> SourceWeights:
    """The weights, words and classes of a finished run."""
    tensors, _ = read_tensors(run.path / MODEL)
    return SourceWeights(tensors, words_of(load_tokenizer((run.path / TOKENIZER).read_bytes())), run.label_names)


def move_weights(
    source: SourceWeights, model: TextClassifier, words: Sequence[str], label_names: Sequence[str], moves: Moves
) -> None:
    """Overwrites a model's starting weights with the source's, in place, as far as `moves` says.

    Words that the source does not know keep the vectors that the model has, which are GloVe's.

    Args:
        source: What the source offers.
        model: A model of the same architecture, over another vocabulary.
        words: Its vocabulary in the order of the ids.
        label_names: Its classes, as the source would call them.
        moves: What to move.

    Raises:
        DataError: If the head is to move and the label sets do not agree.
    """
    state = model.state_dict()
    if moves.embeddings:
        _move_word_vectors(source, state[WORD_VECTORS], words)
    for name, tensor in source.tensors.items():
        if name.startswith(_ENCODER) and _moves_layer(moves, model.encoder.layer_of(name.removeprefix(_ENCODER))):
            state[name].copy_(tensor)
    if moves.head:
        require_same_labels(source.label_names, label_names)
    classes = matching_classes(source.label_names, label_names, moves.head)
    if moves.head is not False and classes is not None:
        for name in ("weight", "bias"):
            state[_HEAD + name].copy_(source.tensors[_HEAD + name][classes.numbers])


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


def _move_word_vectors(source: SourceWeights, table: Tensor, words: Sequence[str]) -> None:
    row_of = {word: row for row, word in enumerate(source.words)}
    rows = torch.tensor([row_of.get(word, -1) for word in words])
    rows[PADDING_ID] = -1
    known = rows >= 0
    table[known] = source.tensors[WORD_VECTORS][rows[known]]


def _moves_layer(moves: Moves, layer: int) -> bool:
    return moves.encoder == "all" or (moves.encoder != "none" and layer in moves.encoder)


def _zero_shot_hint(source: Sequence[str], target: Sequence[str]) -> str:
    hint = "Leave `zero-shot` out of the arms"
    if len(source) != len(target):
        return f"{hint}."
    pairs = ", ".join(f"{name}: {called}" for name, called in zip(target, source, strict=True))
    return f"{hint}, or say what the source calls each class of the target, e.g. --set 'target.labels={{{pairs}}}'"


def _different_labels(source: Sequence[str], target: Sequence[str]) -> str:
    return f"the source's labels ({', '.join(source)}) are not the target's ({', '.join(target)})."
