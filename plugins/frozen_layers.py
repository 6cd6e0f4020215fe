"""Outputs of frozen layers: computed once for each text, kept in the cache folder, and read by the layers above."""

import copy
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentrec import Batch, EncodedTexts, cached_array

_PART = 1024
"""Texts in a file: what an interrupted computation loses at most."""
_BATCH_TOKENS = 8192
_TOLERANCE = 1e-3
_LARGEST = 65504.0
"""Of float16; some models have a few outputs beyond it."""
_log = logging.getLogger("sentrec.transformer")

Outputs = Callable[[Batch], Tensor]
"""Of a batch, shape ``(batch, tokens, width)``, or ``(batch, width)`` of whole texts."""


@dataclass(frozen=True)
class FrozenTexts(EncodedTexts):
    """Texts with what the frozen layers make of them.

    Attributes:
        states: Float16, memory-mapped, for every `_PART` texts: a row for each token, or for each text.
        of_texts: Whether it is one for each text.
    """

    states: Sequence[npt.NDArray[np.float16]] = ()
    of_texts: bool = False

    def batch(self, plain: Batch) -> "FrozenBatch":
        """A batch of these texts with their states; padding is zero."""
        lengths, width = self.lengths()[plain.rows], self.states[0].shape[1]
        if self.of_texts:
            found = np.stack([self.states[row // _PART][row % _PART] for row in plain.rows])
        else:
            found = np.zeros((*plain.mask.shape, width), dtype=np.float16)
            for place, (row, length) in enumerate(zip(plain.rows, lengths, strict=True)):
                start = self.offsets[row] - self.offsets[row // _PART * _PART]
                found[place, :length] = self.states[row // _PART][start : start + length]
        return FrozenBatch(plain.rows, plain.token_ids, plain.mask, states=torch.from_numpy(found))


@dataclass(frozen=True)
class FrozenBatch(Batch):
    """A batch with the outputs of frozen layers: float16, ``(batch, tokens, width)``, or ``(batch, width)``."""

    states: Tensor = field(kw_only=True)

    def to(self, device: torch.device) -> "FrozenBatch":
        """The batch on a device."""
        ids, mask, states = (one.to(device) for one in (self.token_ids, self.mask, self.states))
        return FrozenBatch(self.rows, ids, mask, states=states)


def frozen_texts(
    encoded: EncodedTexts, collate: Callable[[npt.NDArray[np.int64]], Batch], outputs: Outputs, key: str, of_texts: bool
) -> FrozenTexts:
    """Computes what frozen layers make of texts, or reads it from the cache folder.

    Args:
        encoded: The texts.
        collate: Makes a batch of some of them, on the device that computes.
        outputs: Of a batch.
        key: Changes with whatever the outputs depend on besides the texts.
        of_texts: Whether there is one output for a whole text, not one for each token.
    """
    states = []
    for start in range(0, len(encoded), _PART):
        rows = np.arange(start, min(start + _PART, len(encoded)))
        part = encoded.take(rows)
        known = hashlib.blake2b(key.encode() + part.offsets.tobytes(), digest_size=16)
        known.update(part.token_ids.tobytes())
        count = len(rows) if of_texts else len(part.token_ids)

        def compute(rows: npt.NDArray[np.int64] = rows) -> npt.NDArray[np.float16]:
            counts = (f"{number:,}" for number in (rows[0] + 1, rows[-1] + 1, len(encoded)))
            _log.info("Computing the frozen layers: texts %s to %s of %s", *counts)
            return _computed(encoded, rows, collate, outputs, of_texts)

        found = cached_array(f"frozen/{known.hexdigest()}", count, compute)
        states.append(found)
    return FrozenTexts(encoded.token_ids, encoded.offsets, states=states, of_texts=of_texts)


def _computed(
    encoded: EncodedTexts,
    rows: npt.NDArray[np.int64],
    collate: Callable[[npt.NDArray[np.int64]], Batch],
    outputs: Outputs,
    of_texts: bool,
) -> npt.NDArray[np.float16]:
    lengths = encoded.lengths()[rows]
    found: list[npt.NDArray[np.float16]] = [np.empty(0, np.float16)] * len(rows)
    with torch.inference_mode():
        for places in _batches(lengths):
            states = outputs(collate(rows[places])).float().clamp(-_LARGEST, _LARGEST).cpu().numpy().astype(np.float16)
            for place, values in zip(places, states, strict=True):
                found[place] = values if of_texts else values[: lengths[place]]
    return np.stack(found) if of_texts else np.concatenate(found)


def _batches(lengths: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Places of texts of like length; the shortest first."""
    order, start = np.argsort(lengths, kind="stable"), 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end - start + 1) * lengths[order[end]] > _BATCH_TOKENS:
            yield order[start:end]
            start = end


def fingerprint_of(parameters: Iterable[Tensor]) -> str:
    """What changes with the values of parameters."""
    found = hashlib.blake2b(digest_size=16)
    for parameter in parameters:
        found.update(parameter.detach().cpu().numpy().tobytes())
    return found.hexdigest()


def layers_of(transformer: nn.Module, count: int) -> tuple[str, dict[str, list[str]]]:
    """The name of a transformer's list of layers, "" where all share weights; and its parameters by layer.

    What belongs to no layer of its own is among the embeddings, a norm after the last layer in the top one.

    Args:
        transformer: A model of the library transformers.
        count: How many layers it has.
    """
    lists = ((name, one) for name, one in transformer.named_modules() if isinstance(one, nn.ModuleList))
    stack = next((name for name, one in lists if len(one) == count), "")
    names = ("embeddings", *(f"encoder.{number}" for number in range(count if stack else 1)))
    found: dict[str, list[str]] = {name: [] for name in names}
    for name, _ in transformer.named_parameters():
        if stack and name.startswith(f"{stack}."):
            layer = f"encoder.{name.removeprefix(f'{stack}.').partition('.')[0]}"
        elif stack and name.startswith("final"):
            layer = f"encoder.{count - 1}"
        else:
            layer = "embeddings" if stack or name.startswith("embeddings") else "encoder.0"
        found[layer].append(name)
    return stack, found


class _ReachedError(Exception):
    """Ends a forward pass at the layer whose input is asked for."""


class _GivenStates(nn.Module):
    """Stands in for the embeddings: hands on the states that are given instead of embedded tokens."""

    def forward(self, *args: object, **named: object) -> Tensor:
        """The first tensor of floats among the arguments."""
        given = [one for one in (*args, *named.values()) if isinstance(one, Tensor) and one.is_floating_point()]
        return next(one for one in given if one.ndim == 3)


def lower_layers(transformer: nn.Module, stack: str, depth: int) -> Callable[..., Tensor]:
    """What computes the input of layer `depth` of a transformer; its arguments are those of the transformer.

    Args:
        transformer: A model of the library transformers.
        stack: The name of its list of layers.
        depth: How many layers lie below.
    """

    def compute(**inputs: Tensor) -> Tensor:
        reached: list[Tensor] = []

        def stop(_: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            reached.append(args[0] if args else named["hidden_states"])
            raise _ReachedError

        hook = transformer.get_submodule(f"{stack}.{depth}").register_forward_pre_hook(stop, with_kwargs=True)
        try:
            transformer(**inputs)
        except _ReachedError:
            return reached[0]
        finally:
            hook.remove()
        raise AssertionError("the forward pass of the transformer does not reach the layer")

    return compute


def upper_layers(transformer: nn.Module, stack: str, depth: int) -> nn.Module:
    """The same transformer without its embeddings and lowest layers; parameters and the layers above are shared.

    It takes the states as ``inputs_embeds``.

    Args:
        transformer: A model of the library transformers.
        stack: The name of its list of layers.
        depth: How many layers to leave out.
    """
    upper = _shallow(transformer)
    upper.embeddings = _GivenStates()
    if hasattr(upper, "embeddings_project"):
        upper.embeddings_project = nn.Identity()
    *path, last = stack.split(".")
    parent = upper
    for name in path:
        setattr(parent, name, _shallow(getattr(parent, name)))
        parent = getattr(parent, name)
    setattr(parent, last, nn.ModuleList(list(getattr(parent, last))[depth:]))
    return upper


def same_outputs(first: Tensor, second: Tensor, mask: Tensor) -> bool:
    """Whether two computations of states agree, padding aside."""
    return bool(((first - second).abs().amax(dim=-1) * mask).max() <= _TOLERANCE * (1 + first.abs().max()))


def _shallow(module: nn.Module) -> nn.Module:
    twin = copy.copy(module)
    twin.__dict__.update({name: dict(getattr(module, name)) for name in ("_modules", "_parameters", "_buffers")})
    return twin
