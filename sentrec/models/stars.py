"""The star head: from the probability of the second of two classes to those of one to five stars.

Nested dichotomies (Frank and Kramer 2004): is it neutral, which is three stars; if it is of the first class, is it one
star rather than two; if of the second, five rather than four. What the two classes say of a text stays as it is.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

DECISIONS = 3
REGRESSORS = 7
_LARGEST_MARGIN = 8.0
_NEUTRAL_SHARE = 0.3


class StarHead(nn.Linear):
    """A linear layer over features, learned by gradients; then a logistic regression that calibrates each decision.

    The latter also reads the logits of the classes and the length of the text.
    """

    calibration: Tensor

    def __init__(self, feature_size: int) -> None:
        super().__init__(feature_size, DECISIONS)
        self.register_buffer("calibration", torch.eye(DECISIONS, REGRESSORS))

    def calibrated(self, decisions: Tensor, logits: Tensor, tokens: Tensor) -> Tensor:
        """Logits of the three decisions, float32, shape ``(batch, 3)``, as is what the layer gives.

        `logits` are those of the two classes, ``(batch, 2)``; `tokens` says how many each text has.
        """
        return self.regressors(decisions, logits, tokens) @ self.calibration.T

    @staticmethod
    def regressors(decisions: Tensor, logits: Tensor, tokens: Tensor) -> Tensor:
        """What calibration reads, float32, shape ``(batch, 7)``."""
        margin = (logits[:, 1] - logits[:, 0]).float().clamp(-_LARGEST_MARGIN, _LARGEST_MARGIN)
        length = torch.log1p(tokens.float())
        beside = torch.stack([margin, margin.abs(), length, torch.ones_like(length)], dim=1)
        return torch.cat([decisions.float(), beside], dim=1)

    def fit(self, regressors: npt.NDArray[np.float32], decisions: npt.NDArray[np.float32]) -> None:
        """Fits the calibration on texts that were not learned from; `decisions` are 1, 0 or NaN, ``(texts, 3)``.

        Neutral texts count as three tenths of all, so that the likeliest of three classes finds each of them. This was
        chosen on validation texts, each of the starter's 14 datasets by a calibration on the others.
        """
        from sklearn.linear_model import LogisticRegression  # predicting need not wait for it

        for number, target in enumerate(decisions.T):
            known = ~np.isnan(target)
            if len(np.unique(target[known])) < 2:
                continue
            fitted = LogisticRegression(C=10.0, fit_intercept=False, max_iter=1000).fit(
                regressors[known], target[known], None if number else _balancing_weights(target[known])
            )
            self.calibration[number] = torch.from_numpy(fitted.coef_[0]).to(self.calibration)


def _balancing_weights(neutral: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    share = float(neutral.mean())
    return np.where(neutral == 1, _NEUTRAL_SHARE / share, (1 - _NEUTRAL_SHARE) / (1 - share))


def star_probabilities(
    positive: npt.NDArray[np.float64], decisions: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Probabilities of one to five stars, shape ``(texts, 5)``.

    `positive` is that of the second class, ``(texts,)``; `decisions` are logits of the three, ``(texts, 3)``.
    """
    neutral, one, five = (1.0 / (1.0 + np.exp(-decisions.astype(np.float64)))).T
    negative, positive = (1.0 - neutral) * (1.0 - positive), (1.0 - neutral) * positive
    return np.stack([negative * one, negative * (1 - one), neutral, positive * (1 - five), positive * five], axis=1)
