"""A run directory: checked when opened, every fault one clear error that names the file; nothing in it is executed."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from small_runs import small_recipe, write_corpus

import sentrec
from sentrec.errors import RunError
from sentrec.runs import directory as runs
from sentrec.runs.directory import (
    STARTER,
    Run,
    find_model,
    is_finished,
    look_at,
    open_run,
    read_environment,
    resume_command,
)
from sentrec.runs.files import verify_files

FILES = (
    *("recipe.yaml", "model.safetensors", "tokenizer.json", "labels.json", "metrics.json"),
    *("history.jsonl", "environment.json"),
)


@pytest.fixture
def copy(small_run: Run, tmp_path: Path) -> Path:
    return shutil.copytree(small_run.path, tmp_path / "copy")


def test_a_run_holds_these_files_and_no_others(small_run: Run) -> None:
    assert {path.name for path in small_run.path.iterdir()} == set(FILES)


def test_a_run_can_be_moved(copy: Path, small_run: Run) -> None:
    moved = open_run(str(copy.rename(copy.with_name("moved"))))
    assert moved.metrics == small_run.metrics
    assert moved.recipe == small_run.recipe == open_run(small_run.path).recipe
    assert moved.label_names == ("bad", "good")
    assert moved.history == small_run.history


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(RunError, match=re.escape(name)) as caught:
        sentrec.load(copy)
    assert caught.value.hint


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut off", "emptied", "altered"])
def test_a_damaged_file_is_named(copy: Path, name: str, damage: str) -> None:
    path = copy / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    altered = whole[:middle] + bytes([whole[middle] ^ 0x80]) + whole[middle + 1 :]
    path.write_bytes({"cut off": whole[:middle], "emptied": b"", "altered": altered}[damage])
    with pytest.raises(RunError, match=re.escape(name)) as caught:
        sentrec.load(copy)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["metrics.json", "environment.json"])
@pytest.mark.parametrize("value", [None, [], "text", {}, {"sha256": {}}, {"runs": []}, {"seeds": [1]}])
def test_json_of_another_shape_is_named(copy: Path, name: str, value: object) -> None:
    (copy / name).write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(RunError, match=r"metrics\.json|environment\.json"):
        open_run(copy)


@pytest.mark.parametrize("change", [{"seeds": 3}, {"seeds": []}, {"seeds": ["1"]}, {"data": ["train"]}])
def test_an_environment_of_another_shape_is_named(copy: Path, change: dict[str, object]) -> None:
    path = copy / "environment.json"
    path.write_text(json.dumps(read_environment(copy) | change), encoding="utf-8")
    for read in (open_run, read_environment):
        with pytest.raises(RunError, match=r"environment\.json was altered"):
            read(copy)
    assert look_at(copy) is None
    assert not is_finished(copy)


def test_the_environment_is_read_once(copy: Path) -> None:
    run = open_run(copy)
    (copy / "environment.json").unlink()
    assert run.environment["seed"] == 1
    assert {"train", "validation", "test"} == run.fingerprints.keys()
    assert sentrec.load(run).predict(["the film was lovely"])


def test_a_history_that_was_cut_off_after_opening_is_named(copy: Path) -> None:
    run = open_run(copy)
    (copy / "history.jsonl").write_text('{"step": 1}\n{"st', encoding="utf-8")
    with pytest.raises(RunError, match=r"history\.jsonl is not valid JSON"):
        _ = run.history


def test_where_there_is_no_run_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run at"):
        open_run(tmp_path / "absent")
    (tmp_path / "metrics.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="is not a run directory"):
        open_run(tmp_path)
    assert not is_finished(tmp_path)


def test_the_resume_command_can_be_pasted() -> None:
    assert resume_command(Path("runs/imdb")) == "sentrec train --recipe runs/imdb/recipe.yaml --out runs/imdb --resume"
    assert "'my run'" in resume_command(Path("my run"), seeds=3)
    assert resume_command(Path("a"), seeds=3).endswith("--seeds 3 --resume")


def test_four_classes_keep_their_names_end_to_end(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", ("sad", "bad", "odd", "good"))
    names = ("good", "odd", "bad", "sad")
    run = sentrec.train(small_recipe(corpus, f"data.label_names=[{','.join(names)}]"), tmp_path / "run")
    test = run.metrics["test"]
    assert run.label_names == names == tuple(json.loads((run.path / "labels.json").read_text(encoding="utf-8")))
    assert list(test["per_class"]) == list(names)
    assert [len(row) for row in test["confusion_matrix"]] == [4] * 4
    predictor = sentrec.load(run.path)
    (prediction,) = predictor.predict(["the film was eerie and baffling"])
    assert list(prediction.probabilities) == list(names)
    assert prediction.label == "odd"


def test_no_file_of_a_run_is_a_pickle(small_run: Run) -> None:
    files = [path for path in small_run.path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        start = path.read_bytes()[:9]
        assert not start.startswith((b"\x80", b"PK")), path  # pickle protocol 2 and later; torch's zip
        if path.suffix == ".safetensors":
            assert start[8:9] == b"{"
        else:
            path.read_text(encoding="utf-8")


def test_nothing_in_the_source_loads_or_writes_pickles() -> None:
    others = r"torch\.(?:load|save)|joblib|shelve|marshal|allow_pickle=True|yaml\.(?:unsafe_load|full_load)"
    forbidden = re.compile(rf"\b(?:(?<!a )c?pickle|{others})\b")
    # Processes of its own exchange pickled objects, as they must; no more than that.
    exchanging = re.compile(rf"\b(?:cpickle|pickle\.(?!dumps\(|loads\()|from pickle|{others})\b")
    of_file = dict.fromkeys(("inference/engines.py", "inference/shards.py"), exchanging)
    sources = [
        path for room in (sentrec, __import__("sentrec_plugins")) for path in Path(room.__path__[0]).rglob("*.py")
    ]
    assert len(sources) > 30
    found = [
        f"{path}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if of_file.get("/".join(path.parts[-2:]), forbidden).search(line)
        and not line.lstrip().startswith(("#", '"', "'"))
    ]
    assert found == []


def test_a_large_file_that_was_verified_is_verified_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(65 << 20)
    recorded = {"large": hashlib.sha256(path.read_bytes()).hexdigest()}
    for _ in range(2):
        verify_files(tmp_path, recorded)
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(RunError, match="cut off or altered"):
        verify_files(tmp_path, recorded)


@pytest.fixture
def starter(small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run in the place of the starter."""
    place = tmp_path / "installed" / "starter"
    shutil.copytree(small_run.path, place)
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {STARTER: place})
    return place


def test_any_other_name_is_a_directory() -> None:
    assert find_model("runs/imdb") == Path("runs/imdb")
    assert find_model(Path("runs/imdb")) == Path("runs/imdb")


def test_the_name_means_the_built_in_model_whatever_lies_here(
    starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / STARTER).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert find_model("starter") == starter
    assert find_model("./starter").resolve() == (tmp_path / "here" / STARTER).resolve()
    assert find_model(Path("starter")) == Path("starter")


def test_a_run_is_opened_and_loaded_by_the_name(starter: Path, small_run: Run) -> None:
    assert open_run("starter").path == starter
    text = ["the film was lovely and superb"]
    assert sentrec.load("starter", "cpu").predict(text) == sentrec.load(small_run, "cpu").predict(text)


def test_an_installation_without_the_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {STARTER: tmp_path / "starter"})
    with pytest.raises(RunError, match="came without the starter model") as caught:
        find_model("starter")
    assert "sentrec export RUN --starter" in str(caught.value.hint)
