"""The kind of model that is linear in the n-grams of a text; fitted in closed form, alone or stacked on another model.

N-grams are those of token ids, so that a text is read once, and share a hash table of weights (Weinberger et al. 2009).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from sentrec.data.batches import Batch
from sentrec.errors import DataError
from sentrec.models.attribution import TokenContributions, margin
from sentrec.models.base import ClosedFormModel, TextModel
from sentrec.models.contracts import ClosedFormData, LinearChange, TextReader
from sentrec.models.words import TokenReader, WordModel
from sentrec.recipe.schema import Recipe
from sentrec.recipe.sections import NgramsConfig
from sentrec.text.encoding import EncodedTexts, join_texts
from sentrec.text.padding import evaluation_plan

if TYPE_CHECKING:
    from scipy import sparse

_log = logging.getLogger(__name__)
_STEP = 0x9E3779B97F4A7C15 - 2**64  # odd, as multiplicative hashing wants it (Knuth 1998, section 6.4), in 64 bits
_HIGH_BITS = 40
_MOST_WEIGHTS = 1 << 29
"""Weights of the largest table: 2 GB. While it is fitted, there are several of this size."""


class NgramModel(ClosedFormModel, WordModel):
    """Logistic regression over the n-grams that occur in a text, weighted by naive Bayes (Wang and Manning 2012).

    A text's sum of weights is divided by a power of its number of n-grams: those of a long text are redundant, and
    would make its logits overconfident. With two classes there is one margin, of the second class; else one for each.
    """

    learns_by_gradients = False
    weights: Tensor
    bias: Tensor
    scaling: Tensor

    def __init__(self, config: NgramsConfig, classes: int, text_reader: TextReader) -> None:
        super().__init__(classes, text_reader)
        self.config = config
        self.rows = 2**config.table_bits
        margins = 1 if classes == 2 else classes
        _require_memory(config.table_bits, margins)
        self.register_buffer("weights", torch.zeros(self.rows, margins))
        self.register_buffer("bias", torch.zeros(margins))
        # A factor and the power: the feature value of an n-gram is `factor / n ** power` in a text of n of them.
        self.register_buffer("scaling", torch.tensor([1.0, config.length_power]))

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """All weights are zero until `fit`."""
        assert recipe.model.ngrams is not None  # the schema wants them
        return cls(recipe.model.ngrams, classes, cls.reader(recipe, tokenizer))

    def _hashed(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The table rows of the n-grams of each text, ascending, and which of them count: each once, and no padding.

        Both of shape ``(batch, n-grams)``.
        """
        exporting = torch.compiler.is_exporting()
        if exporting:  # lengths are symbols then, and no text may be shorter than an n-gram
            beyond = (0, self.config.max_n - 1)
            token_ids, mask = functional.pad(token_ids, beyond), functional.pad(mask, beyond)
        # An n-gram is there where its last token is; `rows` is larger than every row, so that padding sorts last.
        by_length = enumerate(self._rows_by_length(token_ids))
        rows = torch.cat([found.masked_fill(~mask[:, place:], self.rows) for place, found in by_length], dim=1)
        # On CPU, NumPy sorts ten times faster than torch, by the processor's vector instructions.
        on_cpu = rows.device.type == "cpu" and not exporting
        ordered = torch.from_numpy(np.sort(rows.numpy(), axis=1)) if on_cpu else rows.sort(dim=1).values
        is_first = functional.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0), value=True)
        return ordered, (ordered < self.rows) & is_first

    def _rows_by_length(self, token_ids: Tensor) -> Iterator[Tensor]:
        """The table rows of all n-grams of 1, 2, … tokens, int32, shape ``(batch, tokens - n + 1)``."""
        code = torch.zeros_like(token_ids)
        for length in range(1, min(self.config.max_n, token_ids.shape[1]) + 1):
            ends = token_ids[:, length - 1 :]
            code = (code[:, : ends.shape[1]] + ends + 1) * _STEP
            yield ((code >> _HIGH_BITS) & (self.rows - 1)).int()

    def contributions(self, text: str, target: int) -> TokenContributions:
        """Exactly: what an n-gram adds is shared by its tokens, and by the places where it occurs."""
        assert isinstance(self.text_reader, TokenReader)  # what `build` gave it
        spans, kept = self.text_reader.spans(text)
        values = np.zeros(len(spans))
        if len(kept):
            batch = self.collate(self.encode([text]), np.zeros(1, dtype=np.int64))
            by_length = [rows[0].numpy() for rows in self._rows_by_length(batch.token_ids)]
            unique, of, counts = np.unique(np.concatenate(by_length), return_inverse=True, return_counts=True)
            weights = self.weights[torch.from_numpy(unique).long().to(self.device)].cpu()
            margins = margin(torch.cat([-weights, weights], dim=1) / 2 if self.classes == 2 else weights, target)
            value = float(self._feature_values(torch.tensor(len(unique), device=self.device)))
            share = (margins.double().numpy() * value / counts)[of]
            starts = np.concatenate([np.arange(len(rows)) for rows in by_length])
            lengths = np.repeat(np.arange(1, len(by_length) + 1), [len(rows) for rows in by_length])
            for place in range(len(by_length)):
                inside = lengths > place
                np.add.at(values, kept[starts[inside] + place], share[inside] / lengths[inside])
        return TokenContributions(spans, values, np.isin(np.arange(len(spans)), kept))

    def _feature_values(self, occurring: Tensor) -> Tensor:
        """The value of each n-gram's feature in texts of so many different n-grams; float32, of the same shape."""
        factor, power = self.scaling
        values: Tensor = factor / occurring.float() ** power
        return values

    def _weights_of(self, rows: Tensor) -> Tensor:
        if self.weights.shape[1] > 1 or torch.compiler.is_exporting():
            return functional.embedding(rows, self.weights)
        # Single numbers are found four times faster than rows of one.
        return self.weights.flatten().index_select(0, rows.flatten()).view(*rows.shape, 1)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, float32, shape ``(batch, classes)``."""
        rows, counts = self._hashed(batch.token_ids, batch.mask)
        found = self._weights_of(rows.clamp(max=self.rows - 1)) * counts.unsqueeze(-1)
        margins = found.sum(dim=1) * self._feature_values(counts.sum(dim=1)).unsqueeze(-1) + self.bias
        return torch.cat([-margins, margins], dim=1) / 2 if margins.shape[1] == 1 else margins

    def feature_matrix(self, encoded: EncodedTexts) -> "sparse.csr_matrix":
        """The features of texts: float32 with int32 indices, shape ``(texts, rows of the table)``."""
        from scipy import sparse  # predicting need not wait for it

        columns = [np.empty(0, dtype=np.int32)] * len(encoded)
        for rows in evaluation_plan(encoded):
            batch = self.collate(encoded, rows)
            hashed, counts = self._hashed(batch.token_ids, batch.mask)
            for row, found, counted in zip(batch.rows, hashed.numpy(), counts.numpy(), strict=True):
                columns[row] = found[counted]
        occurring = np.fromiter(map(len, columns), dtype=np.int64, count=len(columns))
        values = self._feature_values(torch.from_numpy(occurring).to(self.device)).cpu().numpy()
        starts = np.concatenate([[0], np.cumsum(occurring)])
        # SciPy widens all indices to 64 bits if the row starts have as many.
        starts = starts.astype(np.int32 if starts[-1] <= np.iinfo(np.int32).max else np.int64)
        joined = np.concatenate([np.empty(0, dtype=np.int32), *columns])
        return sparse.csr_matrix((np.repeat(values, occurring), joined, starts), shape=(len(encoded), self.rows))

    @property
    def closed_form(self) -> "NgramModel":
        """Itself."""
        return self

    def fit(self, data: ClosedFormData) -> dict[str, Any] | None:
        """Fits the weights on the training rows, and on unlabelled texts with pseudo-labels (Lee 2013) if any.

        Without pseudo-labels, unlabelled texts take part in latent semantic analysis.
        """
        texts, labels, unlabelled = data.train, data.labels, data.unlabelled
        if data.pseudo_labels is not None and unlabelled is not None:
            texts, labels = join_texts(texts, unlabelled), np.concatenate([labels, data.pseudo_labels])
            unlabelled = None
        texts, wholes = self.with_crops(texts)
        more = self.feature_matrix(unlabelled) if unlabelled is not None and self.config.lsa is not None else None
        self.fit_features(self.feature_matrix(texts), labels[wholes], wholes, more)
        return None

    def fit_features(
        self,
        features: "sparse.csr_matrix",
        labels: npt.NDArray[np.int64],
        wholes: npt.NDArray[np.int64] | None = None,
        unlabelled: "sparse.csr_matrix | None" = None,
    ) -> None:
        """Fits the weights on features of `feature_matrix`, whose values are scaled in place to a mean of 1.

        `wholes` says of which text each of them is a crop, see `with_crops`, None: all are whole; `unlabelled` are
        features of texts without labels, for latent semantic analysis. Raises a `DataError` if a class has no text.
        """
        # Predicting need not wait for scikit-learn.
        from sentrec.ngrams.baselines import NaiveBayesLogisticRegression
        from sentrec.ngrams.lsa import fit_lsa

        # Whatever the length of texts and its power, the mean value is 1: what the linear model was tuned for.
        factor = 1.0 / float(features.data.mean(dtype=np.float64))
        features.data *= factor
        self.scaling[0] *= factor
        wholes = np.arange(len(labels)) if wholes is None else wholes
        _log.info("Fitting n-grams on %s texts", f"{len(labels):,}")
        dim, fit_intercept = self.config.lsa, self.config.intercept == "fitted"
        lsa = None
        if dim is not None and len(np.unique(labels)) == self.classes:
            texts = int(wholes.max()) + 1 + (unlabelled.shape[0] if unlabelled is not None else 0)
            _log.info("Latent semantic analysis: %s dimensions of %s texts", dim, f"{texts:,}")
            lsa = fit_lsa(features, labels, unlabelled, dim, wholes=wholes, fit_intercept=fit_intercept)
        fitted = NaiveBayesLogisticRegression(fit_intercept)
        fitted.fit(features, labels, self.classes, lsa.margins if lsa else None)
        columns, weights, bias = fitted.linear_weights()
        self.weights.zero_()
        self.weights[torch.from_numpy(columns)] += torch.from_numpy(weights.astype(np.float32)).to(self.weights)
        if lsa:
            factors = fitted.offset_weights().astype(np.float32)
            self.weights[torch.from_numpy(lsa.columns)] += torch.from_numpy(lsa.weights * factors).to(self.weights)
            bias = bias.astype(np.float32) + lsa.bias * factors
        self.bias.copy_(torch.from_numpy(bias))
        self.is_fitted = True

    def with_crops(self, texts: EncodedTexts) -> tuple[EncodedTexts, npt.NDArray[np.int64]]:
        """The texts, then the beginnings and the ends of the longer ones; and which text each of all these is of."""
        rows, tokens = np.arange(len(texts)), self.config.crops
        if tokens is None or not len(longer := rows[texts.lengths() > tokens]):
            return texts, rows
        whole = texts.take(longer)
        for keep in ("head", "tail"):
            texts = join_texts(texts, whole.cut(tokens, keep))
        return texts, np.concatenate([rows, longer, longer])

    def fitted_like(self, features: Any, labels: npt.NDArray[np.int64]) -> Self:
        """See `ClosedFormModel`; the intercept is fitted, whatever the recipe says: texts are as long as new ones."""
        config = self.config.model_copy(update={"intercept": "fitted", "lsa": None})
        other = type(self)(config, self.classes, self.text_reader)
        other.scaling.copy_(self.scaling)
        other.fit_features(features.copy(), labels)
        return other.to(self.device)

    def linear_features(self, encoded: EncodedTexts) -> list[Any]:
        """The n-grams."""
        return [self.feature_matrix(encoded)]

    def shift(self, changes: Sequence[LinearChange], bias: npt.NDArray[np.float64]) -> None:
        """Adds to the weights; see `TextModel.shift`."""
        for change in changes:
            added = torch.from_numpy(as_margins(change.weights)).to(self.weights)
            self.weights[slice(None) if change.columns is None else torch.from_numpy(change.columns)] += added
        self.bias.add_(torch.from_numpy(as_margins(bias)).to(self.bias))

    def add(self, other: Self, mixing: npt.NDArray[np.float64]) -> None:
        """Adds to the logits those of another model over the same n-grams, times a matrix ``(classes, classes)``."""
        if len(self.bias) == 1:  # a margin stands for half of it against either class
            mixing = as_margins(mixing[1:] - mixing[:1]) / 2
        by = torch.from_numpy(mixing).to(other.weights)
        factor = float(other.scaling[0]) / float(self.scaling[0])
        self.weights.add_((other.weights @ by * factor).to(self.weights))
        self.bias.add_((other.bias @ by).to(self.bias))

    def scale(self, factor: float) -> None:
        """Multiplies the logits by a factor."""
        self.weights.mul_(factor)
        self.bias.mul_(factor)

    def start_from(self, source: TextModel, classes: Sequence[int] | None) -> None:
        """Takes over the weights of a model over the same n-grams; those of other classes start at zero."""
        theirs = source.closed_form
        assert isinstance(theirs, NgramModel)  # it is of the same kind
        self.scaling.copy_(theirs.scaling)
        if classes is None:
            self.weights.zero_()
            self.bias.zero_()
            return
        for mine, given in ((self.weights, theirs.weights), (self.bias, theirs.bias)):
            # Two classes have one margin, which speaks for the second of them.
            swapped = -1.0 if list(classes) == [1, 0] else 1.0
            mine.copy_(given * swapped if given.shape[-1] == 1 else given[..., list(classes)])

    @property
    def learned_numbers(self) -> int:
        """Weights other than zero."""
        return int(self.weights.count_nonzero())

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Runs from before texts were scaled have no such numbers: an n-gram's value is 1 there.
        state_dict.setdefault(f"{prefix}scaling", torch.tensor([1.0, 0.0]))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def as_margins(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores of classes as the n-gram model keeps them: those of two classes as one difference."""
    return scores[..., 1:] - scores[..., :1] if scores.shape[-1] == 2 else scores


def _require_memory(table_bits: int, margins: int) -> None:
    fitting = (_MOST_WEIGHTS // margins).bit_length() - 1
    if table_bits > fitting:
        size = f"{4 * margins * 2**table_bits / 1e9:,.0f} GB"
        raise DataError(
            f"The n-grams of {margins:,} classes would take {size}.",
            "Is data.label_column the right one? If so, train from the beginning with a smaller table: "
            f"--set model.ngrams.table_bits={fitting}",
        )
