"""`export --onnx`: a model of words as one ONNX file, with its tokenizer, checked against the original."""

import copy
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sentrec.data.batches import Batch
from sentrec.errors import RunError, SentrecError, messages_from, shortened
from sentrec.export.onnx_weights import as_operators, compress
from sentrec.files.parse import read_text
from sentrec.files.storage import atomic_path
from sentrec.inference.onnx import LOGITS, PROBABILITIES, SETTINGS, TOKENIZER, open_session, settings_of
from sentrec.inference.predictor import model_of
from sentrec.models.base import TextModel
from sentrec.models.device import one_thread
from sentrec.models.kinds import int8_weights
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run, open_run
from sentrec.text.padding import ModelInput
from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID, load_tokenizer

OPSET = 20
LARGEST_DIFFERENCE = 1e-5
"""Of a probability, between the file and the model."""
SHAPES = ((1, 1), (1, 400), (2, 3), (32, 1), (32, 400))
"""Texts and tokens for which the file is compared with the model."""
_MOST = 2**20


@dataclass(frozen=True)
class OnnxExport:
    """A model in an ONNX file, written."""

    path: Path  # the file
    bytes: int  # its size
    largest_difference: float  # of a probability from the model's, on random texts of `SHAPES`


class _Graph(nn.Module):
    """A model as a function of arrays: from word ids to logits and calibrated probabilities."""

    def __init__(self, model: TextModel, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, tokens: Tensor, beside: Tensor | None = None) -> tuple[Tensor, Tensor]:
        rows = np.empty(0, dtype=np.int64)
        other = None if beside is None else Batch(rows, beside, beside != PADDING_ID)
        logits = self.model(Batch(rows, tokens, tokens != PADDING_ID, other))
        return logits, torch.softmax(logits / self.temperature, dim=1)


def export_onnx(run: str | Path | Run, out: str | Path) -> OnnxExport:
    """Writes a run's model as an ONNX file that `sentrec.inference.onnx.OnnxClassifier` reads, and a browser can.

    The file takes word ids, int64, ``(texts, tokens)``, both of any size, padded with 0; its metadata says how texts
    become these. Weights that a run holds in int8 or float16, as one of `sentrec export` does, are so in the file, too.
    Raises a `RunError` if the run cannot be opened or its model cannot be exported, a `SentrecError` if a library is
    not installed, or the file's answers are not the model's.
    """
    run, out = run if isinstance(run, Run) else open_run(run), Path(out)
    if run.members:
        raise RunError(f"{run.path} is an ensemble, and no single model.", "Distil it into one, and export that.")
    model = model_of(run).eval()
    inputs = model.inputs()
    if not inputs:
        raise RunError(
            f"a model of the kind '{run.recipe.encoder_name}' reads texts with a tokenizer of its own, which an ONNX "
            "file cannot hold.",
            "What can be exported: encoders on word embeddings, n-grams, and both stacked.",
        )
    graph = _Graph(model, run.temperature).eval()
    drawn = copy.deepcopy(graph)
    as_operators(drawn)
    proto = _exported(drawn, inputs, run.recipe.encoder_name)
    int8 = {f"model.{name}": one for name, one in int8_weights(run.recipe, run.path / runs.MODEL).items()}
    compress(proto, drawn.state_dict(), int8)
    tokenizer = load_tokenizer(read_text(run.path / runs.TOKENIZER, RunError).encode()).to_str()
    for key, value in {
        SETTINGS: settings_of(run.recipe.name, run.label_names, run.temperature, inputs),
        TOKENIZER: json.dumps(json.loads(tokenizer), ensure_ascii=False, separators=(",", ":")),
    }.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    content = proto.SerializeToString()
    difference = _largest_difference(graph, content, inputs, tokenizer)
    if not difference <= LARGEST_DIFFERENCE:
        raise SentrecError(
            f"the file's probabilities differ from the model's by up to {difference:.1e}; nothing was written."
        )
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
    return OnnxExport(out, len(content), difference)


def _exported(graph: _Graph, inputs: Sequence[ModelInput], encoder: str) -> Any:
    """The graph as an ONNX model of symbolic shapes."""
    try:
        import onnx  # noqa: F401 - the exporter needs it
        import onnxscript  # noqa: F401
    except ImportError as error:
        hint = 'Install the extra: pip install -c constraints.txt "sentrec[onnx]"'
        raise SentrecError(f"an export to ONNX needs {error.name}, which is not installed.", hint) from error
    names = [one.name for one in inputs]
    batch = torch.export.Dim("texts", min=1, max=_MOST)
    # Sizes of which none is special, nor equal to another.
    example = tuple(torch.full((3, 11 + 2 * place), UNKNOWN_ID + 1) for place in range(len(inputs)))
    dynamic = tuple({0: batch, 1: torch.export.Dim(name, min=1, max=_MOST)} for name in names)
    try:
        quiet = messages_from(logging.CRITICAL, "torch.onnx", "torch.export", "onnxscript", "onnx_ir")
        with warnings.catch_warnings(action="ignore"), quiet:  # it tells its developers
            program = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=names,
                output_names=[LOGITS, PROBABILITIES],
                dynamic_shapes=dynamic,
                verbose=False,
            )
    # An encoder may be foreign code, and the exporter raises anything.
    except Exception as error:
        reason = shortened(" ".join(str(error.__cause__ or error).split()), 300)
        raise RunError(f"the encoder '{encoder}' cannot be exported to ONNX: {reason}") from error
    assert program is not None
    proto = program.model_proto
    for one in proto.graph.input:
        if not all(dim.dim_param for dim in one.type.tensor_type.shape.dim):
            raise RunError(f"the encoder '{encoder}' cannot be exported to ONNX: it fixes the shape of its batches.")
    return proto


def _largest_difference(graph: _Graph, content: bytes, inputs: Sequence[ModelInput], tokenizer: str) -> float:
    """Of probabilities of random texts, each padded to the longest of its batch."""
    session = open_session(content, "the file")
    generator = np.random.default_rng(0)
    words = load_tokenizer(tokenizer.encode()).get_vocab_size()
    largest = 0.0
    for texts, longest in SHAPES:
        arrays = []
        for one in inputs:
            ids = generator.integers(UNKNOWN_ID, max(words, 3), (texts, min(longest, one.max_tokens)))
            lengths = generator.integers(1, ids.shape[1] + 1, texts)
            lengths[0] = ids.shape[1]
            arrays.append(np.where(np.arange(ids.shape[1]) < lengths[:, None], ids, PADDING_ID))
        with torch.inference_mode(), one_thread(torch.device("cpu")):
            wanted = graph(*map(torch.from_numpy, arrays))[1].numpy()
        names = (one.name for one in inputs)
        (found,) = session.run([PROBABILITIES], dict(zip(names, arrays, strict=True)))
        largest = max(largest, float(np.abs(found - wanted).max()))
    return largest
