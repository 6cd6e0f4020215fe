"""What training does with a directory that is already there: it never removes what the user did not offer."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from small_runs import ROWS, cache_in, small_recipe, write_corpus

from sentrec.errors import DataError, GloveError, PluginError, RunError
from sentrec.runs.directory import Run, open_run
from sentrec.training.loop import Progress
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")

SHORT = ("training.max_steps=2",)
SAVING = "training.checkpoint_seconds=0"
ONE_OR_SEEDS = pytest.mark.parametrize("attempt", [train, partial(train_seeds, seeds=2)], ids=["one", "seeds"])


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def copy(small_run: Run, tmp_path: Path) -> Path:
    """A finished run that a test may spoil."""
    return shutil.copytree(small_run.path, tmp_path / "copy")


@pytest.fixture(scope="module")
def stopped(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stopped after its second step; not to be changed."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with cache_in(shared_home):
        _stop_after_two_steps(reviews, out)
    return out


@pytest.fixture
def unfinished(stopped: Path, tmp_path: Path) -> Path:
    """A run that stopped after its second step, and that a test may spoil."""
    return shutil.copytree(stopped, tmp_path / "unfinished")


def _stop_after_two_steps(corpus: Path, out: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step > 2:
            raise LookupError

    with pytest.raises(LookupError):
        train(small_recipe(corpus, SAVING), out, on_progress=stop)


def test_what_is_there_is_not_overwritten_and_the_message_says_how_to_go_on(
    copy: Path, unfinished: Path, reviews: Path
) -> None:
    before = contents(copy)
    with pytest.raises(RunError, match="holds a finished run") as caught:
        train(small_recipe(reviews), copy)
    assert all(option in str(caught.value.hint) for option in ("--resume", "--force"))
    assert contents(copy) == before
    with pytest.raises(RunError, match="holds an unfinished run"):
        train(small_recipe(reviews), unfinished)
    with pytest.raises(RunError, match="is not finished") as caught:
        open_run(unfinished)
    command = f"sentrec train --recipe {unfinished}/recipe.yaml --out {unfinished} --resume"
    assert str(caught.value.hint).endswith(command)


@pytest.mark.parametrize("options", [{}, {"resume": True}], ids=str)
def test_a_directory_that_is_empty_or_absent_is_free(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert train(small_recipe(reviews, *SHORT), tmp_path / "empty", **options).metrics["steps"] == 2
    assert train(small_recipe(reviews, *SHORT, "name=mine"), **options).path == Path("runs/mine")
    assert sum(ROWS.values()) == sum(open_run("runs/mine").metrics["data"][f"{split}_rows"] for split in ROWS)


@ONE_OR_SEEDS
@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, "years of work") for name in ("thesis.txt", "metrics.json", "recipe.yaml")),
        *(("environment.json", text) for text in ('{"seeds": 3}', '{"versions": {"torch": "2"}}', "{")),
    ],
)
@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}], ids=str)
def test_a_directory_that_is_no_run_is_never_touched(
    reviews: Path, tmp_path: Path, name: str, content: str, options: dict[str, bool], attempt: Callable[..., object]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match="is no run directory"):
        attempt(small_recipe(reviews), tmp_path, **options)
    assert contents(tmp_path) == {name: content.encode()}


def test_a_file_in_the_place_of_the_directory_stays(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("a file", encoding="utf-8")
    with pytest.raises(RunError, match="is no run directory"):
        train(small_recipe(reviews), path, force=True)
    assert path.read_text(encoding="utf-8") == "a file"


def test_force_replaces_a_run_with_its_evaluations(copy: Path, reviews: Path) -> None:
    plot = copy / "evaluation" / "reviews-test" / "roc.png"
    plot.parent.mkdir(parents=True)
    plot.write_bytes(b"old plot")
    assert train(small_recipe(reviews, *SHORT), copy, force=True).metrics["steps"] == 2
    assert not (copy / "evaluation").exists()


@pytest.mark.parametrize("options", [{"force": True}, {"resume": True}], ids=str)
def test_notes_beside_a_run_stay_when_it_starts_over(unfinished: Path, reviews: Path, options: dict[str, bool]) -> None:
    notes = ("notes.txt", "plots/mine.png", "checkpoints/kept.safetensors", "seed-1/metrics.json", ".mine.part")
    (unfinished / "checkpoints" / "last.safetensors").unlink()
    for name in notes:
        (unfinished / name).parent.mkdir(exist_ok=True)
        (unfinished / name).write_text("years of work", encoding="utf-8")
    assert train(small_recipe(reviews, SAVING), unfinished, **options).metrics["steps"] == 18
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


@ONE_OR_SEEDS
@pytest.mark.parametrize("fault", ["vectors", "encoder", "data"])
def test_force_keeps_the_old_run_when_it_cannot_be_trained_anew(
    copy: Path,
    reviews: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    attempt: Callable[..., object],
) -> None:
    def fail(*_arguments: object) -> None:
        raise PluginError("encoder 'bilstm' (somebody's) fails")

    recipe = small_recipe(reviews, *(["glove={name: 6B, dim: 50}"] if fault == "vectors" else []))
    if fault == "encoder":
        monkeypatch.setattr("sentrec.models.embedding.build_encoder", fail)
        monkeypatch.setattr("sentrec.training.prepare.load_splits", lambda _data: pytest.fail("it read the data"))
    elif fault == "data":
        recipe = small_recipe(write_corpus(tmp_path / "bad"))
        (tmp_path / "bad" / "test.csv").write_text("review,verdict\n", encoding="utf-8")
    before = contents(copy)
    with pytest.raises({"vectors": GloveError, "encoder": PluginError, "data": DataError}[fault]) as caught:
        attempt(recipe, copy, force=True)
    assert fault != "vectors" or "sentrec fetch-glove 6B --dim 50" in str(caught.value.hint)
    assert contents(copy) == before


def test_resume_of_a_finished_run_returns_at_once(copy: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrec.training.train.prepare", lambda _recipe: pytest.fail("it read the data again"))
    before = contents(copy)
    assert train(small_recipe(reviews), copy, resume=True).metrics == open_run(copy).metrics
    assert contents(copy) == before


def test_resume_before_the_first_checkpoint_starts_over(unfinished: Path, reviews: Path) -> None:
    shutil.rmtree(unfinished / "checkpoints")
    assert train(small_recipe(reviews, SAVING), unfinished, resume=True).metrics["steps"] == 18


@pytest.mark.parametrize("state", ["finished", "unfinished"])
def test_resume_with_another_recipe_says_what_differs(
    request: pytest.FixtureRequest, reviews: Path, state: str
) -> None:
    out = request.getfixturevalue("copy" if state == "finished" else "unfinished")
    saving = () if state == "finished" else (SAVING,)
    before = contents(out)
    with pytest.raises(RunError) as caught:
        train(small_recipe(reviews, *saving, "training.epochs=9", "encoder.hidden=12", "name=other"), out, resume=True)
    assert "encoder.hidden was 8 and is now 12; training.epochs was 3 and is now 9." in caught.value.message
    assert f"--recipe {out}/recipe.yaml" in str(caught.value.hint)
    assert contents(out) == before
    (out / "recipe.yaml").write_text("[", encoding="utf-8")
    with pytest.raises(RunError, match=r"the recipe of .* does not load"):
        train(small_recipe(reviews), out, resume=True)


def test_resume_with_changed_data_says_which(tmp_path: Path) -> None:
    corpus, out = write_corpus(tmp_path / "corpus"), tmp_path / "run"
    _stop_after_two_steps(corpus, out)
    before = contents(out)
    path = corpus / "test.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("film", "movie"), encoding="utf-8")
    with pytest.raises(RunError, match=r"the data changed .*: test"):
        train(small_recipe(corpus, SAVING), out, resume=True)
    assert contents(out) == before


@pytest.mark.parametrize("damage", ["emptied", "text", "cut off", "weights alone"])
def test_resume_from_a_broken_checkpoint_names_it(unfinished: Path, small_run: Run, reviews: Path, damage: str) -> None:
    checkpoint = unfinished / "checkpoints" / "last.safetensors"
    whole, weights = checkpoint.read_bytes(), (small_run.path / "model.safetensors").read_bytes()
    damaged = {"emptied": b"", "text": b"not safetensors", "cut off": whole[:-9], "weights alone": weights}
    checkpoint.write_bytes(damaged[damage])
    with pytest.raises(RunError, match=r"last\.safetensors (cannot be read|is no checkpoint)"):
        train(small_recipe(reviews, SAVING), unfinished, resume=True)


def test_training_twice_gives_the_same_model(small_run: Run, reviews: Path, tmp_path: Path) -> None:
    again = train(small_recipe(reviews), tmp_path / "again")
    assert (again.path / "model.safetensors").read_bytes() == (small_run.path / "model.safetensors").read_bytes()
