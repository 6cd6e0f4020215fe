"""What a study could only fail at after hours, or would measure in vain, is told before any training."""

from pathlib import Path
from typing import Any

import pytest
from corpus_study import small_glove, small_study, study_tree
from small_runs import write_corpus

from sentrec.checks.recipe import check_study
from sentrec.errors import DataError, RecipeError, SentrecError
from sentrec.runs.directory import Run
from sentrec.transfer.loading import transfer_from_dict
from sentrec.transfer.study import transfer

pytestmark = pytest.mark.usefixtures("nothing_is_trained")


@pytest.mark.parametrize(
    ("changes", "error", "said", "hint"),
    [
        ({"arms": ["scratch", "random-embeddings"]}, RecipeError, "random-embeddings asks what GloVe gives", "Leave"),
        ({"arms": ["scratch", "frozen-glove"]}, RecipeError, "frozen-glove asks what GloVe gives, and target", "Leave"),
        ({"moves": {"encoder": [0, 3]}}, RecipeError, "moves.encoder: the encoder has no layer 3", "0"),
        (
            {"arms": ["scratch", "gradual"], "gradual": {"epochs_per_stage": 9}},
            *(RecipeError, "gradual unfreezing of 3 layers takes 19 epochs", "Raise training.epochs to 19"),
        ),
        (
            {"arms": ["scratch", "gradual"], "training": {"max_steps": 2}},
            *(RecipeError, "training.max_steps would end them early", "Leave `gradual` out"),
        ),
        ({"budgets": [24, 500]}, DataError, "500 labels is larger than target, which has 96", "Lower the budgets"),
    ],
)
def test_what_cannot_be_measured_is_told(
    tmp_path: Path, changes: dict[str, Any], error: type[SentrecError], said: str, hint: str
) -> None:
    with pytest.raises(error) as caught:
        transfer(small_study(tmp_path, **changes), tmp_path / "out")
    assert said in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_check_tells_of_arms_that_ask_nothing_too(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="asks what GloVe gives"):
        check_study(small_study(tmp_path, arms=["scratch", "frozen-glove"]))
    changes = {"glove": small_glove(tmp_path), "model": {"embeddings": "frozen"}}
    with pytest.raises(RecipeError, match="would be scratch once more"):
        transfer(small_study(tmp_path, arms=["scratch", "frozen-glove"], **changes), tmp_path / "out")


def test_what_goes_on_from_a_model_is_no_side_of_a_study(tmp_path: Path, small_run: Run) -> None:
    (tmp_path / "mine.yaml").write_text(f"init: {small_run.path}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="starts its models itself") as caught:
        transfer(small_study(tmp_path, target=str(tmp_path / "mine.yaml")), tmp_path / "out")
    assert f"{{run: {small_run.path}}}" in str(caught.value.hint)


@pytest.mark.parametrize("nothing", ["none", []])
def test_something_has_to_move(tmp_path: Path, nothing: object) -> None:
    moves = {"embeddings": False, "encoder": nothing}
    with pytest.raises(RecipeError, match="nothing moves from source to target, for: full"):
        transfer(small_study(tmp_path, moves={**moves, "head": False}), tmp_path / "out")
    write_corpus(tmp_path / "source", classes=("odd", "sad"))
    with pytest.raises(RecipeError, match="nothing moves"):
        transfer(small_study(tmp_path, moves=moves), tmp_path / "out")


@pytest.mark.parametrize(
    ("side", "change", "said"),
    [
        ("source", {"encoder": {"hidden": 16}}, "encoder.hidden is 16 in source and 8 in target"),
        ("source", {"encoder": {"name": "textcnn"}}, "encoder.name is textcnn in source and bilstm in target"),
        ("target", {"model": {"embedding_dim": 4}}, "model.embedding_dim is 8 in source and 4 in target"),
        ("target", {"text": {"lowercase": False}}, "text.lowercase is True in source and False in target"),
    ],
)
def test_weights_that_would_not_fit_are_told_by_name(
    tmp_path: Path, side: str, change: dict[str, Any], said: str
) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    changed = dict(tree[side]["set"])
    for section, values in change.items():
        changed[section] = values if "name" in values else {**changed.get(section, {}), **values}
    tree[side] = {**tree[side], "set": changed}
    with pytest.raises(RecipeError) as caught:
        transfer(transfer_from_dict(tree), tmp_path / "out")
    assert said in caught.value.message
    assert not (tmp_path / "out").exists()


def test_label_sets_that_differ_rule_out_zero_shot(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source", classes=("odd", "sad"))
    with pytest.raises(DataError, match=r"odd, sad.*bad, good") as caught:
        transfer(small_study(tmp_path, arms=["scratch", "zero-shot"]), tmp_path / "out")
    assert "zero-shot" in str(caught.value.hint)


def test_a_class_that_a_budget_lacks_is_named(tmp_path: Path) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    lines = (tmp_path / "target" / "train.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for number, line in enumerate(lines) if "good" not in line or number < 5]
    (tmp_path / "target" / "train.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"budget of 4 .* no training row of: good"):
        transfer(transfer_from_dict(tree | {"budgets": [4]}), tmp_path / "out")


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


def test_the_last_seeds_there_are_may_be_used_and_no_more(tmp_path: Path) -> None:
    assert small_study(tmp_path, seed=2**32 - 2, seeds=2).seeds == 2
    with pytest.raises(RecipeError, match="seed \\+ seeds"):
        transfer(small_study(tmp_path, seed=2**32 - 2), tmp_path / "out", seeds=3)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize(
    ("names", "said"),
    [(("imdb", "IMDB"), "s are called"), (("a b", "a-b"), "s are called"), (("a/b", "a-b"), "s are called")]
    + [((name, "other"), "which names no folder") for name in (".", "..")],
)
def test_names_that_are_no_folders_of_their_own_are_refused(
    tmp_path: Path, side: str, names: tuple[str, str], said: str
) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    tree[side] = [tree[side] | {"name": name} for name in names]
    with pytest.raises(RecipeError, match=f"{side}.*{said}|{side}{said}"):
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
