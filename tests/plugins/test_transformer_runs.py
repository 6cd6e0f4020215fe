"""Everything that a run goes through works with a pretrained transformer, as with every other kind of model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import cache_in, small_overrides, small_recipe, start_sentrec
from tiny_transformers import write_transformer

import sentrec
from sentrec.checks.recipe import check_recipe
from sentrec.errors import RecipeError, RunError, SentrecError
from sentrec.explain import explain
from sentrec.export.export import export_model
from sentrec.models.kinds import restore_model
from sentrec.recipe.loading import recipe_from_dict
from sentrec.runs.directory import MODEL, Run, open_run
from sentrec.training.train import train

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("warm_cache")

SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole": ({"layer_decay": 0.9}, {}),
    "top layer": ({"trained_layers": 1, "head_rate": 2.0}, {}),
    "features": ({"trained_layers": 0}, {}),
    "with n-grams": ({"trained_layers": 2}, {"ngrams": {"table_bits": 12}}),
}


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_transformer(tmp_path_factory.mktemp("pretrained") / "tiny")


def recipe_of(corpus: Path, pretrained: Path, options: dict[str, Any], model: dict[str, Any]) -> sentrec.Recipe:
    data = small_recipe(corpus).data.model_dump(mode="json")
    tree = {
        **{"name": "tiny", "data": data, "glove": None, "text": {"max_tokens": 32, "keep": "head-tail"}},
        **{"model": model, "encoder": {"name": "transformer", "pretrained": str(pretrained), **options}},
        "training": {"device": "cpu", "batch_size": 16, "epochs": 8, "learning_rate": 5e-3, "checkpoint_seconds": 0},
    }
    return recipe_from_dict(tree)


@pytest.fixture(scope="module", params=SHAPES)
def run(
    request: pytest.FixtureRequest,
    reviews: Path,
    pretrained: Path,
    shared_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    with cache_in(shared_home):
        recipe = recipe_of(reviews, pretrained, *SHAPES[request.param])
        return sentrec.train(recipe, tmp_path_factory.mktemp("transformer") / "run")


class KilledError(Exception):
    pass


def test_it_learns_and_resumes_to_the_same_weights(run: Run, tmp_path: Path) -> None:
    assert run.metrics["test"]["accuracy"] > 0.9
    if not run.metrics["steps"]:
        return  # a head that is solved for

    def kill(progress: object) -> None:
        if getattr(progress, "step", 0) == 10:
            raise KilledError

    with pytest.raises(KilledError):
        train(run.recipe, tmp_path / "run", on_progress=kill)
    again = train(run.recipe, tmp_path / "run", resume=True)
    assert (again.path / MODEL).read_bytes() == (run.path / MODEL).read_bytes()


def test_a_run_is_used_without_the_pretrained_model(run: Run, pretrained: Path, tmp_path: Path) -> None:
    away = pretrained.rename(pretrained.with_name("away"))
    try:
        predictor = sentrec.load(run.path, "cpu")
        labels = [
            one.label
            for one in predictor.predict(
                ["the film was lovely and superb, row 3", "the film was dull and awful, row 3", ""]
            )
        ]
        assert labels[:2] == ["good", "bad"]
        assert sentrec.evaluate(run.path, plots=False, out=tmp_path / "evaluation").metrics["accuracy"] > 0.9
        (why,) = explain(predictor, ["the film was lovely and superb, row 3"])
        assert (why.method, why.label, len(why.tokens)) == ("occlusion", "good", 9)
        opinions = [("A", "lovely"), ("B", "dull")] * 3
        reviews = [{"movie": film, "text": f"{said} {row}"} for row, (film, said) in enumerate(opinions)]
        ranking = sentrec.recommend(reviews, model=run.path, positive="good")
        assert [item.movie for item in ranking.items] == ["A", "B"]
    finally:
        away.rename(pretrained)


def test_an_export_answers_as_the_run_does(run: Run, tmp_path: Path) -> None:
    small = export_model(run, tmp_path / "small")
    texts = ["the film was lovely", "dull and awful"]
    before, after = (sentrec.load(one, "cpu").predict_proba(texts) for one in (run.path, small.run.path))
    np.testing.assert_allclose(before, after, atol=0.05)


def test_another_model_goes_on_from_it(run: Run, reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"init: {run.path}\n", encoding="utf-8")
    rows = [change for change in small_overrides(reviews) if change.startswith(("data.", "training.device"))]
    went_on = sentrec.train(sentrec.load_recipe(path, rows), tmp_path / "went-on")
    assert went_on.metrics["test"]["accuracy"] > 0.9


def test_it_teaches_a_small_model(run: Run, reviews: Path, tmp_path: Path) -> None:
    taught = f"data.unlabelled={reviews / 'train.csv'}", "objective.distil=1.0", f"objective.teacher={run.path}"
    student = sentrec.train(small_recipe(reviews, *taught, "model.ngrams.table_bits=10"), tmp_path / "student")
    assert student.metrics["test"]["accuracy"] > 0.9


def test_weights_move_to_another_target(reviews: Path, pretrained: Path, tmp_path: Path) -> None:
    side = tmp_path / "side.yaml"
    side.write_text(sentrec.recipe.to_yaml(recipe_of(reviews, pretrained, {"trained_layers": 2}, {})), encoding="utf-8")
    study = tmp_path / "study.yaml"
    study.write_text(
        f"source: {{name: one, recipe: {side}}}\ntarget: {{name: other, recipe: {side}}}\n"
        "arms: [scratch, zero-shot, full, probe, tfidf-lr]\nbudgets: [40]\nseeds: 1\nminimum_steps: 40\n",
        encoding="utf-8",
    )
    result = sentrec.transfer(study, tmp_path / "out")
    accuracy = {one.cell.arm: one.accuracy for one in result.results}
    assert accuracy["full"] > 0.9
    assert accuracy["zero-shot"] > 0.9
    assert set(accuracy) == {"scratch", "zero-shot", "full", "probe", "tfidf-lr"}


REFUSALS = {
    "no weights": (["model.safetensors"], None, "has no weights: there is no model.safetensors"),
    "pickled weights": (["model.safetensors"], "pytorch_model.bin", "only pickled weights, which can run any code"),
    "no tokenizer": (["tokenizer.json"], None, "has no tokenizer: there is neither tokenizer.json"),
    "no configuration": (["config.json"], None, "holds no model: it has no config.json"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_folder_that_lacks_something_is_refused_with_a_hint(
    case: str, reviews: Path, pretrained: Path, tmp_path: Path
) -> None:
    removed, added, said = REFUSALS[case]
    folder = shutil.copytree(pretrained, tmp_path / "broken")
    for name in removed:
        (folder / name).unlink()
    if added:
        (folder / added).write_bytes(b"pickle")
    refuse(reviews, folder, said, tmp_path)
    assert said in problem_of(recipe_of(reviews, folder, {}, {}))


def problem_of(recipe: sentrec.Recipe) -> str:
    """What a check says of the pretrained model, before anything is trained."""
    (finding,) = (one for one in check_recipe(recipe) if one.topic == "pretrained" and one.state == "missing")
    return finding.detail


def refuse(reviews: Path, folder: Path | str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SentrecError) as caught:
        sentrec.train(recipe_of(reviews, Path(folder), {}, {}), tmp_path / "run")
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "run").exists()


def test_a_decoder_foreign_code_and_cut_weights_are_refused(reviews: Path, pretrained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pretrained, tmp_path / "gpt")
    config = folder / "config.json"
    config.write_text(json.dumps({"model_type": "gpt2", "n_layer": 1, "n_embd": 16, "n_head": 2}), "utf-8")
    refuse(reviews, folder, "is a decoder ('gpt2'), not an encoder", tmp_path)
    config.write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoModel": "code.Mine"}}), "utf-8")
    refuse(reviews, folder, "it brings code of its own, which is not run", tmp_path)
    shutil.copy(pretrained / "config.json", config)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    refuse(reviews, folder, "weights of", tmp_path)


def test_a_hub_that_cannot_be_reached_and_a_missing_folder_are_told(reviews: Path, tmp_path: Path) -> None:
    refuse(reviews, "nobody/no-such-model", "is no folder, and cannot be had from the hub", tmp_path)
    refuse(reviews, str(tmp_path / "nowhere"), "There is no folder", tmp_path)


def test_glove_beside_it_is_refused(reviews: Path, pretrained: Path, tmp_path: Path) -> None:
    recipe = recipe_of(reviews, pretrained, {}, {})
    with_glove = recipe.model_copy(update={"glove": sentrec.load_recipe("imdb-swem").glove})
    with pytest.raises(SentrecError, match="no word vectors"):
        sentrec.train(with_glove, tmp_path / "run")
    assert "no word vectors" in problem_of(with_glove)
    assert "Unfreezing 4 layers takes 41 epochs" in problem_of(
        recipe_of(reviews, pretrained, {"unfreeze_epochs": 10}, {})
    )
    with pytest.raises(RecipeError, match="pooling"):
        recipe_of(reviews, pretrained, {"pooling": "last"}, {})


def test_an_altered_tokenizer_is_refused(run: Run, tmp_path: Path) -> None:
    copied = shutil.copytree(run.path, tmp_path / "copied")
    (copied / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError):
        sentrec.load(copied)
    saved = json.loads((run.path / "tokenizer.json").read_text(encoding="utf-8"))
    if "config" in saved:
        broken = json.dumps(saved | {"tokenizer": {}})
        with pytest.raises(RunError, match="the tokenizer cannot be read"):
            restore_model(run.recipe, broken, 2, run.path / MODEL)


def test_without_the_extra_the_error_names_it(
    reviews: Path, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SentrecError, match="package transformers") as caught:
        sentrec.train(recipe_of(reviews, pretrained, {}, {}), tmp_path / "run")
    assert 'pip install "sentrec[transformers]"' in (caught.value.hint or "")


def test_a_training_with_other_encoders_imports_no_transformers(reviews: Path, tmp_path: Path) -> None:
    changes = (*small_overrides(reviews), "training.max_steps=1")
    code = (
        "import sentrec, sys; "
        f"run = sentrec.train(sentrec.load_recipe('quickstart', {list(changes)!r}), {str(tmp_path / 'run')!r}); "
        "sentrec.load(run.path).predict(['a text']); print('transformers' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False"]


@pytest.mark.slow
def test_two_processes_train_its_top_layers_together(reviews: Path, pretrained: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        sentrec.recipe.to_yaml(recipe_of(reviews, pretrained, {"trained_layers": 1}, {})), encoding="utf-8"
    )
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--no-python"]
    process = start_sentrec("train", "--recipe", str(recipe), "--out", str(tmp_path / "run"), launcher=launcher)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert open_run(tmp_path / "run").metrics["test"]["n"] == 32
