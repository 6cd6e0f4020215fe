"""The training loss: cross-entropy of the labels, and distillation on texts without labels."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sentrec.data.batches import Batch
from sentrec.models.base import TextModel
from sentrec.recipe.sections import ObjectiveConfig


@dataclass(frozen=True)
class Texts:
    """A batch on the model's device.

    Attributes:
        batch: The texts.
        targets: Class numbers, int64, shape ``(batch,)``; or probabilities, float32, shape ``(batch, classes)``, of a
            teacher or of labels and stars together.
    """

    batch: Batch
    targets: Tensor


class Objective:
    """Cross-entropy of the labelled texts plus ``objective.distil`` times that of unlabelled texts against a teacher.

    Distillation: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network".

    Args:
        config: The weight of distillation.
        label_smoothing: Share of the labels' target spread over all classes.
        dtype: Arithmetic of the forward pass.
    """

    def __init__(self, config: ObjectiveConfig, label_smoothing: float, dtype: torch.dtype) -> None:
        self.config = config
        self.label_smoothing = label_smoothing
        self.dtype = dtype

    def backward(self, model: TextModel, labelled: Texts, unlabelled: Texts | None = None) -> Tensor:
        """Adds the gradient of the loss to that of the model's weights.

        Args:
            model: The model, in training mode.
            labelled: Texts with labels.
            unlabelled: Texts with a teacher's probabilities, or None.

        Returns:
            The cross-entropy of the labelled texts, float32, without a gradient.
        """
        loss = self._cross_entropy(model, labelled)
        loss.backward()  # type: ignore[no-untyped-call]
        if unlabelled is not None:
            # Backward twice: the graphs of both batches together would take twice the memory.
            (self.config.distil * self._cross_entropy(model, unlabelled)).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _cross_entropy(self, model: TextModel, texts: Texts) -> Tensor:
        with torch.autocast(texts.targets.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits = model(texts.batch)
        smoothing = 0.0 if texts.targets.is_floating_point() else self.label_smoothing
        return functional.cross_entropy(logits, texts.targets, label_smoothing=smoothing)
