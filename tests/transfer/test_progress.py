"""How long a study says that it will take."""

import time

import pytest

from sentrec.training.loop import Progress
from sentrec.transfer.results import StudyProgress
from sentrec.transfer.runner import StudyMeter


class Study:
    """A study of made-up works that a clock, which only it moves, measures."""

    def __init__(self, works: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.told: list[StudyProgress] = []
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        self.meter = StudyMeter(works, 0, len(works), self.told.append)

    def train(self, name: str, preparation: float, steps: int, seconds: float, until: int | None = None) -> None:
        """Trains a piece of work; `until`: or the first so many steps of it."""
        self.meter.begin(name)
        self.now += preparation
        for step in range(1, (until or steps) + 1):
            self.now += seconds
            self.meter.step(Progress(1, 1, step, steps, 0.5, 1.0, 0.0, None))
        if until is None:
            self.meter.finish()

    @property
    def estimate(self) -> float | None:
        return self.told[-1].seconds_left


def test_what_is_done_once_before_the_first_step_does_not_count_as_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study({"a": 1000.0, "b": 3000.0}, monkeypatch)
    study.train("a", preparation=100.0, steps=1000, seconds=0.05, until=20)
    assert [told.seconds_left for told in study.told] == [None] * 21
    study.train("a", preparation=0.0, steps=1000, seconds=0.05, until=100)
    assert study.estimate == pytest.approx(3900 * 0.05)


def test_slow_steps_are_told_of_after_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study({"a": 1e6}, monkeypatch)
    study.train("a", preparation=10.0, steps=1_000_000, seconds=4.0, until=8)
    assert study.estimate is None
    study.train("a", preparation=10.0, steps=1_000_000, seconds=4.0, until=9)
    assert study.estimate == pytest.approx(4.0 * (1e6 - 9))


def test_finished_trainings_and_what_follows_their_last_step_count(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study({"a": 100.0, "b": 100.0, "c": 200.0}, monkeypatch)
    study.train("a", preparation=7.0, steps=100, seconds=1.0)
    assert study.estimate == pytest.approx(300.0)
    study.train("b", preparation=7.0, steps=100, seconds=3.0)
    assert study.estimate == pytest.approx(200.0 * 2.0)
    study.train("c", preparation=0.0, steps=100, seconds=2.0)
    assert study.estimate == 0.0


def test_a_study_without_steps_is_estimated_once_a_tenth_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study({"a": 5.0, "b": 5.0, "c": 90.0}, monkeypatch)
    estimates = []
    for name in "abc":
        study.meter.begin(name)
        study.now += 4.0
        study.meter.finish()
        estimates.append(study.estimate)
    assert estimates == [None, pytest.approx(8.0 / 10.0 * 90.0), 0.0]


def test_where_all_is_finished_nothing_is_divided_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study({}, monkeypatch)
    study.meter.begin("a")
    assert study.estimate is None
