"""sentrec: small, fast sentiment models on shared GloVe embeddings.

The public names load on first use, so that ``import sentrec`` stays fast and imports no torch.
"""

import gc
import importlib
import os
from typing import TYPE_CHECKING, Any

from sentrec.errors import SentrecError
from sentrec.hookspecs import DatasetSpec, RegisterCommand, RegisterDataset, RegisterEncoder, hookimpl

if TYPE_CHECKING:
    from sentrec.encoder import Encoder, EncoderConfig
    from sentrec.evaluation.evaluate import evaluate
    from sentrec.inference.predictor import load
    from sentrec.training.ensemble import ensemble
    from sentrec.training.recipe import load_recipe
    from sentrec.training.train import train

__version__ = "0.1.0"

# torch's threads wait for one another by spinning; where another program takes a core, that spinning makes training ten
# times slower. A short spin costs nothing on an idle machine. It must be set before torch is first imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = [
    "DatasetSpec",
    "Encoder",
    "EncoderConfig",
    "RegisterCommand",
    "RegisterDataset",
    "RegisterEncoder",
    "SentrecError",
    "ensemble",
    "evaluate",
    "hookimpl",
    "load",
    "load_recipe",
    "train",
]

_HOME = {
    "Encoder": "sentrec.encoder",
    "EncoderConfig": "sentrec.encoder",
    "ensemble": "sentrec.training.ensemble",
    "evaluate": "sentrec.evaluation.evaluate",
    "load": "sentrec.inference.predictor",
    "load_recipe": "sentrec.training.recipe",
    "train": "sentrec.training.train",
}
_FROZEN_BY_PYTHON = 1000
"""Objects that Python may have frozen as it started: 375 in 3.12, none in 3.11 and 3.13."""


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(_import(_HOME[name]), name)
    raise AttributeError(f"module 'sentrec' has no attribute '{name}'")


def _import(module: str) -> Any:
    # Of the objects that torch makes when it is imported, almost none is ever garbage: to look for it among them again
    # and again takes a tenth of the time until a model is loaded.
    if not gc.isenabled():
        return importlib.import_module(module)
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        _make_objects_old()
        gc.enable()


def _make_objects_old() -> None:
    """Has the garbage collector take all objects for old ones: else it looks through all of them as soon as it may."""
    # To thaw is all or nothing: what a program froze is to stay frozen.
    if gc.get_freeze_count() <= _FROZEN_BY_PYTHON:
        gc.freeze()
        gc.unfreeze()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
