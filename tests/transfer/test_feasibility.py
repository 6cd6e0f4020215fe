"""What a study could only fail at after hours, or would measure in vain, is told before any training."""

from pathlib import Path
from typing import Any

import pytest
from corpus_study import small_glove, small_study, study_tree
from small_runs import write_corpus

from sentrec.checks.recipe import check_study
from sentrec.errors import DataError, RecipeError
from sentrec.runs.directory import Run
from sentrec.transfer.loading import transfer_from_dict
from sentrec.transfer.study import transfer


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a training began")

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", refuse)
    monkeypatch.setattr("sentrec.transfer.source.fit", refuse)


@pytest.mark.parametrize("arm", ["frozen-glove", "random-embeddings"])
def test_an_arm_on_glove_needs_glove(tmp_path: Path, arm: str) -> None:
    recipe = small_study(tmp_path, arms=["scratch", arm])
    with pytest.raises(RecipeError, match=f"{arm} asks what GloVe gives, and target has `glove: null`"):
        transfer(recipe, tmp_path / "out")
    with pytest.raises(RecipeError, match="asks what GloVe gives"):
        check_study(recipe)


def test_frozen_vectors_make_frozen_glove_the_baseline(tmp_path: Path) -> None:
    changes = {"glove": small_glove(tmp_path), "model": {"embeddings": "frozen"}}
    with pytest.raises(RecipeError, match="would be scratch once more"):
        transfer(small_study(tmp_path, arms=["scratch", "frozen-glove"], **changes), tmp_path / "out")


def test_what_goes_on_from_a_model_is_no_side_of_a_study(tmp_path: Path, small_run: Run) -> None:
    (tmp_path / "mine.yaml").write_text(f"init: {small_run.path}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="starts its models itself") as caught:
        transfer(small_study(tmp_path, target=str(tmp_path / "mine.yaml")), tmp_path / "out")
    assert f"{{run: {small_run.path}}}" in str(caught.value.hint)


def test_a_layer_that_the_encoder_lacks_cannot_move(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"moves.encoder: the encoder has no layer 3") as caught:
        transfer(small_study(tmp_path, moves={"encoder": [0, 3]}), tmp_path / "out")
    assert "0" in str(caught.value.hint)


@pytest.mark.parametrize("nothing", ["none", []])
def test_something_has_to_move(tmp_path: Path, nothing: object) -> None:
    moves = {"embeddings": False, "encoder": nothing}
    with pytest.raises(RecipeError, match="nothing moves from source to target, for: full"):
        transfer(small_study(tmp_path, moves={**moves, "head": False}), tmp_path / "out")
    write_corpus(tmp_path / "source", classes=("odd", "sad"))
    with pytest.raises(RecipeError, match="nothing moves"):
        transfer(small_study(tmp_path, moves=moves), tmp_path / "out")


def test_gradual_unfreezing_is_not_to_be_cut_short(tmp_path: Path) -> None:
    recipe = small_study(tmp_path, arms=["scratch", "gradual"], training={"max_steps": 2})
    with pytest.raises(RecipeError, match=r"training.max_steps would end them early"):
        transfer(recipe, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budgets": [0]}, "  - budgets.0: should be a whole number from 4 on, or `all` (got 0)"),
        ({"budgets": [24, "most"]}, "  - budgets.1: should be a whole number from 4 on, or `all` (got 'most')"),
        ({"budgets": []}, "  - budgets: should name one at least (got [])"),
        ({"target": []}, "  - target: should name one at least (got [])"),
        ({"seed": 2**32 - 1, "seeds": 2}, "  - recipe: seed + seeds is larger than 2**32"),
        ({"target": {"recipe": "imdb", "set": {"seed": 3}}}, "  - target.0.set: `seed` has no meaning here"),
        ({"source": {"recipe": "imdb", "set": {"seed": 3}}}, "  - source.0.set: `seed` has no meaning here"),
        ({"target": {"recipe": "imdb", "labels": {"a": "x", "b": "X"}}}, "two classes stand for the same class"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        small_study(tmp_path, **change)
    assert said in caught.value.message
    assert caught.value.message.count("\n") == 1


def test_the_last_seeds_there_are_may_be_used(tmp_path: Path) -> None:
    assert small_study(tmp_path, seed=2**32 - 2, seeds=2).seeds == 2


def test_more_seeds_than_there_are_are_refused_from_outside_the_recipe_too(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="seed \\+ seeds"):
        transfer(small_study(tmp_path, seed=2**32 - 2), tmp_path / "out", seeds=3)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize(("one", "other"), [("imdb", "IMDB"), ("a b", "a-b"), ("a/b", "a-b")])
def test_names_that_would_share_a_folder_are_refused(tmp_path: Path, side: str, one: str, other: str) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    tree[side] = [tree[side] | {"name": one}, tree[side] | {"name": other}]
    with pytest.raises(RecipeError, match=f"two {side}s are called"):
        transfer(transfer_from_dict(tree), tmp_path / "out")


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    tree["target"] = tree["target"] | {"name": name}
    with pytest.raises(RecipeError, match="names no folder"):
        transfer(transfer_from_dict(tree), tmp_path / "out")


def test_labels_of_a_class_that_there_is_not_are_told(tmp_path: Path) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    tree["target"] = tree["target"] | {"labels": {"godo": "positive"}}
    with pytest.raises(DataError, match="target has no class 'godo'") as caught:
        transfer(transfer_from_dict(tree), tmp_path / "out")
    assert "good" in str(caught.value.hint)


def test_a_hint_on_data_can_be_followed_in_a_study(tmp_path: Path) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    for side, setting in (("target", "target.set"), ("source", "source.set")):
        broken: dict[str, Any] = study_tree(tmp_path)
        data = {**tree[side]["set"]["data"], "label_column": "nowhere"}
        broken[side] = tree[side] | {"set": tree[side]["set"] | {"data": data}}
        with pytest.raises(DataError) as caught:
            transfer(transfer_from_dict(broken), tmp_path / "out")
        hint = str(caught.value.hint)
        assert f"--set {setting}.data." in hint
        assert "--set data." not in hint
        broken[side] = [broken[side], tree[side] | {"name": "other"}]
        with pytest.raises(DataError) as caught:
            transfer(transfer_from_dict(broken), tmp_path / "out")
        assert f"in the study's file, `set` of the {side} {side}: data." in str(caught.value.hint)
