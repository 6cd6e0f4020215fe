"""What a run notes of where and on what it was made."""

import platform
from importlib import metadata
from typing import Any

import torch

from sentrec.files.versions import code_version, processor_name
from sentrec.models.device import device_name
from sentrec.training.loop import TrainingLoop
from sentrec.training.prepare import PreparedData

_PACKAGES = ("sentrec", "torch", "numpy", "scipy", "tokenizers", "accelerate", "safetensors", "pyarrow", "scikit-learn")


def describe_environment(loop: TrainingLoop, data: PreparedData) -> dict[str, Any]:
    """Versions, device, seed, fingerprints of the data and where the weights come from, in plain JSON types."""
    source = {"init": {"run": str(data.source.path), "name": data.source.recipe.name}} if data.source else {}
    return (
        describe_versions()
        | source
        | {
            "device": device_name(loop.accelerator.device),
            "processes": loop.accelerator.num_processes,
            "training_dtype": str(loop.dtype).removeprefix("torch."),
            "parameters": sum(parameter.numel() for parameter in loop.model.parameters()),
            "seed": loop.recipe.seed,
            "glove": data.fingerprint_of_vectors,
            "data": data.fingerprints(),
        }
    )


def describe_versions() -> dict[str, Any]:
    """Versions of what the figures depend on, the code, the processor, the platform, and torch's threads."""
    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES},
        "code": code_version(),
        "processor": processor_name(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }
