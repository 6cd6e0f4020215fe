"""What training minimises: the cross-entropy of the labels, and terms that also learn from texts without labels."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sentrec.models.classifier import TextClassifier
from sentrec.recipe.sections import ObjectiveConfig

_SMALLEST_LENGTH = 1e-12
_RAMP_STEEPNESS = 5.0


@dataclass(frozen=True)
class Texts:
    """A batch on the model's device.

    Attributes:
        token_ids: int64, shape ``(batch, tokens)``, padding at the end.
        mask: True where there is a token, bool, shape ``(batch, tokens)``.
        targets: Class numbers, int64, shape ``(batch,)``; or the probabilities, ``(batch, classes)``, that a teacher
            gives, or labels and stars together; or None.
    """

    token_ids: Tensor
    mask: Tensor
    targets: Tensor | None


class Objective:
    """Sums the terms of a recipe's ``objective`` and leaves their gradients in the model.

    - Cross-entropy of the labelled texts.
    - ``at``: their cross-entropy where the embedded words of each text are moved, all together by `radius`, in the
      direction that hurts most (adversarial training: Goodfellow et al. 2015; Miyato et al. 2017).
    - ``vat``: of labelled and unlabelled texts, the Kullback-Leibler divergence between the prediction and that for
      embedded words moved by as much in the direction that changes it most (virtual adversarial training: Miyato et
      al. 2017 and 2019).
    - ``entropy``: of labelled and unlabelled texts, the entropy of the prediction (Grandvalet and Bengio 2005).
    - ``distil``: of unlabelled texts, the cross-entropy against a teacher's probabilities (Hinton et al. 2015).

    The sum with all weights 1 and without a teacher is that of Sachan et al. 2019, but that the weight of the entropy
    grows all through the training, along the ramp of Laine and Aila 2017: a model that knows nothing yet and is to be
    sure of it soon gives all texts the same answer, and takes long to leave that again.

    Args:
        config: The weights of the terms.
        label_smoothing: Share of the labels' target spread over all classes.
        dtype: Arithmetic of the forward pass.
    """

    def __init__(self, config: ObjectiveConfig, label_smoothing: float, dtype: torch.dtype) -> None:
        self.config = config
        self.label_smoothing = label_smoothing
        self.dtype = dtype

    def backward(
        self, model: TextClassifier, labelled: Texts, unlabelled: Texts | None = None, done: float = 1.0
    ) -> Tensor:
        """Adds the gradient of all terms to that of the model's weights.

        Args:
            model: The model, in training mode.
            labelled: Texts with class numbers, or with what labels and stars say.
            unlabelled: Texts without, or with a teacher's probabilities.
            done: Share of the training that is over.

        Returns:
            The cross-entropy of the labelled texts, float32, without a gradient.
        """
        config = self.config
        radius = config.radius * _spread(model) if config.at or config.vat else None
        entropy = config.entropy * _ramp(done)
        loss = self._backward_of_part(model, labelled, 1.0, config.at, entropy, radius)
        if unlabelled is not None:
            self._backward_of_part(model, unlabelled, config.distil, 0.0, entropy, radius)
        return loss

    def _backward_of_part(
        self,
        model: TextClassifier,
        texts: Texts,
        weight: float,
        adversarial: float,
        entropy: float,
        radius: Tensor | None,
    ) -> Tensor:
        """The terms of the labelled or of the unlabelled texts; their embedding is looked up once for all passes."""
        config = self.config
        embedded, mask = model.embed(texts.token_ids, texts.mask)
        words = embedded.detach().requires_grad_(embedded.requires_grad or radius is not None)
        logits = self._classify(model, words, mask)
        against_targets = self._cross_entropy(logits, texts.targets) if weight else logits.new_zeros(())
        moves = []
        if adversarial and radius is not None:
            moves.append((adversarial, _worst(against_targets, words, mask, radius), texts.targets))
        if config.vat and radius is not None:
            likely = logits.detach().softmax(dim=1)
            moves.append((config.vat, _most_telling(logits, words, mask, radius), likely))
        loss = weight * against_targets
        if entropy:
            loss = loss + entropy * _entropy(logits)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for factor, move, target in moves:
            # Up to the entropy of the prediction, which has no gradient, the divergence is a cross-entropy, too.
            moved = self._classify(model, words + move, mask)
            (factor * self._cross_entropy(moved, target)).backward()  # type: ignore[no-untyped-call]
        if embedded.requires_grad and words.grad is not None:
            embedded.backward(words.grad)  # type: ignore[no-untyped-call]
        return against_targets.detach()

    def _cross_entropy(self, logits: Tensor, targets: Tensor | None) -> Tensor:
        assert targets is not None  # the loop gives targets wherever a term with a weight asks for them
        smoothing = 0.0 if targets.is_floating_point() else self.label_smoothing
        return functional.cross_entropy(logits, targets, label_smoothing=smoothing)

    def _classify(self, model: TextClassifier, embedded: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(embedded.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return model.classify(embedded, mask)


def _ramp(done: float) -> float:
    """The share of its weight that the entropy has, from 0.007 when training begins to 1 at its end."""
    return math.exp(-_RAMP_STEEPNESS * (1.0 - done) ** 2)


def _worst(loss: Tensor, words: Tensor, mask: Tensor, radius: Tensor) -> Tensor:
    """The move along the gradient of a loss."""
    (gradient,) = torch.autograd.grad(loss, words, retain_graph=True)
    return _of_length(gradient, mask, radius)


def _most_telling(logits: Tensor, words: Tensor, mask: Tensor, radius: Tensor) -> Tensor:
    """The move that changes the prediction most, by one step of the power iteration.

    To second order the divergence is the quadratic form JᵀFJ of the move: J leads from words to logits, and F is the
    Fisher information of the prediction. One step of the iteration applies that form to a random direction, which
    amounts to a gradient from F times random logits. With two classes F has rank one, and this is the exact solution.
    Miyato et al. take a finite difference instead, which costs one more pass and drowns in bfloat16's rounding.
    """
    likely = logits.detach().softmax(dim=1)
    drawn = torch.randn_like(likely)
    pulled = likely * (drawn - (likely * drawn).sum(dim=1, keepdim=True))
    (gradient,) = torch.autograd.grad(logits, words, pulled, retain_graph=True)
    return _of_length(gradient, mask, radius)


def _of_length(gradient: Tensor, mask: Tensor, radius: Tensor) -> Tensor:
    """The gradient with the length `radius` over all words of each text; padding stays where it is."""
    # An encoder may read the zeros of padding, as a convolution does at a text's end, and would ask to move them.
    gradient = gradient.masked_fill(~mask.unsqueeze(-1), 0.0)
    lengths: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2), keepdim=True)
    return gradient * (radius / lengths.clamp_min(_SMALLEST_LENGTH))


def _entropy(logits: Tensor) -> Tensor:
    log_likely = logits.log_softmax(dim=1)
    return -(log_likely.exp() * log_likely).sum(dim=1).mean()


def _spread(model: TextClassifier) -> Tensor:
    """The root mean square of the word vectors' entries: in its units a radius means the same for all vectors."""
    spread: Tensor = model.word_vectors.detach().square().mean().sqrt()
    return spread
