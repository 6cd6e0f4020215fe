"""Rows become texts and numbered classes, from a file, a mirror, a package or the hub; what does not fit is named."""

import dataclasses
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from sentrec import hookimpl, plugins
from sentrec.data.examples import Examples, has_split, load_examples
from sentrec.data.registry import DatasetSpec
from sentrec.errors import DataError
from sentrec.recipe import DataConfig


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    return tmp_path


def put(path: Path, **columns: Any) -> Path:
    """Writes a Parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(pa.table(columns), path)
    return path


def load(dataset: str | Path, split: str = "train", **data: Any) -> Examples:
    return load_examples(DataConfig(dataset=str(dataset), **data), split)


def labels_of(tmp_path: Path, labels: Any, **data: Any) -> tuple[list[str], tuple[str, ...]]:
    """The class name of each row, and all class names."""
    examples = load(put(tmp_path / "x.parquet", text=["t"] * len(labels), label=labels), **data)
    return [examples.label_names[number] for number in examples.labels], examples.label_names


def refusal(dataset: str | Path, split: str = "train", **data: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(dataset, split, **data)
    return caught.value


def test_a_csv_with_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text('id,review,sentiment\n1,"good, really",positive\n2,"two\nlines",negative\n3,1984,positive\n')
    examples = load(path, text_columns=["review"], label_column="sentiment")
    assert examples.texts == ["good, really", "two\nlines", "1984"]
    assert examples.label_names == ("negative", "positive")
    assert examples.labels.tolist() == [1, 0, 1]
    assert examples.labels.dtype == np.int64


def test_several_text_columns_are_joined_by_a_line_break(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", title=["Jaws", None, "Alien"], body=["scary", "dull", None], label=[1, 0, 1])
    assert load(path, text_columns=["title", "body"]).texts == ["Jaws\nscary", "dull", "Alien"]


@pytest.mark.parametrize(
    ("labels", "names", "first"),
    [
        (["pos", "neg", "pos"], ("neg", "pos"), "pos"),
        ([" pos ", "neg", "pos"], ("neg", "pos"), "pos"),
        (["10", "9", "1"], ("1", "9", "10"), "10"),
        ([3, 1, 2], ("1", "2", "3"), "3"),
        ([1, -1, 0], ("-1", "0", "1"), "1"),
        ([5.0, 1.0, 1.0], ("1", "5"), "5"),
        ([True, False, True], ("false", "true"), "true"),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ("a", "b"), "a"),
        (pa.array([7, 5, 7], pa.uint8()).dictionary_encode(), ("5", "7"), "7"),
        (pa.array(["a", "b", "a"], pa.large_string()), ("a", "b"), "a"),
    ],
    ids=["text", "spaces", "digits", "integers", "negative", "floats", "truth", "categories", "coded", "large"],
)
def test_labels_of_any_type_become_classes(tmp_path: Path, labels: Any, names: tuple[str, ...], first: str) -> None:
    rows, found = labels_of(tmp_path, labels)
    assert found == names
    assert rows[0] == first


@pytest.mark.parametrize(
    ("labels", "stated", "rows"),
    [
        ([1, 0], ["bad", "good"], ["good", "bad"]),
        (["good", "bad"], ["bad", "good"], ["good", "bad"]),
        ([2, 1], [1, 2], ["2", "1"]),
        ([1.0, 0.0], ["bad", "good"], ["good", "bad"]),
        ([True, False], ["bad", "good"], ["good", "bad"]),
        ([True, False], ["true", "false"], ["true", "false"]),
    ],
)
def test_stated_names_order_the_classes(tmp_path: Path, labels: Any, stated: list[Any], rows: list[str]) -> None:
    assert labels_of(tmp_path, labels, label_names=stated) == (rows, tuple(str(name) for name in stated))


@pytest.mark.parametrize(
    ("labels", "data", "message"),
    [
        ([0.5, 1.0], {}, "fractions"),
        ([[1], [2]], {}, "list"),
        (pa.array([b"\xff", b"a"]), {}, "binary"),
        (["x", "y"], {"label_names": ["a", "b"]}, "no label of .* is one of a, b; it has: x, y"),
        (list(range(1001)), {}, "1,001 different labels"),
        ([f"title {number}" for number in range(1001)], {}, "1,001 different labels"),
        ([None, None], {}, "no row of .* has a label"),
        ([-1, -1], {"label_names": ["a", "b"]}, "no row of .* has a label"),
        ([float("nan"), None], {}, "no row of .* has a label"),
        (["", " "], {}, "no row of .* has a label"),
    ],
)
def test_what_is_no_class_column_is_refused(tmp_path: Path, labels: Any, data: Any, message: str) -> None:
    path = put(tmp_path / "x.parquet", text=["t"] * len(labels), label=labels)
    error = refusal(path, **data)
    assert error.hint
    with pytest.raises(DataError, match=message):
        raise error


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", None, ""], [0, 1, 1], "2 of 3 rows .* have no text (the first is row 2)"),
        (["a", "b", " \n"], [0, 1, 1], "1 of 3 rows .* have no text (the first is row 3)"),
        (["a", "b", "c"], [0, None, 1], "1 of 3 rows .* have no label, or none of: 0, 1 (the first is row 2)"),
        (["a", "b", "c"], ["x", "y", ""], "1 of 3 rows .* have no label, or none of: x, y (the first is row 3)"),
        (["a", "b", "c"], [0.0, float("nan"), 1.0], "1 of 3 rows .* have no label"),
    ],
)
def test_rows_without_text_or_label_stop_or_are_left_out(
    tmp_path: Path, texts: Any, labels: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path / "x.parquet", text=texts, label=labels)
    error = refusal(path)
    for part in message.split(" .* "):
        assert part in error.message
    assert "data.bad_rows=skip" in str(error.hint)
    kept = load(path, bad_rows="skip")
    assert len(kept) == len(kept.texts) == len(kept.labels) < 3
    assert "a" in kept.texts
    assert "left out" in caplog.text


def test_a_number_beyond_the_stated_names_is_no_label(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", text=["a", "b"], label=[0, 2])
    assert (
        "have no label, or none of: bad, good (the first is row 2)"
        in refusal(path, label_names=["bad", "good"]).message
    )


@pytest.mark.parametrize("skip", ["error", "skip"])
def test_files_without_a_usable_row_are_refused(tmp_path: Path, skip: Any) -> None:
    header = tmp_path / "header.csv"
    header.write_text("text,label\n")
    assert "has no rows" in refusal(header, bad_rows=skip).message
    blank = put(tmp_path / "blank.parquet", text=["", None], label=[0, 1])
    assert "no row with both a text and a label" in refusal(blank, bad_rows=skip).message


def test_missing_columns_list_those_that_are_there(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", review=["a"], stars=[1])
    for data, missing in (
        ({}, "text"),
        ({"text_columns": ["review"]}, "label"),
        ({"text_columns": ["Review"]}, "Review"),
    ):
        error = refusal(path, **data)
        assert error.message == f"{path} has no column '{missing}'; it has: review, stars."
        assert "--set data.text_columns=[review]" in str(error.hint)


def test_a_doubled_column_and_a_wrong_delimiter_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label,text\na,1,b\n")
    assert "has 2 columns 'text'" in refusal(path).message
    path.write_text("text;label\na;1\n")
    assert "separated by commas" in str(refusal(path).hint)


@pytest.mark.parametrize("texts", [[1, 2], [["a"], ["b"]], [True, False], [b"a", b"b"]])
def test_texts_that_are_no_strings_are_refused(tmp_path: Path, texts: Any) -> None:
    error = refusal(put(tmp_path / "x.parquet", text=texts, label=[0, 1]))
    assert "not text" in error.message
    assert "data.text_columns" in str(error.hint)


def test_texts_as_categories_are_text(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", text=pa.array(["a", "b"]).dictionary_encode(), label=[0, 1])
    assert load(path).texts == ["a", "b"]


# --- named datasets


def test_a_named_dataset_is_read_from_the_mirror_with_its_names(mirror: Path) -> None:
    put(mirror / "imdb" / "train.parquet", text=["a", "b"], label=[1, 0])
    examples = load("imdb")
    assert (examples.texts, examples.labels.tolist()) == (["a", "b"], [1, 0])
    assert examples.label_names == ("negative", "positive")
    assert has_split(DataConfig(dataset="imdb"), "train")
    assert not has_split(DataConfig(dataset="imdb"), "test"), "the mirror has none, and so it is held out"


def test_a_mirror_that_joined_the_columns_is_read_by_its_text_column(mirror: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    path = put(mirror / "amazon_polarity" / "train.parquet", text=["title\nbody"], label=[1])
    assert load("amazon_polarity").texts == ["title\nbody"]
    assert f"{path} has no column title/content: using 'text'" in caplog.text
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

    def load_dataset(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    refused = refusal("imdb")
    assert f"'imdb' cannot be downloaded from the hub: {error}" in refused.message
    assert "SENTREC_DATA" in str(refused.hint)
    assert "train.parquet" in str(refused.hint)


def test_without_network_the_error_comes_at_once() -> None:
    refused = refusal("imdb")  # every test runs with HF_HUB_OFFLINE=1
    assert "cannot be downloaded from the hub" in refused.message


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
