"""Builds a registered encoder, and tries it on a tiny batch first."""

import torch

from sentrec.encoder import Encoder, EncoderConfig
from sentrec.models.compute import one_thread
from sentrec.plugins import EncoderEntry


def build_encoder(entry: EncoderEntry, options: EncoderConfig, input_size: int) -> Encoder:
    """Builds an encoder and runs it on a tiny batch, so that a fault of its author is named as one, and early.

    Args:
        entry: The registered encoder.
        options: An instance of the encoder's own ``Config``.
        input_size: Width of the embedded tokens.

    Returns:
        The encoder in training mode; torch's random state is as if it had only been built.

    Raises:
        PluginError: If it cannot be built, fails on the batch, or its features have another shape than it promises.
    """
    try:
        encoder = entry.encoder(options, input_size)
        shape, promised = _features_of_a_tiny_batch(encoder, input_size), (2, encoder.output_size)
    # An encoder is foreign code and may raise anything.
    except Exception as error:
        raise entry.fault(f"fails: {type(error).__name__}: {error}") from error
    if shape != promised:
        raise entry.fault(f"gives features of shape {shape} for 2 texts, but its output_size promises {promised}")
    return encoder


def _features_of_a_tiny_batch(encoder: Encoder, input_size: int) -> tuple[int, ...]:
    # Texts of three tokens and of one; neither random numbers nor the state of the encoder may change by it.
    mask = torch.tensor([[True, True, True], [True, False, False]])
    with torch.random.fork_rng(devices=[]), torch.no_grad(), one_thread(torch.device("cpu")):
        features = encoder.eval()(torch.zeros(2, 3, input_size), mask)
    encoder.train()
    return tuple(features.shape)
