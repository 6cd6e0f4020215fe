"""`sentrec train`: what it prints where, its exit codes, and how it stops and goes on."""

import io
import json
import os
import pty
import re
import shlex
import signal
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from command_line import Sentrec
from rich.console import Console
from small_runs import small_overrides, small_recipe, start_sentrec

from sentrec.cli.display import console, progress
from sentrec.recipe import to_yaml
from sentrec.runs.directory import Run, open_run
from sentrec.training.loop import Progress

pytestmark = pytest.mark.usefixtures("warm_cache")


@pytest.fixture
def recipe(reviews: Path, tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(to_yaml(small_recipe(reviews, "name=small")), encoding="utf-8")
    return str(path)


def test_results_go_to_standard_output_and_progress_to_standard_error(
    sentrec: Sentrec, recipe: str, tmp_path: Path
) -> None:
    out = tmp_path / "my run"
    code, output, errors = sentrec("train", "--recipe", recipe, "--out", str(out))
    assert code == 0
    test = open_run(out).metrics["test"]
    assert f"small: test accuracy {test['accuracy']:.4f} (95 % interval" in output
    assert "32 texts" in output
    assert "seed 1" in output
    assert f"sentrec evaluate '{out}' --baseline nb-lr" in output
    lines = errors.splitlines()
    validated = [line for line in lines if re.fullmatch(r"epoch \d, step \d+: validation accuracy [01]\.\d{4}.*", line)]
    assert len(validated) == 3
    assert validated[0].endswith("the best so far")
    assert any(re.match(r"epoch 1/3, step 1/18: loss 0\.\d+, [\d,]+ tokens/s, \d+ s left", line) for line in lines)
    assert "\x1b" not in output + errors


def test_few_steps_and_an_accuracy_that_a_constant_answer_has_are_told(
    sentrec: Sentrec, recipe: str, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "run"))
    code, output, errors = sentrec("train", recipe, *out, "--set", "training.epochs=2")
    assert code == 0
    assert "Warning: 12 gradient steps in all on 96 texts: too few" in errors
    assert "constant answer" not in output
    still = "training.learning_rate=1e-12"
    code, output, errors = sentrec("train", recipe, *out, "--force", "--set", still, "--set", "training.max_steps=9")
    assert code == 0
    assert "too few" not in errors  # who bounds the steps knows
    assert "No better than a constant answer, as far as so few texts tell: always 'bad' is right on 0.5000" in output


@pytest.mark.parametrize("seeds", [(), ("--seeds", "2")], ids=["one", "seeds"])
def test_json_is_one_document_on_standard_output(
    sentrec: Sentrec, recipe: str, tmp_path: Path, seeds: tuple[str, ...]
) -> None:
    out = tmp_path / "run"
    code, output, _ = sentrec("train", "--recipe", recipe, "--out", str(out), "--json", *seeds)
    assert code == 0
    printed = json.loads(output)
    assert printed.pop("run") == str(out)
    assert printed == json.loads((out / "metrics.json").read_text(encoding="utf-8"))


def test_seeds_are_shown_one_by_one_and_together(sentrec: Sentrec, recipe: str, tmp_path: Path) -> None:
    code, output, errors = sentrec("train", "--recipe", recipe, "--out", str(tmp_path / "runs"), "--seeds", "3")
    assert code == 0
    summary = json.loads((tmp_path / "runs" / "metrics.json").read_text(encoding="utf-8"))
    mean, deviation = summary["test"]["accuracy"], summary["test_sd"]["accuracy"]
    assert f"test accuracy {mean:.4f} ± {deviation:.4f} (standard deviation)" in output
    assert "small: 3 seeds" in output
    for position in (1, 2, 3):
        assert f"Seed {position} ({position} of 3)" in errors
        assert f"{summary['runs'][position - 1]['test_accuracy']:.4f}" in output
    code, output, _ = sentrec("train", "--recipe", recipe, "--out", str(tmp_path / "one"), "--seeds", "1", "-q")
    assert code == 0
    assert "±" not in output, "one seed has no spread"


def test_quiet_shows_the_result_only_and_an_existing_run_is_kept(sentrec: Sentrec, recipe: str, tmp_path: Path) -> None:
    arguments = ("train", "--recipe", recipe, "--out", str(tmp_path / "run"), "--quiet")
    code, output, errors = sentrec(*arguments)
    assert (code, errors) == (0, "")
    assert "test accuracy" in output
    code, output, errors = sentrec(*arguments)
    assert (code, output) == (1, "")
    assert errors.startswith("Error: ")
    assert "--resume" in errors
    assert "--force" in errors
    assert sentrec(*arguments, "--resume")[0] == 0
    assert sentrec(*arguments, "--force")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--recipe"),
        (("--recipe", "imdb", "--seeds", "0"), "--seeds"),
        (("--recipe", "imdb", "--resume", "--force"), "replaces it"),
    ],
)
def test_wrong_usage_is_exit_code_2(sentrec: Sentrec, arguments: tuple[str, ...], message: str) -> None:
    code, output, errors = sentrec("train", *arguments)
    assert (code, output) == (2, "")
    assert message in re.sub(r"\x1b\[[0-9;]*m", "", errors)


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (("encoder.name=bilstn",), "bilstn", "bilstm"),
        (("trainig.epochs=1",), "trainig", "training"),
        (("training.epochs=many", "text.max_tokens=0"), "text.max_tokens", "training.epochs"),
        (("glove={name: 6B, dim: 50}",), "6B", "sentrec fetch-glove 6B --dim 50"),
        (("data.label_column=stars",), "stars", "data.label_column"),
        (("training.learning_rate=1e38", "training.clip_norm=1e30"), "no longer finite", "training.learning_rate"),
    ],
)
def test_bad_input_is_one_error_with_a_hint(
    sentrec: Sentrec, recipe: str, tmp_path: Path, changes: tuple[str, ...], message: str, hint: str
) -> None:
    overrides = [part for change in changes for part in ("--set", change)]
    code, output, errors = sentrec("train", "--recipe", recipe, *overrides, "--out", str(tmp_path / "run"), "--quiet")
    assert (code, output) == (1, "")
    assert errors.startswith("Error: ")
    assert message in errors
    assert hint in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_step_leaves_nothing(
    sentrec: Sentrec, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def prepare(_recipe: object) -> None:
        if number == signal.SIGINT:  # which a process in the background ignores
            raise KeyboardInterrupt
        os.kill(os.getpid(), number)

    monkeypatch.setattr("sentrec.training.train.prepare", prepare)
    code, output, errors = sentrec("train", "--recipe", recipe, "--out", str(tmp_path / "run"))
    assert (code, output) == (130, "")
    if number == signal.SIGTERM:
        assert "Interrupted: stopped before the first step; nothing was changed." in errors
    assert not {"None", "Traceback"} & set(errors.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_process_saves_and_says_how_to_go_on(
    sentrec: Sentrec, reviews: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "my run"
    changes = ("training.epochs=300", "training.patience=999", "training.validations_per_epoch=1")
    overrides = [part for change in small_overrides(reviews, *changes) for part in ("--set", change)]
    process = start_sentrec("train", "--recipe", "quickstart", *overrides, "--out", str(out), "--json")
    while not (out / "checkpoints" / "last.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(number)
    output, errors = process.communicate(timeout=900)
    assert (process.returncode, output) == (130, "")
    assert re.search(r"Interrupted: stopped at step \d+ of 1800; everything up to there is saved\.", errors), errors
    assert "Go on with: sentrec train " in errors


def test_an_interruption_is_reported_and_the_printed_command_finishes_the_run(
    sentrec: Sentrec, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "my run"
    steps = 0

    def interrupt(shown: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr("sentrec.cli.train.training_progress", lambda quiet: nullcontext(interrupt))
        code, output, errors = sentrec("train", "--recipe", recipe, "--out", str(out))
    assert (code, output) == (130, "")
    assert "Interrupted: stopped at step 3 of 18" in errors
    (command,) = re.findall(r"Go on with: sentrec (.*)", errors)
    code, output, _ = sentrec(*shlex.split(command))
    assert code == 0
    assert "test accuracy" in output
    assert open_run(out).metrics["steps"] == 18


def test_the_live_display_lives_on_a_terminal(
    sentrec: Sentrec, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = pty.openpty()
    shown = io.BytesIO()

    def drain() -> None:
        while chunk := _read_terminal(master):
            shown.write(chunk)

    reader = threading.Thread(target=drain)
    reader.start()
    with os.fdopen(slave, "w") as terminal:
        assert terminal.isatty()
        live = Console(file=terminal, highlight=False, width=80, force_terminal=True, _environ={"TERM": "xterm"})
        for module in (console, progress):
            monkeypatch.setattr(module, "err", live)
        code, output, _ = sentrec("train", "--recipe", recipe, "--out", str(tmp_path / "runs"), "--seeds", "2")
    reader.join()
    os.close(master)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue().decode())
    assert code == 0
    assert "2 seeds" in output
    assert "3/3 epochs, 18/18 steps" in text
    assert text.count("the best so far") >= 2
    assert re.search(r"loss \d\.\d{3}, valid [01]\.\d{4}", text), "nothing is cut on a terminal of 80 columns"
    assert "0 s left" in text
    assert "Seed 2 (2 of 2)" in text


def _read_terminal(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # what a terminal answers once its other side is closed
        return b""


def test_a_model_is_fine_tuned_on_a_file_by_the_real_command(small_run: Run, reviews: Path, tmp_path: Path) -> None:
    names = ("data.text_columns=review", "data.label_column=verdict", f"data.dataset={reviews / 'train.csv'}")
    changes = [word for name in (*names, f"init={small_run.path}") for word in ("--set", name)]
    command = ("train", "--recipe", "my-reviews", *changes, "--out", str(tmp_path / "run"))
    process = start_sentrec(*command)
    output, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert f"Starting from {small_run.path}. Its classes: bad, good." in errors
    before = open_run(tmp_path / "run").metrics["init"]["test_accuracy_before"]
    assert f"{small_run.path} as it is, before it saw your texts: {before:.4f}" in output
    assert "calibrated on rows held out in turn with temperature" in output
    again, _ = start_sentrec(*command, "--resume", "--json").communicate(timeout=900)
    assert json.loads(again)["init"]["test_accuracy_before"] == before


def test_a_model_that_is_not_there_is_one_line_and_a_hint(tmp_path: Path) -> None:
    process = start_sentrec("train", "--recipe", "my-reviews", "--set", "init=staarter", "--out", str(tmp_path / "run"))
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 1
    assert "Error: init: there is no run at staarter." in errors
    assert "did you mean 'starter'?" in errors
    assert not (tmp_path / "run").exists()
