"""A model in an ONNX file, as `sentrec export RUN --onnx` writes it, run by ONNX Runtime: nothing waits for torch."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.errors import RunError, SentrecError, shortened
from sentrec.inference.prediction import Classifier, readable
from sentrec.text.encoding import EncodedTexts, TextEncoder
from sentrec.text.padding import ModelInput, evaluation_plan, padded
from sentrec.text.tokenizer import load_tokenizer

SUFFIX = ".onnx"
SETTINGS, TOKENIZER = "sentrec", "sentrec.tokenizer"
"""Keys of a file's metadata: how texts become the model's inputs and its logits answers, and the tokenizer, as JSON."""
FORMAT = 1
_MAKE_ONE = "Make one: sentrec export RUN --onnx"
LOGITS, PROBABILITIES = "logits", "probabilities"


class OnnxClassifier(Classifier):
    """Classifies texts with a model in an ONNX file.

    Raises a `SentrecError` if ONNX Runtime is not installed, a `RunError` if the file is missing, broken, or not of
    sentrec.
    """

    def __init__(self, path: str | Path) -> None:
        self._path, content = path, _read(Path(path))
        self._session = open_session(content, str(path))
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            settings = json.loads(metadata[SETTINGS])
            self.inputs = tuple(ModelInput(**one) for one in settings["inputs"])
            super().__init__(settings["labels"], float(settings["temperature"]))
            tokenizer = load_tokenizer(metadata[TOKENIZER].encode())
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is not a model of sentrec: {error}.", _MAKE_ONE) from error
        if settings["format"] != FORMAT:
            raise RunError(f"{path} is of another version of sentrec.", "Export the run again.")
        self._key = hashlib.blake2b(content, digest_size=16).hexdigest()
        self._encoder = TextEncoder(tokenizer, max(one.max_tokens for one in self.inputs), self.inputs[0].keep)

    def __reduce__(self) -> tuple[type["OnnxClassifier"], tuple[str | Path]]:
        """A session cannot be pickled: another process opens the file again."""
        return OnnxClassifier, (self._path,)

    @property
    def key(self) -> str:
        """Changes with the file."""
        return self._key

    def encode(self, texts: Sequence[str]) -> list[EncodedTexts]:
        """Token ids of texts."""
        return [self._encoder.encode(readable(texts))]

    def logits_of(self, encoded: Sequence[EncodedTexts]) -> npt.NDArray[np.float32]:
        """What `logits` gives, of texts that `encode` has turned into token ids."""
        (texts,) = encoded
        result = np.zeros((len(texts), len(self.label_names)), np.float32)
        for rows in evaluation_plan(texts):
            arrays = {one.name: padded(texts, rows, 1, one.max_tokens, one.keep)[0] for one in self.inputs}
            result[rows] = self._session.run([LOGITS], arrays)[0]
        return result


def settings_of(name: str, labels: Sequence[str], temperature: float, inputs: Sequence[ModelInput]) -> str:
    """What a file's metadata says under `SETTINGS`."""
    facts = {"format": FORMAT, "name": name, "labels": list(labels), "temperature": temperature}
    return json.dumps(facts | {"inputs": [asdict(one) for one in inputs]})


def open_session(content: bytes, name: str) -> Any:
    """A session of ONNX Runtime on the CPU; raises as `OnnxClassifier`."""
    try:
        import onnxruntime
    except ImportError as error:
        hint = 'Install the extra: pip install -c constraints.txt "sentrec[onnx]"'
        raise SentrecError(f"{name} needs onnxruntime, which cannot be imported: {error}.", hint) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave the cores alone
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    # The library's own exceptions have no base class in its public interface.
    except Exception as error:
        raise RunError(f"{name} cannot be read: {shortened(error, 200)}.", "Export the run again.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", _MAKE_ONE) from error
