"""Named datasets: where each one lies on the hub and what its columns and labels are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sentrec import quickstart
from sentrec.hookspecs import RegisterDataset, hookimpl


@dataclass(frozen=True)
class DatasetSpec:
    """What sentrec has to know of a dataset to use it by name.

    Attributes:
        name: The name that recipes use, e.g. ``imdb``.
        hub_id: Repository of the Hugging Face hub, e.g. ``stanfordnlp/imdb``; None for a dataset that is only local.
        label_names: Names of the classes in the order of their numbers, e.g. ``("negative", "positive")``; empty: as
            the data say.
        text_columns: Columns that make up the text, joined by a line break where there are several.
        label_column: Column with the class number or name.
        splits: The name that each split has on the hub, by the names ``train``, ``validation``, ``test``.
        hub_config: Configuration name on the hub, where the repository has several.
        description: One line for listings.
        packaged: Files that hold splits, for a dataset that comes with a package, by split.
    """

    name: str
    hub_id: str | None
    label_names: tuple[str, ...]
    text_columns: tuple[str, ...] = ("text",)
    label_column: str = "label"
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "test": "test"})
    hub_config: str | None = None
    description: str = ""
    packaged: Mapping[str, Path] = field(default_factory=dict)

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that can be had from the package or the hub."""
        return tuple(sorted({*self.packaged, *(self.splits if self.hub_id else ())}))


_POLARITY = ("negative", "positive")
_WITH_VALIDATION = {"train": "train", "validation": "validation", "test": "test"}

_KNOWN = (
    DatasetSpec(
        "imdb",
        "stanfordnlp/imdb",
        _POLARITY,
        splits={"train": "train", "test": "test", "unsupervised": "unsupervised"},
        description="film reviews, 25,000 + 25,000 (Maas et al. 2011)",
    ),
    DatasetSpec(
        "ag_news",
        "fancyzhx/ag_news",
        ("World", "Sports", "Business", "Sci/Tech"),
        description="news topics, 120,000 + 7,600 (Zhang et al. 2015)",
    ),
    DatasetSpec(
        "amazon_polarity",
        "fancyzhx/amazon_polarity",
        _POLARITY,
        text_columns=("title", "content"),
        description="product reviews, 3,600,000 + 400,000 (Zhang et al. 2015)",
    ),
    DatasetSpec(
        "yelp_polarity",
        "fancyzhx/yelp_polarity",
        _POLARITY,
        description="business reviews, 560,000 + 38,000 (Zhang et al. 2015)",
    ),
    DatasetSpec(
        "rotten_tomatoes",
        "cornell-movie-review-data/rotten_tomatoes",
        _POLARITY,
        splits=_WITH_VALIDATION,
        description="film review sentences, 8,530 + 1,066 + 1,066 (Pang and Lee 2005)",
    ),
    DatasetSpec(
        "sst2",
        "stanfordnlp/sst2",
        _POLARITY,
        text_columns=("sentence",),
        # The labels of the hub's test split are kept secret; as usual, its validation split stands in for it.
        splits={"train": "train", "test": "validation"},
        description="film review phrases, 67,349 + 872 (Socher et al. 2013)",
    ),
    DatasetSpec(
        "quickstart",
        None,
        quickstart.LABEL_NAMES,
        packaged={split: quickstart.corpus_file(split) for split in quickstart.SPLITS},
        description="invented film reviews that come with sentrec, for a first try",
    ),
)


@hookimpl
def sentrec_register_datasets(register: RegisterDataset) -> None:
    """Registers the datasets that sentrec knows itself."""
    for spec in _KNOWN:
        register(spec)
