"""What every test shares: its own cache folder, no network, and a way to the real data where there is some."""

import os
from pathlib import Path

import pytest
from browser import chromium  # noqa: F401 - a fixture of several rooms
from hypothesis import settings
from real_data import REAL_DATA
from small_films import films, rated_run  # noqa: F401 - likewise
from small_runs import reviews, shared_home, small_run, warm_cache  # noqa: F401 - likewise
from small_unlabelled import unlabelled  # noqa: F401 - likewise

# A loaded machine is slow, which is no fault of what is tested.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
# The hub's library reads this when it is imported, which may be before any test begins.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache folder of its own and cannot reach the hub."""
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("SENTREC_DATA", raising=False)


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; the test is skipped where ``SENTREC_DATA`` names none."""
    if not REAL_DATA:
        pytest.skip("SENTREC_DATA is not set: the real data sets are absent")
    return Path(REAL_DATA).resolve()
