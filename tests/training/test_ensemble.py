"""Several runs as one model: seeds of a recipe, runs of different architectures, and what cannot be joined."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small_runs import cache_in, small_recipe, write_corpus

import sentrec
from sentrec.data.splits import load_splits
from sentrec.errors import Interrupted, RecipeError, RunError
from sentrec.metrics.calibration import fit_temperature, softmax
from sentrec.recommend import stream
from sentrec.recommend.api import recommend
from sentrec.recommend.chunks import OneWorker, Scores
from sentrec.recommend.scoring import ModelScorer
from sentrec.recommend.stream import ScoringOptions
from sentrec.runs.directory import Run, open_run
from sentrec.training import seeds as seeds_module
from sentrec.training.ensemble import ensemble
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train
from sentrec.transfer.loading import load_sources, transfer_from_dict

pytestmark = pytest.mark.usefixtures("warm_cache")

SHORT = ("training.max_steps=4", "training.learning_rate=3e-2", "name=small")
TEXTS = ["the film was lovely and superb", "Dull!", "lovely dull " * 20, "", ":) awful"]


@pytest.fixture(scope="module")
def runs(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An ensemble of two seeds, and a run of another architecture that reads less; not to be changed (copy them)."""
    folder = tmp_path_factory.mktemp("ensembles")
    with cache_in(shared_home):
        train_seeds(small_recipe(reviews, *SHORT), folder / "seeds", seeds=2, ensemble=True)
        train(small_recipe(reviews, *SHORT, "encoder.name=gru", "text.max_tokens=6", "name=gru"), folder / "gru")
        ensemble([folder / "seeds" / "seed-1", folder / "gru"], folder / "joined")
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["seeds", "joined"])
def test_the_logits_are_the_mean_of_the_members_calibrated_logits(runs: dict[str, Path], name: str) -> None:
    model = sentrec.load(runs[name], "cpu")
    members = [sentrec.load(member, "cpu") for member in model.run.members]
    assert len(members) == 2
    expected = np.mean([member.logits(TEXTS) / member.run.temperature for member in members], axis=0)
    np.testing.assert_allclose(model.logits(TEXTS), expected, atol=1e-6)
    assert np.abs(members[0].logits(TEXTS) - members[1].logits(TEXTS)).max() > 1e-3
    np.testing.assert_allclose(model.predict_proba(TEXTS), softmax(expected, model.run.temperature), atol=1e-6)


@pytest.mark.parametrize("name", ["seeds", "joined"])
def test_the_figures_are_those_of_the_ensemble_beside_its_members(runs: dict[str, Path], name: str) -> None:
    run = open_run(runs[name])
    splits, model = load_splits(run.recipe.data), sentrec.load(run, "cpu")
    temperature = fit_temperature(model.logits(splits.validation.texts), splits.validation.labels)
    assert run.temperature == pytest.approx(temperature, rel=1e-3)
    for part in ("validation", "test"):
        rows = getattr(splits, part)
        likelihood = model.predict_proba(rows.texts)[np.arange(len(rows)), rows.labels]
        assert run.metrics[part]["log_loss"] == pytest.approx(-np.log(likelihood).mean(), rel=1e-4)
    alone = [member.metrics["test"]["accuracy"] for member in run.members]
    assert run.metrics["members"]["test"]["accuracy"] == pytest.approx(np.mean(alone))
    assert run.metrics["members"]["test_sd"]["accuracy"] == pytest.approx(np.std(alone, ddof=1))
    assert run.metrics["parameters"] == sum(member.metrics["parameters"] for member in run.members)


def test_members_that_read_alike_share_one_encoder_and_others_do_not(runs: dict[str, Path]) -> None:
    alike, unlike = (sentrec.load(runs[name], "cpu").encode(TEXTS) for name in ("seeds", "joined"))
    assert alike[0] is alike[1]
    assert unlike[0].lengths().max() > unlike[1].lengths().max() == 6


def test_an_ensemble_can_be_moved_and_needs_none_of_the_runs_it_was_joined_from(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    moved = shutil.copytree(runs["joined"], tmp_path / "elsewhere" / "joined")
    before = sentrec.load(runs["joined"], "cpu").logits(TEXTS)
    np.testing.assert_array_equal(sentrec.load(moved, "cpu").logits(TEXTS), before)
    assert all(member.path.is_relative_to(moved) for member in open_run(moved).members)


def test_it_is_evaluated_and_compared_like_a_run(runs: dict[str, Path], tmp_path: Path) -> None:
    result = sentrec.evaluate(runs["joined"], against=runs["seeds"], out=tmp_path / "out")
    assert result.metrics["accuracy"] == open_run(runs["joined"]).metrics["test"]["accuracy"]
    assert (result.name, result.comparisons[0].second) == ("joined", "small")
    assert [sum("is an ensemble of 2 runs" in note for note in result.notes)] == [2]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation.json", *result.plots}
    assert "training_curves.png" not in result.plots


class StoppingScorer(OneWorker, ModelScorer):
    """Is interrupted after its first chunk."""

    chunks = 0

    def score(self, texts: Sequence[str]) -> Scores:
        self.chunks += 1
        if self.chunks > 1:
            raise KeyboardInterrupt
        return super().score(texts)


class CountingScorer(ModelScorer):
    scored = 0

    def score(self, texts: Sequence[str]) -> Scores:
        self.scored += len(texts)
        return super().score(texts)


def test_films_are_ranked_by_it_and_an_interrupted_scoring_goes_on(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stream, "CHUNK", 5)
    rows = [{"movie": f"m{row % 3}", "text": f"{TEXTS[row % 2]} {row}"} for row in range(12)]
    file = tmp_path / "reviews.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = sentrec.load(runs["joined"], "cpu")
    assert len({ModelScorer(sentrec.load(path, "cpu"), positive="good").fingerprint() for path in runs.values()}) == 3
    scores = ModelScorer(model, positive="good").score(TEXTS)
    np.testing.assert_allclose(scores.positive, model.predict_proba(TEXTS)[:, 1])
    assert scores.embeddings.shape == (len(TEXTS), 8)
    all_at_once = CountingScorer(model, positive="good")
    uninterrupted = recommend([file], all_at_once)
    with pytest.raises(Interrupted, match="5 reviews are scored and kept"):
        recommend([file], StoppingScorer(model, positive="good"))
    rest = CountingScorer(model, positive="good")
    resumed = recommend([file], rest, scoring=ScoringOptions(resume=True))
    assert all_at_once.scored - rest.scored == 5
    assert resumed.items == uninterrupted.items


def test_a_member_is_a_run_and_a_group_stands_for_its_runs(
    runs: dict[str, Path], reviews: Path, tmp_path: Path
) -> None:
    assert len(ensemble([runs["seeds"], runs["gru"]], tmp_path / "three").members) == 3
    with pytest.raises(RunError, match="is an ensemble: the members of an ensemble are runs"):
        ensemble([tmp_path / "three", runs["gru"]], tmp_path / "nested")
    group = shutil.copytree(runs["seeds"], tmp_path / "group")
    train_seeds(small_recipe(reviews, *SHORT), group, seeds=2, force=True)
    assert open_run(group).members == ()
    joined = ensemble([group], tmp_path / "of-group", name="both")
    assert joined.recipe.name == "both"
    np.testing.assert_allclose(
        sentrec.load(joined, "cpu").logits(TEXTS), sentrec.load(runs["seeds"], "cpu").logits(TEXTS), atol=1e-6
    )


def test_a_group_becomes_an_ensemble_by_resuming_and_stays_one(
    runs: dict[str, Path], reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, recipe = tmp_path / "group", small_recipe(reviews, *SHORT)
    shutil.copytree(runs["seeds"], group)
    (group / "metrics.json").unlink()  # killed while its members were being joined
    with pytest.raises(RunError, match="not finished") as caught:
        open_run(group)
    assert str(caught.value.hint).endswith("--seeds 2 --resume")
    _, summary = train_seeds(recipe, group, seeds=2, resume=True)
    assert summary["test"] == open_run(runs["seeds"]).metrics["test"]
    grown = train_seeds(recipe, group, seeds=3, resume=True)[1]
    assert len(open_run(group).members) == len(grown["members"]["runs"]) == 3
    monkeypatch.setattr(seeds_module, "join_members", lambda *_: pytest.fail("it joined them again"))
    assert train_seeds(recipe, group, seeds=3, ensemble=True, resume=True)[1] == grown


def test_a_transfer_study_takes_a_member_and_not_the_ensemble(runs: dict[str, Path]) -> None:
    def sources(run: Path) -> list[str]:
        return [one.name for one in load_sources(transfer_from_dict({"source": {"run": str(run)}, "target": "imdb"}))]

    with pytest.raises(RecipeError, match="is an ensemble") as caught:
        sources(runs["seeds"])
    assert str(caught.value.hint).endswith(str(runs["seeds"] / "seed-1"))
    assert sources(runs["seeds"] / "seed-1") == ["small"]


def test_a_missing_or_exchanged_member_is_noticed(runs: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(runs["joined"], tmp_path / "copy")
    shutil.rmtree(copy / "member-2")
    with pytest.raises(RunError, match=r"has no member-2/environment\.json"):
        open_run(copy)
    shutil.copytree(copy / "member-1", copy / "member-2")
    with pytest.raises(RunError, match=r"member-2/environment\.json was cut off or altered"):
        open_run(copy)


@pytest.mark.parametrize("change", [{"members": []}, {"members": ["member-1", "member-3"]}, {"sha256": {}}])
def test_an_ensemble_whose_members_were_struck_out_is_an_error_with_a_hint(
    runs: dict[str, Path], tmp_path: Path, change: dict[str, object]
) -> None:
    copy = shutil.copytree(runs["joined"], tmp_path / "copy")
    environment = json.loads((copy / "environment.json").read_text(encoding="utf-8"))
    environment["ensemble"] |= change
    (copy / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    with pytest.raises(RunError, match="it lists no members") as caught:
        open_run(copy)
    assert "copy it again" in str(caught.value.hint)


def test_what_does_not_fit_together_is_refused(runs: dict[str, Path], small_run: Run, tmp_path: Path) -> None:
    other = train(small_recipe(write_corpus(tmp_path / "three", ("bad", "good", "odd")), *SHORT), tmp_path / "other")
    with pytest.raises(RunError, match=r"same classes: .*bad, good, but .*bad, good, odd"):
        ensemble([small_run, other], tmp_path / "out")
    swapped = write_corpus(tmp_path / "swapped", swap_validation=True)
    elsewhere = train(small_recipe(swapped, *SHORT), tmp_path / "elsewhere")
    with pytest.raises(RunError, match="do not have the same validation rows"):
        ensemble([small_run, elsewhere], tmp_path / "out")
    with pytest.raises(RunError, match="named twice"):
        ensemble([small_run, small_run.path], tmp_path / "out")
    with pytest.raises(RunError, match="at least two runs"):
        ensemble([small_run], tmp_path / "out")
    with pytest.raises(RunError, match="at least two seeds"):
        train_seeds(small_recipe(tmp_path / "swapped", *SHORT), tmp_path / "out", seeds=1, ensemble=True)
    with pytest.raises(RunError, match=r"joined exists"):
        ensemble([small_run, runs["gru"]], runs["joined"])
    begun = shutil.copytree(runs["gru"], tmp_path / "begun")
    (begun / "checkpoints").mkdir()
    (begun / "metrics.json").unlink()
    with pytest.raises(RunError, match="not finished"):
        ensemble([runs["gru"], begun], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_takes_the_place_of_an_ensemble_only_by_force(
    runs: dict[str, Path], reviews: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(runs["joined"], tmp_path / "copy")
    recipe = small_recipe(reviews, *SHORT)
    with pytest.raises(RunError, match="holds an ensemble of runs"):
        train(recipe, copy, resume=True)
    train(recipe, copy, force=True)
    assert not [path for path in copy.iterdir() if path.is_dir()]
    assert open_run(copy).members == ()
