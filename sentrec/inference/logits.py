"""Logits for many texts, batched by length, in the order they came."""

from contextlib import nullcontext

import numpy as np
import numpy.typing as npt
import torch

from sentrec.data.batches import iterate_batches, plan_batches
from sentrec.models.classifier import TextClassifier
from sentrec.models.compute import exact_float32, memory_errors, one_thread, to_device
from sentrec.text.encoding import EncodedTexts

INFERENCE_BATCH_SIZE = 256
INFERENCE_BATCH_TOKENS = 32_768
LENGTH_MULTIPLE = 8
"""oneDNN keeps code for every shape that it meets: with few shapes, memory does not grow with the number of texts."""
_MEMORY_HINT = "End other programs that use it, or compute on another device."


def predict_logits(
    model: TextClassifier, encoded: EncodedTexts, process_index: int = 0, processes: int = 1
) -> npt.NDArray[np.float32]:
    """Scores every text in float32, without dropout.

    Always float32, on CUDA without TF32: a score must not depend on the batch it was computed in, nor on the
    processor's short formats.

    Args:
        model: The classifier; its mode is restored afterwards.
        encoded: The texts.
        process_index: Which share of the batches to do, for several processes.
        processes: How many processes share the work; rows of the others stay zero, so that a sum joins them.

    Returns:
        Logits, shape ``(texts, classes)``.

    Raises:
        SentrecError: If there is not enough memory.
    """
    device = model.device
    logits = np.zeros((len(encoded), model.classes), dtype=np.float32)
    plan = plan_batches(encoded.lengths(), INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS)
    was_training = model.training
    model.eval()
    threads = one_thread(device) if len(encoded) == 1 else nullcontext()
    with torch.inference_mode(), exact_float32(device), memory_errors(_MEMORY_HINT), threads:
        for batch in iterate_batches(encoded, plan[process_index::processes], LENGTH_MULTIPLE):
            output = model(to_device(batch.token_ids, device), to_device(batch.mask, device))
            logits[batch.rows] = output.cpu().numpy()
    model.train(was_training)
    return logits
