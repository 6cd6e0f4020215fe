"""A dataset by name is found in the mirror, a package, a plugin or the hub, with the same classes from each."""

import dataclasses
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from small_files import load, put, refusal

from sentrec import hookimpl, plugins
from sentrec.data.locate import has_split
from sentrec.data.splits import load_splits
from sentrec.hookspecs import DatasetSpec
from sentrec.recipe import DataConfig


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    return tmp_path


def test_a_named_dataset_is_read_from_the_mirror_with_its_names(mirror: Path) -> None:
    put(mirror / "imdb" / "train.parquet", text=["a", "b"], label=[1, 0])
    examples = load("imdb")
    assert (examples.texts, examples.labels.tolist()) == (["a", "b"], [1, 0])
    assert examples.label_names == ("negative", "positive")
    assert has_split(DataConfig(dataset="imdb"), "train")


def test_a_split_that_the_mirror_lacks_is_read_from_the_hub_and_never_held_out(
    mirror: Path, hub: list[tuple[Any, ...]]
) -> None:
    put(mirror / "sst2" / "train.parquet", sentence=["a", "b", "c", "d"] * 9, label=[1, 0, 1, 0] * 9)
    assert has_split(DataConfig(dataset="sst2"), "test")
    splits = load_splits(DataConfig(dataset="sst2", validation=0.5))
    assert splits.test.texts == ["fine", "dull"]
    assert hub == [("stanfordnlp/sst2", None, "validation")]


def test_a_mirror_that_joined_the_columns_is_read_by_its_text_column(mirror: Path) -> None:
    put(mirror / "amazon_polarity" / "train.parquet", text=["title\nbody"], label=[1])
    assert load("amazon_polarity").texts == ["title\nbody"]
    error = refusal("amazon_polarity", text_columns=["title"])
    assert "has no column 'title'" in error.message, "what the recipe states is not put aside"


def test_any_folder_of_the_mirror_is_a_dataset(mirror: Path) -> None:
    put(mirror / "cinema" / "train.parquet", text=["a", "b"], label=["good", "bad"])
    put(mirror / "cinema" / "dev.parquet", text=["c"], label=["good"])
    assert load("cinema").label_names == ("bad", "good")
    assert load("cinema", "dev").texts == ["c"]
    error = refusal("cinema", "test")
    assert "has no split 'test'" in error.message
    assert error.hint == "known: dev, train"


def test_the_names_that_the_datasets_library_wrote_are_used(mirror: Path) -> None:
    path = put(mirror / "cinema" / "train.parquet", text=["a", "b"], label=[1, 0])
    feature = {"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}
    table = pa.parquet.read_table(path).replace_schema_metadata({"huggingface": json.dumps(feature)})
    pa.parquet.write_table(table, path)
    assert load("cinema").label_names == ("bad", "good")
    assert load("cinema", label_names=["no", "yes"]).label_names == ("no", "yes")
    put(mirror / "imdb" / "x.parquet", text=["a"], label=[0])
    pa.parquet.write_table(table, mirror / "imdb" / "train.parquet")
    assert load("imdb").label_names == ("negative", "positive"), (
        "a dataset's classes do not depend on where it was read"
    )


def test_an_unknown_dataset_names_the_nearest_of_all_known(mirror: Path) -> None:
    put(mirror / "blitzer_dvd" / "train.parquet", text=["a"], label=[0])
    assert refusal("imbd").hint == "did you mean 'imdb'?"
    assert refusal("blitzer_dvdd").hint == "did you mean 'blitzer_dvd'?"
    unlike = refusal("x y z")
    assert unlike.message == "'x y z' is not a known dataset, nor a file."
    assert "known: ag_news, amazon_polarity, blitzer_dvd, imdb" in str(unlike.hint)


def test_a_split_may_be_a_file_of_its_own(tmp_path: Path) -> None:
    path = put(tmp_path / "extra.parquet", text=["x"], label=[1])
    assert load("quickstart", str(path)).texts == ["x"]
    assert load("quickstart", str(path)).label_names == ("negative", "positive")


def test_the_packaged_corpus_is_there() -> None:
    assert len(load("quickstart")) > 1000
    error = refusal("quickstart", "validation")
    assert "dataset 'quickstart' has no split 'validation'" in error.message


# --- the hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A hub that serves two rows of sst2's shape, and notes what was asked for."""
    import datasets

    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    asked: list[tuple[Any, ...]] = []

    def load_dataset(path: str, name: str | None = None, *, split: str) -> Any:
        asked.append((path, name, split))
        labels = [-1, -1] if split == "test" else [1, 0]
        return datasets.Dataset.from_dict({"sentence": ["fine", "dull"], "label": labels}, features=features)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_without_a_mirror_the_hub_is_asked(hub: list[tuple[Any, ...]]) -> None:
    examples = load("sst2")
    assert (examples.texts, examples.labels.tolist()) == (["fine", "dull"], [1, 0])
    assert examples.label_names == ("negative", "positive")
    assert hub == [("stanfordnlp/sst2", None, "train")]


def test_the_secret_test_labels_of_sst2_are_not_taken_for_labels(hub: list[tuple[Any, ...]]) -> None:
    assert load("sst2", "test").labels.tolist() == [1, 0]
    assert hub == [("stanfordnlp/sst2", None, "validation")], "the validation split stands in, as usual"


def test_secret_labels_give_a_hint(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = plugins.registry().datasets
    monkeypatch.setitem(known, "sst2", dataclasses.replace(known["sst2"], splits={"test": "test"}))
    error = refusal("sst2", "test")
    assert "kept secret" in error.message
    assert "data.test=validation" in str(error.hint)


def _datasets_error() -> Exception:
    from datasets.exceptions import DatasetGenerationError

    return DatasetGenerationError("An error occurred while generating the dataset")


@pytest.mark.parametrize(
    "error",
    [ConnectionError("Couldn't reach it"), ValueError("Unknown split"), FileNotFoundError("gone"), _datasets_error()],
    ids=lambda error: type(error).__name__,
)
def test_a_hub_that_fails_tells_the_ways_around_it(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    hub = logging.getLogger("huggingface_hub")
    before = hub.getEffectiveLevel()

    def load_dataset(*_: Any, **__: Any) -> Any:
        assert not hub.isEnabledFor(logging.WARNING)  # it would tell each attempt
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    refused = refusal("imdb")
    assert f"'imdb' cannot be downloaded from the hub: {error}" in refused.message
    assert "SENTREC_DATA" in str(refused.hint)
    assert "train.parquet" in str(refused.hint)
    assert hub.getEffectiveLevel() == before


def test_offline_nothing_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits for {seconds} s"))
    assert "cannot be downloaded from the hub" in refusal("imdb").message


# --- a plugin's dataset


def test_a_plugin_brings_a_dataset_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = DatasetSpec(
        "cinema",
        None,
        ("dull", "fine"),
        text_columns=("review",),
        label_column="verdict",
        packaged={"train": put(tmp_path / "cinema.parquet", review=["a", "b"], verdict=[1, 0])},
    )

    @hookimpl
    def sentrec_register_datasets(register: Any) -> None:
        register(spec)

    registry = plugins.Registry()
    registry.add("mine", "mine 1.0", lambda: SimpleNamespace(sentrec_register_datasets=sentrec_register_datasets))
    monkeypatch.setattr(plugins, "registry", lambda: registry)
    examples = load("cinema")
    assert (examples.texts, examples.labels.tolist(), examples.label_names) == (["a", "b"], [1, 0], ("dull", "fine"))
    assert "'cinema' has no split 'test'" in refusal("cinema", "test").message


def test_a_plugin_that_registers_something_else_is_reported() -> None:
    @hookimpl
    def sentrec_register_datasets(register: Any) -> None:
        register("cinema")

    registry = plugins.Registry()
    registry.add("mine", "mine 1.0", lambda: SimpleNamespace(sentrec_register_datasets=sentrec_register_datasets))
    assert not registry.datasets
    assert registry.reports[0].error == "a dataset is a sentrec.DatasetSpec, not 'cinema'."
