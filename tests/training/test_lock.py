"""Two trainings in one directory: the second one is turned away, and the first one ends as if alone."""

from pathlib import Path

import pytest
from killed import start_training
from small_runs import small_recipe

from sentrec.errors import RunError, SentrecError
from sentrec.files.lock import sole_training
from sentrec.recipe import to_yaml
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")


def test_a_second_training_is_turned_away_by_any_name_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    with sole_training(tmp_path / "out"):
        for name in ("out", "link"):
            with (
                pytest.raises(RunError, match=f"another training is at work in .*{name}") as caught,
                sole_training(tmp_path / name),
            ):
                pytest.fail("it was let in")
            assert "--out" in str(caught.value.hint)
        with sole_training(tmp_path / "other"), sole_training(tmp_path / "out", is_main_process=False):
            pass
    with sole_training(tmp_path / "out"):
        pass


@pytest.mark.parametrize("options", [{"force": True}, {"resume": True}], ids=str)
def test_neither_force_nor_resume_meddles_with_a_training_at_work(
    reviews: Path, tmp_path: Path, options: dict[str, bool]
) -> None:
    out, recipe = tmp_path / "run", small_recipe(reviews, "training.checkpoint_seconds=0")
    path = tmp_path / "recipe.yaml"
    path.write_text(to_yaml(recipe), encoding="utf-8")
    process = start_training(path, out, pause=600.0)
    while not (out / "recipe.yaml").exists():
        process.join(0.01)
        assert process.is_alive()
    for attempt in (lambda: train(recipe, out, **options), lambda: train_seeds(recipe, out, seeds=2, **options)):
        with pytest.raises(RunError, match="another training is at work"):
            attempt()
    assert process.is_alive()
    process.kill()
    process.join()
    assert train(recipe, out, resume=True).metrics["steps"] == 18


def test_a_killed_training_keeps_nobody_out(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(to_yaml(small_recipe(reviews, "training.checkpoint_seconds=0")), encoding="utf-8")
    process = start_training(path, tmp_path / "run", die_after=2)
    process.join(900)
    assert process.exitcode == -9
    assert train(path, tmp_path / "run", resume=True).metrics["steps"] == 18


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path / "home"))
    with pytest.raises(SentrecError, match="home"), sole_training(tmp_path / "out"):
        pytest.fail("it was let in")
