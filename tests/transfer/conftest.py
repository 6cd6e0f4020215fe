"""A study of which no training may begin."""

import pytest


@pytest.fixture
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would train fails."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a training began")

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", refuse)
    monkeypatch.setattr("sentrec.transfer.source.fit", refuse)
