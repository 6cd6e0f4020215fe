"""Shards are worked on to the same end wherever that is, whatever is lost on the way."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from sentrec.errors import DataError, SentrecError
from sentrec.inference.engines import EngineName, ProcessEngine, make_engine, ray_cluster
from sentrec.inference.shards import LocalEngine

RAY = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed: pip install -c constraints.txt 'sentrec[ray]'"
)
ENGINES = ["processes", pytest.param("ray", marks=RAY)]


@dataclass(frozen=True)
class Numbers:
    """A shard of so many numbers; its worker is killed at one of them: always, or until a file is there."""

    name: str
    count: int
    kill_at: int | None = None
    until: str | None = None


class Squares:
    """Squares the numbers of shards."""

    def parts(self, shards: Iterable[Numbers], start: int = 0) -> Iterator[tuple[int, int]]:
        for place, shard in enumerate(shards):
            if shard.count < 0:
                raise DataError(f"{shard.name} cannot be read.", "Is it whole?")
            for number in range(start, shard.count):
                if number == shard.kill_at and not (shard.until and Path(shard.until).exists()):
                    Path(shard.until or os.devnull).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield place, number * number
            start = 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One cluster for all tests: it takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        if find_spec("ray") is not None:
            stack.enter_context(ray_cluster(workers=2))
        yield


pytestmark = pytest.mark.usefixtures("cluster")


def workers_left() -> list[str]:
    children = (" ".join(one.cmdline()) for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE)
    return [line for line in children if "spawn_main" in line]


@pytest.mark.parametrize("name", ENGINES)
def test_parts_come_in_the_order_of_shards_and_are_the_same_as_here(name: EngineName) -> None:
    shards = [Numbers(f"shard {number}", count) for number, count in enumerate([5, 0, 1, 40, 2])]
    here = list(LocalEngine().map_shards(Squares(), shards))
    assert here == [(place, number**2) for place, shard in enumerate(shards) for number in range(shard.count)]
    assert list(make_engine(name, 2).map_shards(Squares(), shards)) == here
    arrived = set()

    def note(place: int, part: int) -> int:
        arrived.add((place, part))
        return -part

    assert list(make_engine(name, 2).map_shards(Squares(), shards, note)) == [(place, -part) for place, part in here]
    assert arrived == set(here)
    assert workers_left() == []


@pytest.mark.parametrize("name", ENGINES)
def test_a_killed_worker_changes_nothing(name: EngineName, tmp_path: Path) -> None:
    shards = [Numbers("a", 3), Numbers("b", 9, kill_at=6, until=str(tmp_path / "killed")), Numbers("c", 2)]
    here = [(place, number**2) for place, shard in enumerate(shards) for number in range(shard.count)]
    assert list(make_engine(name, 2).map_shards(Squares(), shards)) == here
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize("name", ENGINES)
def test_a_shard_that_costs_a_worker_again_and_again_is_given_up(name: EngineName) -> None:
    with pytest.raises(SentrecError, match="lost") as caught:
        list(make_engine(name, 1).map_shards(Squares(), [Numbers("bad.csv", 3, kill_at=1)]))
    assert "memory" in (caught.value.hint or "")
    assert workers_left() == []


@pytest.mark.parametrize("name", ["local", *ENGINES])
def test_a_bad_shard_is_an_error_that_names_it(name: EngineName) -> None:
    shards = [Numbers("a.csv", 2), Numbers("bad.csv", -1), Numbers("c.csv", 2)]
    workers = None if name == "local" else 2
    with pytest.raises(DataError, match=r"^bad.csv cannot be read\.$") as caught:
        list(make_engine(name, workers).map_shards(Squares(), shards))
    assert caught.value.hint == "Is it whole?"
    assert workers_left() == []


def test_whoever_stops_early_leaves_no_process() -> None:
    parts = ProcessEngine(2).map_shards(Squares(), [Numbers("a", 9), Numbers("b", 9)])
    assert next(parts) == (0, 0)
    assert len(workers_left()) == 2
    parts.close()  # type: ignore[attr-defined]
    assert workers_left() == []


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_error_says_how_to_get_it() -> None:
    with pytest.raises(SentrecError, match="is not installed") as caught:
        make_engine("ray")
    assert "sentrec[ray]" in (caught.value.hint or "")
