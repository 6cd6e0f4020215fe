"""sentrec: small, fast sentiment models on shared GloVe embeddings.

The public names load on first use, so that ``import sentrec`` stays fast and imports no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from sentrec.errors import SentrecError
from sentrec.hookspecs import (
    DatasetSpec,
    RegisterCommand,
    RegisterDataset,
    RegisterEncoder,
    RegisterModel,
    RegisterRecommender,
    hookimpl,
)

if TYPE_CHECKING:
    from sentrec.data.batches import Batch
    from sentrec.encoder import Encoder, EncoderConfig
    from sentrec.evaluation.evaluate import evaluate
    from sentrec.files.storage import cached_array
    from sentrec.inference.predictor import load
    from sentrec.models.base import TextModel
    from sentrec.models.contracts import ClosedFormData, Rate, Requirement
    from sentrec.recipe.schema import Recipe
    from sentrec.recommend.api import recommend
    from sentrec.recommender import Recommender
    from sentrec.text.encoding import EncodedTexts, cached_encoding
    from sentrec.training.ensemble import ensemble
    from sentrec.training.recipe import load_recipe
    from sentrec.training.train import train
    from sentrec.transfer.study import transfer

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "ClosedFormData",
    "DatasetSpec",
    "EncodedTexts",
    "Encoder",
    "EncoderConfig",
    "Rate",
    "Recipe",
    "Recommender",
    "RegisterCommand",
    "RegisterDataset",
    "RegisterEncoder",
    "RegisterModel",
    "RegisterRecommender",
    "Requirement",
    "SentrecError",
    "TextModel",
    "cached_array",
    "cached_encoding",
    "ensemble",
    "evaluate",
    "hookimpl",
    "load",
    "load_recipe",
    "recommend",
    "train",
    "transfer",
]

_HOME = {
    "Batch": "sentrec.data.batches",
    "ClosedFormData": "sentrec.models.contracts",
    "EncodedTexts": "sentrec.text.encoding",
    "Rate": "sentrec.models.contracts",
    "Recipe": "sentrec.recipe.schema",
    "Requirement": "sentrec.models.contracts",
    "cached_array": "sentrec.files.storage",
    "cached_encoding": "sentrec.text.encoding",
    "Encoder": "sentrec.encoder",
    "Recommender": "sentrec.recommender",
    "TextModel": "sentrec.models.base",
    "EncoderConfig": "sentrec.encoder",
    "ensemble": "sentrec.training.ensemble",
    "evaluate": "sentrec.evaluation.evaluate",
    "load": "sentrec.inference.predictor",
    "load_recipe": "sentrec.training.recipe",
    "train": "sentrec.training.train",
    "recommend": "sentrec.recommend.api",
    "transfer": "sentrec.transfer.study",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'sentrec' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
