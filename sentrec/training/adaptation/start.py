"""Going on from a trained model: its words and weights to start from. What rows change of them: `fine_tune`."""

import logging
from collections.abc import Sequence

import torch

from sentrec.data.label_matching import ClassMatch
from sentrec.models.classifier import NgramClassifier, TextClassifier, restore_classifier
from sentrec.ngrams.linear import WideChannel
from sentrec.recipe.sections import InitConfig
from sentrec.runs.directory import MODEL, Run
from sentrec.runs.references import match_source

_log = logging.getLogger(__name__)


def start_from_source(model: TextClassifier, init: InitConfig, source: Run, label_names: Sequence[str]) -> None:
    """Gives a model the source's weights, in place, and switches its n-grams on.

    Where the classes are the source's, the model now answers exactly as the source does. Where they are not, the words
    and the encoder are the source's; head and n-grams start at zero.

    Args:
        model: A model of the source's architecture over its vocabulary.
        init: What the recipe says.
        source: The run.
        label_names: One's own classes in the order of their numbers.
    """
    match = match_source(init, source.label_names, label_names)
    given = restore_classifier(source.recipe, source.path / MODEL, len(source.label_names))
    if not isinstance(model, NgramClassifier):
        model.embedding.load_state_dict(given.embedding.state_dict())
        model.encoder.load_state_dict(given.encoder.state_dict())
        _start_head(model, given, match)
    if model.wide is not None:
        _start_ngrams(model.wide, given.wide, match)
    _tell_classes(init, source, label_names, match)


def _start_head(model: TextClassifier, given: TextClassifier, match: ClassMatch | None) -> None:
    with torch.no_grad():
        for name, tensor in model.head.state_dict().items():
            tensor.copy_(given.head.state_dict()[name][match.numbers] if match else torch.zeros_like(tensor))


def _start_ngrams(wide: WideChannel, given: WideChannel | None, match: ClassMatch | None) -> None:
    wide.active = True
    if given is None or match is None:
        wide.shares.fill_(1.0)
        if given is not None:
            wide.scaling.copy_(given.scaling)
        return
    for name, theirs in given.state_dict().items():
        if name not in ("weights", "bias"):
            wide.state_dict()[name].copy_(theirs)
            continue
        # Two classes have one margin, which speaks for the second of them.
        swapped = -1.0 if match.numbers == [1, 0] else 1.0
        wide.state_dict()[name].copy_(theirs * swapped if theirs.shape[-1] == 1 else theirs[..., match.numbers])


def _tell_classes(init: InitConfig, source: Run, label_names: Sequence[str], match: ClassMatch | None) -> None:
    if match is not None:
        _log.info("Starting from %s. %s", init.run, match.note or f"Its classes: {', '.join(source.label_names)}.")
        return
    ours, theirs = ", ".join(label_names), ", ".join(source.label_names)
    hint = ""
    if len(label_names) == len(source.label_names):
        pairs = ", ".join(f"{own}: {other}" for own, other in zip(label_names, source.label_names, strict=True))
        hint = f" If they mean the same, say so: --set 'init={{run: {init.run}, labels: {{{pairs}}}}}'"
    _log.warning("Your classes (%s) are not those of %s (%s): they get a new head.%s", ours, init.run, theirs, hint)
