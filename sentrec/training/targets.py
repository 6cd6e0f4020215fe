"""What to learn from where stars came with the texts: probabilities of two classes instead of class numbers."""

import numpy as np
import numpy.typing as npt

from sentrec.data.examples import Examples
from sentrec.errors import DataError

Targets = npt.NDArray[np.float32]

_LABELS_ALONE = "or learn from labels alone: --set data.rating_column=null --set objective.ratings=0"


def targets_with_ratings(train: Examples, share: float) -> Targets:
    """Mixes labels with stars, so that a rave is further from a pan than mild praise is from mild blame.

    The class with the more stars on average has the probability (1 - share) · [it is the label] + share · stars, with
    stars from 0, the fewest of all training rows, to 1, the most.

    Args:
        train: Rows of two classes, each with its stars.
        share: How much of the target stars decide, from 0 to 1.

    Returns:
        Float32, shape ``(rows, 2)``.

    Raises:
        DataError: If there are more than two classes, or stars do not tell the two apart.
    """
    assert train.ratings is not None  # the recipe's own check: a share has a column
    if len(train.label_names) != 2:
        raise DataError(
            f"objective.ratings learns from stars what tells two classes apart, and the data has "
            f"{len(train.label_names)}: {', '.join(train.label_names)}.",
            f"Keep rows of two classes, {_LABELS_ALONE}",
        )
    ratings = train.ratings.astype(np.float64)
    low, high = ratings.min(), ratings.max()
    means = [ratings[train.labels == label].mean() for label in (0, 1)]
    if means[0] == means[1]:
        constant = f"all are {low:g}" if low == high else f"both average {means[0]:g}"
        raise DataError(
            f"the stars of the training rows do not tell {' from '.join(train.label_names)}: {constant}.",
            f"Is data.rating_column the right one? Name another, {_LABELS_ALONE}",
        )
    liked = int(means[1] > means[0])
    probability = (1.0 - share) * (train.labels == liked) + share * (ratings - low) / (high - low)
    targets = np.empty((len(train), 2), dtype=np.float32)
    targets[:, liked], targets[:, 1 - liked] = probability, 1.0 - probability
    return targets
