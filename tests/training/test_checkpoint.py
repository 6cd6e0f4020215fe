"""Checkpoints: whole or not at all, also on a full disk, and nothing but tensors and JSON."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from small_runs import small_recipe
from torch import nn

from sentrec.errors import RunError, SentrecError
from sentrec.models import weights as weights_module
from sentrec.models.weights import load_weights, read_tensors, write_tensors
from sentrec.runs.directory import open_run
from sentrec.training.checkpoint import BEST, LAST, load_best, load_checkpoint, remove_checkpoints, save_checkpoint
from sentrec.training.train import train


def model_and_optimizer(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model[0](torch.ones(3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model, optimizer = model_and_optimizer(0)
    save_checkpoint(tmp_path, model, optimizer, {"step": 7, "history": [{"loss": 0.1}]})
    other, other_optimizer = model_and_optimizer(1)
    assert load_checkpoint(tmp_path / LAST, other, other_optimizer) == {"step": 7, "history": [{"loss": 0.1}]}
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    assert list(other_optimizer.state_dict()["state"]) == [0, 1]  # the LSTM had no gradient yet
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            assert torch.equal(other_optimizer.state_dict()["state"][index][name], value)


def test_the_best_checkpoint_is_written_once_and_stays_when_training_goes_on(tmp_path: Path) -> None:
    model, optimizer = model_and_optimizer(0)
    save_checkpoint(tmp_path, model, optimizer, {"step": 1}, is_best=True)
    assert (tmp_path / BEST).samefile(tmp_path / LAST)
    later, _ = model_and_optimizer(1)
    save_checkpoint(tmp_path, later, optimizer, {"step": 2})
    other, other_optimizer = model_and_optimizer(2)
    assert load_checkpoint(tmp_path / LAST, other, other_optimizer) == {"step": 2}
    load_best(tmp_path, other)
    assert all(torch.equal(other.state_dict()[name], value) for name, value in model.state_dict().items())
    assert len(list(tmp_path.iterdir())) == 2


def test_weights_that_share_storage_are_saved(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    write_tensors(tmp_path / "t", {"a": whole[:3], "b": whole[2:], "c": whole.view(2, 3).t()})
    tensors, metadata = read_tensors(tmp_path / "t")
    assert torch.equal(tensors["c"], whole.view(2, 3).t())
    assert metadata == {}


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w", nn.Linear(3, 2).state_dict())
    tensors, _ = read_tensors(tmp_path / "w")
    with pytest.raises(RunError, match="not of this recipe's model"):
        load_weights(nn.Linear(4, 2), tensors, tmp_path / "w")


@pytest.mark.parametrize("damage", ["missing", "empty", "cut off", "a folder", "text"])
def test_a_broken_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "weights.safetensors"
    write_tensors(path, nn.Linear(3, 2).state_dict())
    whole = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "cut off": whole[:-5], "text": b"hello" * 99}[damage])
    with pytest.raises(RunError, match=r"weights\.safetensors cannot be read"):
        read_tensors(path)


def full_disk(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets so many tensors files through; the next ones fail half-way, as safetensors does on a full disk."""
    real = weights_module.save_file
    left = writes

    def save_file(tensors: dict[str, Any], path: Path, metadata: dict[str, str] | None) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            return real(tensors, path, metadata)
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(weights_module, "save_file", save_file)


def test_a_full_disk_is_one_clear_error_and_the_last_checkpoint_stays_whole(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(reviews, "training.checkpoint_seconds=0")
    whole = train(recipe, tmp_path / "whole")
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        full_disk(9, patch)
        with pytest.raises(SentrecError, match=r"The disk is full: cannot write .*safetensors") as caught:
            train(recipe, out)
    assert "Free some space" in str(caught.value.hint)
    assert not list(out.rglob("*.part"))
    read_tensors(out / "checkpoints" / "last.safetensors")
    resumed = train(recipe, out, resume=True)
    assert (resumed.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_a_refusal_without_a_number_is_still_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_file(*_arguments: object) -> None:
        raise SafetensorError("no room on the shelf")

    monkeypatch.setattr(weights_module, "save_file", save_file)
    with pytest.raises(OSError, match="no room on the shelf"):
        write_tensors(tmp_path / "t", {})


@pytest.mark.parametrize("place", ["train.write_start", "finish.write_end"])
def test_a_disk_that_is_full_at_the_start_or_at_the_end_is_one_clear_error_and_can_be_gone_on_from(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    recipe, out = small_recipe(reviews, "training.max_steps=3"), tmp_path / "run"

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"sentrec.training.{place}", full)
        with pytest.raises(SentrecError, match="The disk is full"):
            train(recipe, out)
    with pytest.raises(RunError, match="is not finished" if "end" in place else "there is no run"):
        open_run(out)
    assert train(recipe, out, resume=True).metrics["steps"] == 3
    assert not (out / "checkpoints").exists()


def test_half_written_checkpoints_go_with_the_others(tmp_path: Path) -> None:
    for name in (LAST, BEST, ".last.safetensors.abc.part", ".tmpQ3vBYe"):
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        (tmp_path / "checkpoints" / name).write_bytes(b"half")
    for _ in range(2):
        remove_checkpoints(tmp_path / "checkpoints")
        assert not (tmp_path / "checkpoints").exists()
    (tmp_path / "checkpoints" / ".mine").mkdir(parents=True)
    remove_checkpoints(tmp_path / "checkpoints")
    assert (tmp_path / "checkpoints" / ".mine").exists()
