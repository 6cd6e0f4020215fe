"""The datasets that sentrec knows by name: where each one is on the hub, and its columns and labels."""

from pathlib import Path

from sentrec.hookspecs import DatasetSpec, RegisterDataset, hookimpl

_POLARITY = ("negative", "positive")
_PACKAGED = Path(__file__).parents[1] / "quickstart"
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
        _POLARITY,
        packaged={split: _PACKAGED / f"{split}.jsonl" for split in ("train", "test")},
        description="invented film reviews that come with sentrec, for a first try",
    ),
)


@hookimpl
def sentrec_register_datasets(register: RegisterDataset) -> None:
    """Registers the datasets that sentrec knows itself."""
    for spec in _KNOWN:
        register(spec)
