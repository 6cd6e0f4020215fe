"""Weights really move, and what is frozen stays as it was, to the last bit."""

from pathlib import Path

import pytest
import torch
from corpus_study import small_study
from small_models import tokenizer_of
from small_runs import small_recipe
from tokenizers import Tokenizer
from torch import Tensor

from sentrec.errors import DataError
from sentrec.inference.predictor import model_of
from sentrec.models.base import TextModel
from sentrec.models.kinds import kind_of
from sentrec.recipe import Recipe
from sentrec.runs.directory import TOKENIZER, Run
from sentrec.text.tokenizer import words_of
from sentrec.training.loop import TrainingLoop, make_accelerator
from sentrec.training.optimizer import LearningPlan, recipe_plan
from sentrec.training.prepare import PreparedData, prepare
from sentrec.transfer.cell import learning_plan, target_only_model
from sentrec.transfer.schema import Moves
from sentrec.transfer.source import move_weights

WORDS = ("film", "lovely", "unheard")
LABELS = ("bad", "good")
WORD_VECTORS = "embedding.table.weight"


@pytest.fixture
def recipe(reviews: Path) -> Recipe:
    return small_recipe(reviews, "seed=5", "encoder.layers=2")


@pytest.fixture
def source(small_run: Run) -> TextModel:
    return model_of(small_run)


def fresh(recipe: Recipe, tokenizer: str | None = None) -> TextModel:
    return target_only_model("full", recipe, tokenizer or tokenizer_of(WORDS), 2)


def test_weights_of_the_run_stand_in_the_new_model(reviews: Path, small_run: Run, source: TextModel) -> None:
    model, untouched = (fresh(small_recipe(reviews, "seed=5")) for _ in range(2))
    move_weights(source, LABELS, model, LABELS, Moves())
    moved, kept, stored = model.state_dict(), untouched.state_dict(), source.state_dict()
    for name in moved:
        if name != WORD_VECTORS:
            assert torch.equal(moved[name], stored[name]), name
            assert not torch.equal(moved[name], kept[name]), name
    words = words_of(Tokenizer.from_file(str(small_run.path / TOKENIZER)))
    for row, word in enumerate(("[PAD]", "[UNK]", *WORDS)):
        expected = stored[WORD_VECTORS][words.index(word)] if word in words and row > 0 else kept[WORD_VECTORS][row]
        if row > 1:
            assert torch.equal(moved[WORD_VECTORS][row], expected), word
    assert "unheard" not in words


def test_the_head_moves_in_the_order_of_the_targets_classes(reviews: Path, source: TextModel) -> None:
    model = fresh(small_recipe(reviews))
    move_weights(source, LABELS, model, ("Good", "Bad"), Moves())
    assert torch.equal(model.head.bias.data, source.head.bias.flip(0))
    assert torch.equal(model.head.weight.data, source.head.weight.flip(0))


def test_other_labels_leave_the_head(reviews: Path, source: TextModel) -> None:
    model = fresh(small_recipe(reviews, "seed=5"))
    before = model.head.weight.detach().clone()
    move_weights(source, LABELS, model, ("World", "Sports"), Moves())
    assert torch.equal(model.head.weight, before)
    with pytest.raises(DataError, match="World, Sports"):
        move_weights(source, LABELS, model, ("World", "Sports"), Moves(head=True))


@pytest.mark.parametrize(
    ("moves", "moved"),
    [
        (Moves(embeddings=False, head=False), {"forward_layers.0", "backward_layers.0", "forward_layers.1"}),
        (Moves(embeddings=False, head=False, encoder="none"), set()),
        (Moves(embeddings=False, head=False, encoder=(0,)), {"forward_layers.0", "backward_layers.0"}),
    ],
)
def test_only_the_layers_that_are_named_move(recipe: Recipe, moves: Moves, moved: set[str]) -> None:
    other = fresh(recipe.model_copy(update={"seed": 6}))
    model, untouched = fresh(recipe), fresh(recipe)
    move_weights(other, LABELS, model, ("bad", "good"), moves)
    changed = differing(model.state_dict(), untouched.state_dict())
    assert {".".join(name.split(".")[1:3]) for name in changed} - {"backward_layers.1"} == moved
    assert all(name.startswith("encoder.") for name in changed)


def differing(first: dict[str, Tensor], second: dict[str, Tensor]) -> set[str]:
    return {name for name in first if not torch.equal(first[name], second[name])}


def trained(recipe: Recipe, data: PreparedData, model: TextModel, plan: LearningPlan) -> list[set[str]]:
    """Which weights have changed since the start, after each epoch."""
    begun = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    labels = (data.splits.train.labels, data.splits.validation.labels)
    loop = TrainingLoop(recipe, model, data.train, labels[0], data.validation, labels[1], make_accelerator("cpu"), plan)
    return [differing(begun, model.state_dict()) for progress in loop.run() if progress.validated]


def prepared_model(recipe: Recipe) -> tuple[PreparedData, TextModel]:
    data = prepare(recipe)
    return data, fresh(recipe, data.tokenizer)


def test_a_probe_changes_the_head_alone_and_frozen_glove_all_but_the_word_vectors(
    recipe: Recipe, tmp_path: Path
) -> None:
    for arm in ("probe", "frozen-glove"):
        data, model = prepared_model(recipe)
        changed = trained(recipe, data, model, learning_plan(arm, recipe, model, small_study(tmp_path)))[-1]
        assert changed == ({"head.weight", "head.bias"} if arm == "probe" else set(model.state_dict()) - {WORD_VECTORS})


def test_gradual_unfreezing_thaws_from_the_head_downwards(recipe: Recipe, tmp_path: Path) -> None:
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 4, "patience": 4})})
    data, model = prepared_model(recipe)
    plan = learning_plan("gradual", recipe, model, small_study(tmp_path))
    upper = {name for name in model.state_dict() if "_layers.1." in name}
    lower = {name for name in model.state_dict() if "_layers.0." in name}
    head = {"head.weight", "head.bias"}
    stages = [head, head | upper, head | upper | lower, head | upper | lower | {WORD_VECTORS}]
    assert trained(recipe, data, model, plan) == stages
    rates = [plan[name].factor for name in ("head.bias", min(upper), min(lower), WORD_VECTORS)]
    assert rates == pytest.approx([1.0, 1 / 2.6, 1 / 2.6**2, 1 / 2.6**3])


def test_a_factor_scales_every_rate(recipe: Recipe, tmp_path: Path) -> None:
    model = fresh(recipe)
    plan = learning_plan("full", recipe, model, small_study(tmp_path, full={"learning_rate_factor": 0.25}))
    own = recipe_plan(recipe, model)
    assert set(plan) == set(own)
    assert all(plan[name].factor == 0.25 * own[name].factor for name in plan)


def test_the_joint_vocabulary_keeps_the_targets_ids(small_run: Run, reviews: Path) -> None:
    recipe = small_recipe(reviews, "text.vocabulary_size=8")
    own, theirs = prepare(recipe).tokenizer, prepare(small_recipe(reviews)).tokenizer
    joint = Tokenizer.from_str(kind_of(recipe).join_tokenizers(recipe, own, theirs))
    target, source = Tokenizer.from_str(own), Tokenizer.from_str(theirs)
    vocabulary, ours = joint.get_vocab(), target.get_vocab()
    assert all(vocabulary[word] == number for word, number in ours.items())
    assert set(vocabulary) == set(ours) | set(source.get_vocab())
    assert len(ours) < len(vocabulary)
    text = "The film was LOVELY and dull"
    assert joint.encode(text).tokens == source.encode(text).tokens
