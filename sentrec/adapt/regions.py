"""From unlabelled texts to region embeddings in the store: read, encode, learn by gradients, scale."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sentrec.adapt.corpus import Part, parts_of
from sentrec.adapt.plan import AdaptProgress, OnProgress, RegionOptions
from sentrec.adapt.region_objective import RegionModel, Regions, RegionSampler
from sentrec.adapt.tokens import open_tokens
from sentrec.adapt.work import TOKENS, free_path, made_by, silent, work_folder, write_corpus
from sentrec.errors import DataError
from sentrec.glove.made import store_made_vectors
from sentrec.glove.store import GloveVectors
from sentrec.models.device import find_device, has_bfloat16
from sentrec.models.weights import read_tensors, write_tensors
from sentrec.text.tokenizer import build_tokenizer

_LENGTH = 128
"""Regions in a row."""
_ROWS = 64
"""How many such rows make a step."""
_STATE = "learned.safetensors"
_SAVED_EVERY = 60.0
_FIRST_SQUARES = 1e-9
_WARM_UP = 200
_SCALED_BY = 200_000
"""Regions that tell how far each number of a vector spreads."""


def learn_regions(
    options: RegionOptions,
    *,
    device: str | None = None,
    resume: bool | None = False,
    force: bool = False,
    wait: bool = False,
    on_progress: OnProgress | None = None,
) -> GloveVectors:
    """Learns region embeddings from unlabelled texts and stores them where recipes' ``model.regions`` looks for them.

    Args:
        options: What to learn from, and how.
        device: Where to compute; None: the best there is.
        resume: Go on with an interrupted work of the same options and texts; None: if there is one.
        force: Replace vectors of that name and size.
        wait: Wait for the end of another work on the same vectors.
        on_progress: Told how far the work is.

    Returns:
        The vector of each word, scaled such that the numbers of regions' vectors have a standard deviation of 1.

    Raises:
        GloveError: If the name is taken, now or after waiting, or another work is at it.
        DataError: If the corpus cannot be found or read, or holds too little.
        SentrecError: If there is no such device.
        Interrupted: If the user stopped it; what was done is kept for `resume`.
    """
    target = free_path(options.name, options.dim, force)
    where = find_device(device)
    parts = parts_of(options.corpus, options.text_columns)
    plan = asdict(options) | {"parts": [part.identity() for part in parts], "format": 1, "regions": True}
    with work_folder(target, plan, resume, force, wait) as folder:
        return _Learning(folder, options, parts, where, on_progress or silent).run()


class _Learning:
    """One work in its folder."""

    def __init__(
        self, folder: Path, options: RegionOptions, parts: Sequence[Part], device: torch.device, tell: OnProgress
    ) -> None:
        self.folder = folder
        self.options = options
        self.parts = parts
        self.device = device
        self.tell = tell

    def run(self) -> GloveVectors:
        options = self.options
        gap = options.window + options.reach
        words = write_corpus(self.folder, build_tokenizer(True), self.parts, options, gap, self.tell)
        stream = open_tokens(self.folder / TOKENS, len(words), gap)
        # All of it in memory: a step reads from anywhere. A million reviews are half a gigabyte.
        tokens = np.array(stream.tokens)
        counts = np.bincount(tokens, minlength=len(words) + 1)[: len(words)]
        sampler = RegionSampler(tokens, counts, options.window, options.reach)
        model = RegionModel(sampler.expected(), options.dim, options.window, self._generator(0)).to(self.device)
        self._learn(model, sampler)
        source = made_by(self.folder, self.parts)
        return store_made_vectors(options.name, words, self._scaled(model, sampler), source, options.window)

    def _learn(self, model: RegionModel, sampler: RegionSampler) -> None:
        options = self.options
        blocks = _blocks(sampler)
        if not len(blocks):
            raise DataError("the corpus holds too little text for regions.", "They are learned from many texts.")
        each = -(-len(blocks) // _ROWS)
        steps = each * options.passes
        optimizer = torch.optim.Adagrad(
            model.parameters(),
            options.learning_rate,
            initial_accumulator_value=_FIRST_SQUARES,
            fused=_fuses(self.device),
        )
        first = self._restore(model, optimizer)
        bfloat16, saved_at, mean = has_bfloat16(self.device), time.monotonic(), None
        for step in range(first, steps):
            if step == first or step % each == 0:
                order = self._generator(1, step // each).permutation(blocks)
            regions = sampler.draw(order[step % each * _ROWS :][:_ROWS], _LENGTH, self._generator(2, step))
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * min(1.0, (step + 1) / _WARM_UP) * (1 - step / steps)
            loss = model.loss(_on(regions, self.device), bfloat16)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            mean = loss.item() if mean is None else 0.99 * mean + 0.01 * loss.item()
            self.tell(AdaptProgress("learn", step + 1, steps, mean))
            if time.monotonic() - saved_at >= _SAVED_EVERY:
                self._save(model, optimizer, step + 1)
                saved_at = time.monotonic()

    def _generator(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.options.seed, *purpose))

    def _save(self, model: RegionModel, optimizer: torch.optim.Adagrad, step: int) -> None:
        squares = {f"squares.{name}": optimizer.state[value]["sum"] for name, value in model.named_parameters()}
        write_tensors(self.folder / _STATE, model.state_dict() | squares | {"step": torch.tensor(step)})

    def _restore(self, model: RegionModel, optimizer: torch.optim.Adagrad) -> int:
        """Puts a saved state in place; the number of steps that were taken."""
        path = self.folder / _STATE
        if not path.is_file():
            return 0
        state, _ = read_tensors(path)
        step = int(state.pop("step"))
        for name, value in model.named_parameters():
            optimizer.state[value]["sum"].copy_(state.pop(f"squares.{name}"))
            optimizer.state[value]["step"].fill_(float(step))
        model.load_state_dict(state)
        return step

    def _scaled(self, model: RegionModel, sampler: RegionSampler) -> npt.NDArray[np.float32]:
        """The words' vectors, scaled: the sums are rectified, so that a positive factor passes through."""
        blocks = self._generator(3).permutation(_blocks(sampler))[: max(1, _SCALED_BY // _LENGTH)]
        words = torch.from_numpy(sampler.tokens[blocks[:, None] + np.arange(_LENGTH)].astype(np.int64))
        with torch.inference_mode():
            spread = torch.cat([model(part.to(self.device)).flatten(0, 1) for part in torch.split(words, _ROWS)]).std(
                dim=0
            )
            # A number that is zero everywhere stays so.
            scaled = model.vectors[:-1] / torch.where(spread > 0, spread, 1.0)
        return scaled.cpu().numpy()


def _blocks(sampler: RegionSampler) -> npt.NDArray[np.int64]:
    """Where rows of regions begin: every so often, with room on both sides."""
    last = len(sampler.tokens) - _LENGTH - sampler.window - sampler.reach
    return np.arange(sampler.reach, max(sampler.reach, last), _LENGTH)


def _fuses(device: torch.device) -> bool:
    return device.type == "cpu"  # where it makes a step a seventh faster; torch has no such Adagrad elsewhere


def _on(regions: Regions, device: torch.device) -> Regions:
    return Regions(**{name: value.to(device) for name, value in vars(regions).items()})
