"""What training does with a directory that is already there: it never removes what the user did not offer."""

import shutil
from pathlib import Path

import pytest
from small_runs import ROWS, small_recipe, write_corpus

from sentrec.errors import DataError, GloveError, PluginError, RunError
from sentrec.runs.directory import Run, open_run
from sentrec.training.loop import Progress
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")

SHORT = ("training.max_steps=2",)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def copy(small_run: Run, tmp_path: Path) -> Path:
    """A finished run that a test may spoil."""
    return shutil.copytree(small_run.path, tmp_path / "copy")


@pytest.fixture
def unfinished(reviews: Path, tmp_path: Path) -> Path:
    """A run that stopped after its second step."""
    out = tmp_path / "unfinished"
    _stop_after(2, reviews, out)
    return out


def _stop_after(steps: int, corpus: Path, out: Path) -> None:
    class StopError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step > steps:
            raise StopError

    with pytest.raises(StopError):
        train(small_recipe(corpus, "training.checkpoint_seconds=0"), out, on_progress=stop)


def test_a_finished_run_is_not_overwritten(copy: Path, reviews: Path) -> None:
    before = contents(copy)
    with pytest.raises(RunError, match="holds a finished run") as caught:
        train(small_recipe(reviews), copy)
    assert "--resume" in str(caught.value.hint)
    assert "--force" in str(caught.value.hint)
    assert contents(copy) == before


def test_an_unfinished_run_is_not_overwritten(unfinished: Path, reviews: Path) -> None:
    with pytest.raises(RunError, match="holds an unfinished run"):
        train(small_recipe(reviews), unfinished)
    with pytest.raises(RunError, match="is not finished") as caught:
        open_run(unfinished)
    assert str(caught.value.hint).endswith(
        f"sentrec train --recipe {unfinished}/recipe.yaml --out {unfinished} --resume"
    )


def test_an_empty_directory_is_free(reviews: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert train(small_recipe(reviews, *SHORT), tmp_path / "empty").metrics["steps"] == 2


@pytest.mark.parametrize("name", ["thesis.txt", "metrics.json", "recipe.yaml"])
@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}], ids=str)
def test_a_directory_that_is_no_run_is_never_touched(
    reviews: Path, tmp_path: Path, name: str, options: dict[str, bool]
) -> None:
    (tmp_path / name).write_text("years of work", encoding="utf-8")
    for attempt in (
        lambda: train(small_recipe(reviews), tmp_path, **options),
        lambda: train_seeds(small_recipe(reviews), tmp_path, seeds=2, **options),
    ):
        with pytest.raises(RunError, match="is no run directory"):
            attempt()
    assert contents(tmp_path) == {name: b"years of work"}


def test_a_file_in_the_place_of_the_directory_stays(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("a file", encoding="utf-8")
    with pytest.raises(RunError, match="is no run directory"):
        train(small_recipe(reviews), path, force=True)
    assert path.read_text(encoding="utf-8") == "a file"


def test_force_replaces_a_run(copy: Path, reviews: Path) -> None:
    plot = copy / "evaluation" / "reviews-test" / "roc.png"
    plot.parent.mkdir(parents=True)
    plot.write_bytes(b"old plot")
    run = train(small_recipe(reviews, *SHORT), copy, force=True)
    assert run.metrics["steps"] == 2
    assert not (copy / "evaluation").exists()


@pytest.mark.parametrize("environment", ['{"python": "3.12"}', '{"seeds": 3}', '{"versions": {"torch": "2"}}', "{"])
@pytest.mark.parametrize("options", [{"force": True}, {"resume": True}], ids=str)
def test_an_environment_of_another_program_marks_no_run(
    reviews: Path, tmp_path: Path, environment: str, options: dict[str, bool]
) -> None:
    (tmp_path / "environment.json").write_text(environment, encoding="utf-8")
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    before = contents(tmp_path)
    for attempt in (
        lambda: train(small_recipe(reviews), tmp_path, **options),
        lambda: train_seeds(small_recipe(reviews), tmp_path, seeds=2, **options),
    ):
        with pytest.raises(RunError, match="is no run directory"):
            attempt()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [{"force": True}, {"resume": True}], ids=str)
def test_notes_beside_a_run_stay_when_it_starts_over(unfinished: Path, reviews: Path, options: dict[str, bool]) -> None:
    notes = ("notes.txt", "plots/mine.png", "checkpoints/kept.safetensors", "seed-1/metrics.json", ".mine.part")
    (unfinished / "checkpoints" / "last.safetensors").unlink()
    for name in notes:
        (unfinished / name).parent.mkdir(exist_ok=True)
        (unfinished / name).write_text("years of work", encoding="utf-8")
    assert train(small_recipe(reviews, "training.checkpoint_seconds=0"), unfinished, **options).metrics["steps"] == 18
    assert [(unfinished / name).read_text(encoding="utf-8") for name in notes] == ["years of work"] * len(notes)


def test_notes_beside_a_group_stay_and_its_members_go(copy: Path, reviews: Path, tmp_path: Path) -> None:
    group = tmp_path / "group"
    train_seeds(small_recipe(reviews, *SHORT), group, seeds=2)
    (group / "seed-1" / "notes.txt").write_text("years of work", encoding="utf-8")
    (group / "seed-9").symlink_to(copy, target_is_directory=True)
    train(small_recipe(reviews, *SHORT), group, force=True)
    assert contents(group / "seed-1") == {"notes.txt": b"years of work"}
    assert not (group / "seed-2").exists()
    assert not (group / "seed-9").is_symlink()
    assert open_run(copy).path == copy


def test_force_follows_a_link_to_another_disk(copy: Path, reviews: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(copy, target_is_directory=True)
    (copy / "notes").symlink_to(reviews, target_is_directory=True)
    assert train(small_recipe(reviews, *SHORT), link, force=True).metrics["steps"] == 2
    assert link.is_symlink()
    assert (copy / "notes").is_symlink()
    assert (reviews / "train.csv").is_file()


@pytest.mark.parametrize("left", ["part", "environment"])
def test_a_process_killed_at_its_very_start_or_while_it_cleared_up_can_be_started_again(
    copy: Path, reviews: Path, left: str
) -> None:
    for path in copy.iterdir():
        if path.name != "environment.json":
            path.unlink()
    if left == "part":
        (copy / "environment.json").rename(copy / ".environment.json.x.part")
    assert train(small_recipe(reviews, *SHORT), copy, force=True).metrics["steps"] == 2


def test_force_keeps_the_old_run_when_the_vectors_are_missing(copy: Path, reviews: Path) -> None:
    before = contents(copy)
    for attempt in (train, lambda *args, force: train_seeds(*args, seeds=2, force=force)):
        with pytest.raises(GloveError) as caught:
            attempt(small_recipe(reviews, "glove={name: 6B, dim: 50}"), copy, force=True)
        assert "sentrec fetch-glove 6B --dim 50" in str(caught.value.hint)
    assert contents(copy) == before


def test_force_keeps_the_old_run_when_the_encoder_fails_and_no_data_is_read(
    copy: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise PluginError("encoder 'bilstm' (somebody's) fails")

    before = contents(copy)
    monkeypatch.setattr("sentrec.models.embedding.build_encoder", fail)
    monkeypatch.setattr("sentrec.training.prepare.load_splits", lambda _data: pytest.fail("it read the data"))
    for attempt in (train, lambda *args, force: train_seeds(*args, seeds=2, force=force)):
        with pytest.raises(PluginError):
            attempt(small_recipe(reviews), copy, force=True)
    assert contents(copy) == before


def test_force_keeps_the_old_run_when_the_data_is_bad(copy: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "bad")
    (corpus / "test.csv").write_text("review,verdict\n", encoding="utf-8")
    before = contents(copy)
    for attempt in (train, lambda *args, force: train_seeds(*args, seeds=2, force=force)):
        with pytest.raises(DataError):
            attempt(small_recipe(corpus), copy, force=True)
    assert contents(copy) == before


def test_resume_of_a_finished_run_returns_at_once(copy: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrec.training.train.prepare", lambda _recipe: pytest.fail("it read the data again"))
    before = contents(copy)
    assert train(small_recipe(reviews), copy, resume=True).metrics == open_run(copy).metrics
    assert contents(copy) == before


def test_resume_where_there_is_no_run_starts_one(reviews: Path, tmp_path: Path) -> None:
    run = train(small_recipe(reviews, *SHORT), tmp_path / "new", resume=True)
    assert run.metrics["steps"] == 2


def test_resume_before_the_first_checkpoint_starts_over(unfinished: Path, reviews: Path) -> None:
    shutil.rmtree(unfinished / "checkpoints")
    run = train(small_recipe(reviews, "training.checkpoint_seconds=0"), unfinished, resume=True)
    assert run.metrics["steps"] == 18


@pytest.mark.parametrize("state", ["finished", "unfinished"])
def test_resume_with_another_recipe_says_what_differs(
    request: pytest.FixtureRequest, reviews: Path, state: str
) -> None:
    out = request.getfixturevalue("copy" if state == "finished" else "unfinished")
    seconds = "60" if state == "finished" else "0"
    before = contents(out)
    other = small_recipe(
        reviews, f"training.checkpoint_seconds={seconds}", "training.epochs=9", "encoder.hidden=12", "name=other"
    )
    with pytest.raises(RunError) as caught:
        train(other, out, resume=True)
    assert "encoder.hidden was 8 and is now 12; training.epochs was 3 and is now 9." in caught.value.message
    assert f"--recipe {out}/recipe.yaml" in str(caught.value.hint)
    assert contents(out) == before


def test_resume_with_changed_data_says_which(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    out = tmp_path / "run"
    _stop_after(2, corpus, out)
    before = contents(out)
    path = corpus / "test.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("film", "movie"), encoding="utf-8")
    with pytest.raises(RunError, match=r"the data changed .*: test"):
        train(small_recipe(corpus, "training.checkpoint_seconds=0"), out, resume=True)
    assert contents(out) == before


@pytest.mark.parametrize("damage", [b"", b"not safetensors", None])
def test_resume_from_a_broken_checkpoint_names_it(unfinished: Path, reviews: Path, damage: bytes | None) -> None:
    checkpoint = unfinished / "checkpoints" / "last.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9] if damage is None else damage)
    with pytest.raises(RunError, match=r"last\.safetensors cannot be read"):
        train(small_recipe(reviews, "training.checkpoint_seconds=0"), unfinished, resume=True)


def test_weights_are_no_checkpoint(unfinished: Path, small_run: Run, reviews: Path) -> None:
    shutil.copy(small_run.path / "model.safetensors", unfinished / "checkpoints" / "last.safetensors")
    with pytest.raises(RunError, match=r"last\.safetensors is no checkpoint"):
        train(small_recipe(reviews, "training.checkpoint_seconds=0"), unfinished, resume=True)


def test_training_twice_gives_the_same_model(small_run: Run, reviews: Path, tmp_path: Path) -> None:
    again = train(small_recipe(reviews), tmp_path / "again")
    assert (again.path / "model.safetensors").read_bytes() == (small_run.path / "model.safetensors").read_bytes()


def test_the_default_directory_is_named_after_the_recipe(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(small_recipe(reviews, *SHORT, "name=mine")).path == Path("runs/mine")
    assert sum(ROWS.values()) == sum(open_run("runs/mine").metrics["data"][f"{split}_rows"] for split in ROWS)


def test_an_unreadable_recipe_of_a_run_is_named(unfinished: Path, reviews: Path) -> None:
    (unfinished / "recipe.yaml").write_text("[", encoding="utf-8")
    with pytest.raises(RunError, match=r"the recipe of .* does not load"):
        train(small_recipe(reviews), unfinished, resume=True)
