"""Rows are divided by label, equal texts stay together, and nothing is judged by rows that were learned."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_files import put

from sentrec import plugins
from sentrec.data.contamination import SeenTexts, normalized
from sentrec.data.examples import Examples
from sentrec.data.splits import Splits, load_splits, stratified_holdout, stratified_sample
from sentrec.errors import DataError
from sentrec.hookspecs import DatasetSpec
from sentrec.recipe import DataConfig

rows = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=120)


def examples_of(pairs: list[tuple[int, int]]) -> Examples:
    """Texts by number, so that some are equal; equal texts may have different labels."""
    return Examples([f"t{text}" for text, _ in pairs], np.array([label for _, label in pairs]), ("a", "b", "c", "d"))


def corpus(path: Path, size: int = 200, classes: int = 2, offset: int = 0, duplicates: int = 0) -> Path:
    """A file of `size` rows, of which the last `duplicates` repeat the first."""
    numbers = [offset + number for count in (size - duplicates, duplicates) for number in range(count)]
    labels = [f"class {number % classes}" for number in numbers]
    return put(path, text=[f"text {number}" for number in numbers], label=labels)


def split(dataset: str | Path, **data: Any) -> Splits:
    return load_splits(DataConfig(dataset=str(dataset), **data))


@given(rows, st.data(), st.booleans(), st.floats(0.01, 0.99), st.integers(0, 5))
def test_a_holdout_divides_all_rows_and_keeps_groups_and_equal_texts_together(
    pairs: Any, data: st.DataObject, has_groups: bool, share: float, seed: int
) -> None:
    groups = st.lists(st.integers(-3, 12), min_size=len(pairs), max_size=len(pairs))
    examples = replace(examples_of(pairs), groups=np.array(data.draw(groups)) if has_groups else None)
    kept, held_out = stratified_holdout(examples, share, seed)
    assert sorted([*kept, *held_out]) == list(range(len(examples)))
    assert len(kept) > 0 or has_groups
    first, second = examples.take(kept), examples.take(held_out)
    assert not set(first.texts) & set(second.texts)
    if first.groups is not None and second.groups is not None:
        assert not set(first.groups) & set(second.groups)
    again = stratified_holdout(examples, share, seed)
    assert (kept.tolist(), held_out.tolist()) == (again[0].tolist(), again[1].tolist())


def films(path: Path) -> Path:
    lines = [f"review {number},{number % 2},{'' if number % 50 == 0 else number % 20}" for number in range(400)]
    path.write_text("\n".join(["text,label,film", *lines]), encoding="utf-8")
    return path


def test_parts_that_are_held_out_share_no_film_with_train(tmp_path: Path) -> None:
    path = films(tmp_path / "train.csv")
    splits = split(path, group_column="film")
    film_of = dict(line.rsplit(",", 2)[::2] for line in path.read_text().splitlines()[1:])
    parts = (splits.train, splits.validation, splits.test)
    in_train, *others = ({film_of[text] for text in one.texts} for one in parts)
    assert splits.train.groups is not None
    assert splits.validation.groups is None
    assert all(not (in_train - {""}) & films for films in others)
    assert 20 <= len(splits.validation) <= 60
    assert abs(splits.validation.labels.mean() - 0.5) < 0.2
    assert sum(map(len, parts)) == 400
    plain = split(path)
    assert {film_of[text] for text in plain.train.texts} & {film_of[text] for text in plain.validation.texts}


def test_a_column_of_groups_that_is_not_there_or_divides_nothing_is_an_error(tmp_path: Path) -> None:
    path = films(tmp_path / "train.csv")
    with pytest.raises(DataError, match="has no column 'movie'; it has: text, label, film"):
        split(path, group_column="movie")
    others = {name: str(films(tmp_path / f"{name}.csv")) for name in ("validation", "test")}
    with pytest.raises(DataError, match="has validation and test rows of its own"):
        split(path, group_column="film", **others)


@given(st.integers(40, 400), st.integers(2, 4), st.floats(0.1, 0.5), st.integers(0, 3))
def test_a_holdout_gives_every_class_its_share(size: int, classes: int, share: float, seed: int) -> None:
    examples = examples_of([(number, number % classes) for number in range(size)])
    _, held_out = stratified_holdout(examples, share, seed)
    for label in range(classes):
        of_class = (examples.labels == label).sum()
        assert abs((examples.labels[held_out] == label).sum() - share * of_class) <= 1


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.floats(0.01, 0.99), st.integers(0, 3))
def test_no_class_vanishes_from_train(sizes: list[int], share: float, seed: int) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    examples = examples_of(list(enumerate(labels)))
    kept, _ = stratified_holdout(examples, share, seed)
    assert set(examples.labels[kept]) == set(labels)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=200), st.data(), st.integers(0, 5))
def test_a_smaller_sample_is_part_of_a_larger_one(labels: list[int], data: st.DataObject, seed: int) -> None:
    small = data.draw(st.integers(1, len(labels)))
    large = data.draw(st.integers(small, len(labels)))
    array = np.array(labels)
    inner, outer = stratified_sample(array, small, seed), stratified_sample(array, large, seed)
    assert (len(inner), len(outer)) == (small, large)
    assert set(inner.tolist()) <= set(outer.tolist())
    for label in set(labels):
        assert abs((array[outer] == label).sum() - large * (array == label).mean()) <= len(set(labels))


def test_a_file_is_divided_into_three(tmp_path: Path) -> None:
    splits = split(corpus(tmp_path / "x.parquet"))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (144, 16, 40)
    texts = [set(part.texts) for part in (splits.train, splits.validation, splits.test)]
    assert len(set.union(*texts)) == 200, "the parts share no text"
    assert np.bincount(splits.test.labels).tolist() == [20, 20]
    splits = split(tmp_path / "x.parquet", test=0.5, validation=0.2)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (80, 20, 100)


def test_the_split_seed_alone_decides(tmp_path: Path) -> None:
    path = corpus(tmp_path / "x.parquet")
    first, same, other = split(path), split(path), split(path, split_seed=2)
    assert (first.test.texts, first.validation.texts) == (same.test.texts, same.validation.texts)
    assert first.test.texts != other.test.texts


def test_fewer_training_rows_change_neither_validation_nor_test(tmp_path: Path) -> None:
    path = corpus(tmp_path / "x.parquet")
    whole, fifty, twenty = split(path), split(path, train_rows=50), split(path, train_rows=20)
    assert (len(fifty.train), len(twenty.train)) == (50, 20)
    assert set(twenty.train.texts) < set(fifty.train.texts) < set(whole.train.texts)
    assert np.bincount(twenty.train.labels).tolist() == [10, 10]
    for fewer in (fifty, twenty):
        assert fewer.validation.texts == whole.validation.texts
        assert fewer.test.texts == whole.test.texts
    assert len(split(path, train_rows=10_000).train) == len(whole.train)


def test_duplicates_are_counted_and_stay_on_one_side(tmp_path: Path) -> None:
    splits = split(corpus(tmp_path / "x.parquet", duplicates=60))
    assert splits.overlap == 0
    assert not set(splits.train.texts) & set(splits.validation.texts)
    assert splits.duplicates == len(splits.train) - len(set(splits.train.texts)) > 0


def test_a_file_that_repeats_training_rows_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="sentrec")
    train = corpus(tmp_path / "train.parquet")
    test = corpus(tmp_path / "test.parquet", size=50, offset=190)
    splits = split(train, test=str(test))
    in_train = len(set(splits.test.texts) & set(splits.train.texts))
    assert splits.overlap == in_train > 0, "what validation took of train was not learned"
    assert f"{in_train} of 50 test texts also occur in train" in caplog.text
    caplog.clear()
    assert load_splits(DataConfig(dataset=str(train), test=str(test)), say_overlap=False).overlap == in_train
    assert caplog.text == ""
    splits = split(train, validation=str(test), test=0.2)
    assert splits.validation_overlap == len(set(splits.validation.texts) & set(splits.train.texts)) > 0
    assert f"{splits.validation_overlap} of 50 validation texts also occur in train" in caplog.text
    assert split(train).validation_overlap == 0


def test_splits_that_the_dataset_has_are_not_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    corpus(tmp_path / "cinema" / "train.parquet")
    corpus(tmp_path / "cinema" / "validation.parquet", size=30, offset=1000)
    splits = split("cinema")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (160, 30, 40)
    assert len(split("cinema", validation=0.25).validation) == 40
    assert split("cinema", test="validation", validation=0.1).test.texts == splits.validation.texts
    # What stands in for the test is not selected on.
    judged = split("cinema", test="validation")
    assert (len(judged.train), len(judged.validation), len(judged.test)) == (180, 20, 30)
    assert not set(judged.validation.texts) & set(judged.test.texts)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"validation": "test"}, "validation and test"),
        ({"test": "train"}, "train and test"),
        ({"validation": "train"}, "train and validation"),
        ({"train": "test"}, "train and test"),
        ({"validation": "./cinema/../cinema/test.parquet"}, "validation and test"),
    ],
)
def test_no_two_parts_are_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: dict[str, str], parts: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    corpus(tmp_path / "cinema" / "train.parquet")
    corpus(tmp_path / "cinema" / "test.parquet", size=30, offset=1000)
    with pytest.raises(DataError, match=f"{parts} would be the same rows") as caught:
        split("cinema", **data)
    assert "=0.2" in str(caught.value.hint)


def test_a_copy_of_the_test_file_is_not_selected_on(tmp_path: Path) -> None:
    files = {name: str(corpus(tmp_path / f"{name}.parquet", size=30, offset=500)) for name in ("validation", "test")}
    with pytest.raises(DataError, match="validation and test hold the same rows"):
        split(corpus(tmp_path / "train.parquet"), **files)


def test_two_names_of_one_split_of_the_hub_are_the_same_rows() -> None:
    spec = DatasetSpec("cinema", "some/cinema", (), splits={"train": "train", "dev": "dev", "test": "dev"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(plugins.registry().datasets, "cinema", spec)
        with pytest.raises(DataError, match="validation and test would be the same rows"):
            split("cinema", validation="dev")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_training_file_is_not_judged_by(tmp_path: Path, part: str) -> None:
    path = corpus(tmp_path / "x.parquet")
    for name in (str(path), "train"):
        with pytest.raises(DataError, match=f"train and {part} would be the same rows"):
            split(path, **{part: name})


@pytest.mark.parametrize("data", [{"test": "test"}, {"validation": "validation"}, {"train": "trian"}])
def test_a_file_is_never_its_own_test(tmp_path: Path, data: dict[str, str]) -> None:
    path = corpus(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="is one file and has no split") as caught:
        split(path, **data)
    assert "data.test=0.2" in str(caught.value.hint)


def test_classes_are_matched_by_name_between_files(tmp_path: Path) -> None:
    train = corpus(tmp_path / "train.parquet", classes=3)
    only = put(tmp_path / "only.parquet", text=["x", "y"], label=["class 2", "class 1"])
    splits = split(train, test=str(only))
    assert splits.test.label_names == splits.train.label_names
    assert splits.test.labels.tolist() == [2, 1]
    put(only, text=["x", "y"], label=["class 2", "class 7"])
    with pytest.raises(DataError, match="the test split has labels that train lacks: class 7") as caught:
        split(train, test=str(only))
    assert "data.label_names" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("rows", "message", "hint"),
    [
        ({"classes": 1}, "all 144 training rows have the same label, 'class 0'", "two classes"),
        ({"size": 2}, "2 rows are too few to hold out a test part", "data.test=FILE"),
        ({"size": 4}, "too few to hold out a validation part", "data.validation=FILE"),
    ],
)
def test_rows_that_cannot_be_divided_are_refused(tmp_path: Path, rows: dict[str, int], message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        split(corpus(tmp_path / "x.parquet", **rows))
    assert hint in str(caught.value.hint)


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(DataError, match="cannot be read"):
        load_splits(DataConfig(dataset=str(tmp_path / "loop.csv")))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A lovely film!", "a lovely film"),
        ("It's 9/10.", "its 910"),
        ("Café — naïve", "café naïve"),
        ("ﬁne", "fine"),
        ("one  two\n\nthree", "One, two: three"),
    ],
)
def test_case_spaces_and_punctuation_do_not_matter(first: str, second: str) -> None:
    assert normalized(first) == normalized(second)
    assert first in SeenTexts([second])


@pytest.mark.parametrize(("first", "second"), [("not good", "good"), ("😀", "😡"), ("!!!", "..."), ("8/10", "9/10")])
def test_letters_digits_and_texts_of_neither_do(first: str, second: str) -> None:
    assert normalized(first) != normalized(second)


def test_every_text_that_was_seen_is_counted() -> None:
    assert SeenTexts(["AB", "c!"]).count(["A b.", "a B", "c", "d"]) == 3
    assert SeenTexts([]).count(["a"]) == 0
