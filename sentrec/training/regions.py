"""The region embeddings that a recipe names: those in the cache, or learned for it once."""

import logging
import time

from sentrec.adapt.plan import AdaptProgress, RegionOptions
from sentrec.adapt.regions import learn_regions
from sentrec.errors import GloveError
from sentrec.glove.store import GloveVectors, open_vectors, vectors_path
from sentrec.recipe.schema import RegionsConfig

_log = logging.getLogger(__name__)

_TOLD_EVERY = 20.0


def regions_for(config: RegionsConfig, device: str | None = None) -> GloveVectors:
    """Opens a recipe's region embeddings; where the cache lacks them and the recipe says from what, learns them first.

    What was interrupted is gone on with.

    Args:
        config: The recipe's section.
        device: Where to learn them; None: the best there is.

    Raises:
        GloveError: As of `open_regions`, or while another process learns them.
        DataError: If the corpus cannot be read.
        Interrupted: If the user stopped it.
    """
    if config.corpus is None or vectors_path(config.name, config.dim).is_dir():
        return open_regions(config)
    _log.info(
        "Learning region embeddings %s from %s: once, for all that use them", config.name, " and ".join(config.corpus)
    )
    options = RegionOptions(config.name, config.corpus, config.dim, passes=config.passes, window=config.window)
    return learn_regions(options, device=device, resume=None, on_progress=_Teller().tell)


def open_regions(config: RegionsConfig) -> GloveVectors:
    """Opens what `sentrec learn-regions` stored.

    Raises:
        GloveError: If they are not in the cache, are no region embeddings, or of another window.
    """
    if not vectors_path(config.name, config.dim).is_dir():
        raise GloveError(
            f"region embeddings {config.name} with {config.dim} dimensions are not in the cache.",
            f"{_command(config, config.name)}, or --set model.regions.corpus=CORPUS",
        )
    vectors = open_vectors(config.name, config.dim)
    found = vectors.info.window
    if found is None:
        raise GloveError(
            f"{config.name} with {config.dim} dimensions holds word vectors, not those of regions.",
            f"Learn those under another name: {_command(config, 'NAME')}",
        )
    if found != config.window:
        raise GloveError(
            f"{config.name} was learned with regions of {found} words, and model.regions.window is {config.window}.",
            f"--set model.regions.window={found}",
        )
    return vectors


def _command(config: RegionsConfig, name: str) -> str:
    return f"sentrec learn-regions --name {name} --dim {config.dim} --window {config.window} --corpus CORPUS"


class _Teller:
    """Logs from time to time how far the learning is."""

    def __init__(self) -> None:
        self._told_at = self._began = time.monotonic()
        self._first = 0

    def tell(self, progress: AdaptProgress) -> None:
        now = time.monotonic()
        if progress.stage == "learn" and not self._first:
            self._first, self._began = progress.done, now
        if now - self._told_at < _TOLD_EVERY:
            return
        self._told_at = now
        if progress.stage == "learn" and progress.total:
            pace = (now - self._began) / max(1, progress.done - self._first)
            left = round(pace * (progress.total - progress.done) / 60)
            _log.info("step %s of %s, about %s min left", f"{progress.done:,}", f"{progress.total:,}", left)
        else:
            _log.info("%s texts read", f"{progress.done:,}")
