"""Small models and texts to try the terms of an objective on."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sentrec.models.classifier import TextClassifier, build_classifier
from sentrec.recipe import recipe_from_dict
from sentrec.recipe.sections import ObjectiveConfig
from sentrec.training.loss import Objective, Texts

LENGTHS = (5, 2, 7, 1)
DROPOUT = {"word_dropout": 0.2, "embedding_dropout": 0.3, "output_dropout": 0.4}
NO_DROPOUT = dict.fromkeys(DROPOUT, 0.0)


def model_of(encoder: str = "bilstm", classes: int = 2, **dropout: float) -> TextClassifier:
    """A model over 30 words whose logits are far enough apart for moves to matter."""
    options = {"hidden": 6} if encoder in ("bilstm", "gru") else {"filters": 6} if encoder == "textcnn" else {}
    sections = {"encoder": {"name": encoder, **options}, "glove": None, "model": NO_DROPOUT | dropout}
    model = build_classifier(recipe_from_dict(sections), 30, classes, 8)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        model.word_vectors[1:] = torch.randn(29, 8, generator=generator)
        model.head.weight.mul_(3.0)
    return model.train()


def texts(targets: Tensor | None, lengths: tuple[int, ...] = LENGTHS, padding: int = 0) -> Texts:
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(max(lengths) + padding) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(1, 30, (len(lengths), 12), generator=generator)[:, : mask.shape[1]]
    return Texts(ids.masked_fill(~mask, 0), mask, targets)


def labels(classes: int = 2) -> Tensor:
    return torch.arange(len(LENGTHS)) % classes


def terms(dtype: torch.dtype = torch.float32, smoothing: float = 0.0, **weights: float | str) -> Objective:
    return Objective(ObjectiveConfig.model_validate(weights), smoothing, dtype)


def gradients(model: nn.Module, backward: Callable[[], object], seed: int = 1) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    backward()
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-6) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")
