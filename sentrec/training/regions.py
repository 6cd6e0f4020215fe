"""The region embeddings that a recipe names: those in the cache, or learned for it once."""

import logging
import time

from sentrec.adapt.corpus import same_texts
from sentrec.adapt.plan import AdaptProgress, RegionOptions
from sentrec.adapt.regions import learn_regions
from sentrec.adapt.time_left import TimeLeft
from sentrec.errors import GloveError, Interrupted
from sentrec.glove.origin import learned_by, learning_regions
from sentrec.glove.store import GloveVectors, VectorsInfo, open_vectors, vectors_path
from sentrec.recipe.sections import RegionsConfig

_log = logging.getLogger(__name__)

_TOLD_EVERY = 20.0


def regions_for(config: RegionsConfig, device: str | None = None) -> GloveVectors:
    """Opens a recipe's region embeddings; where the cache lacks them and the recipe says from what, learns them first.

    What was interrupted is gone on with; while another process learns them, that is waited for.

    Args:
        config: The recipe's section.
        device: Where to learn them; None: the best there is.

    Raises:
        GloveError: As of `open_regions`.
        DataError: If the corpus cannot be read.
        Interrupted: If the user stopped it.
    """
    if config.corpus is not None and not vectors_path(config.name, config.dim).is_dir():
        _learn(config, config.corpus, device)
    return open_regions(config)


def _learn(config: RegionsConfig, corpus: tuple[str, ...], device: str | None) -> None:
    _log.info("Learning region embeddings %s from %s: once, for all that use them", config.name, " and ".join(corpus))
    options = RegionOptions(config.name, corpus, dim=config.dim, passes=config.passes, window=config.window)
    try:
        learn_regions(options, device=device, resume=None, wait=True, on_progress=_Teller().tell)
    except GloveError:
        if not vectors_path(config.name, config.dim).is_dir():
            raise
        # Another process has learned them while this one waited for it.
    except Interrupted as stop:
        raise Interrupted(
            f"stopped while region embeddings {config.name} were being learned; what was saved of them is kept.",
            "Run the same command again: it goes on there.",
        ) from stop


def open_regions(config: RegionsConfig) -> GloveVectors:
    """Opens what `sentrec learn-regions` stored.

    Raises:
        GloveError: If they are not in the cache, are no region embeddings, of another window, or learned from other
            texts than the recipe says.
    """
    if not vectors_path(config.name, config.dim).is_dir():
        raise GloveError(
            f"region embeddings {config.name} with {config.dim} dimensions are not in the cache.",
            f"{learning_regions(config.name, config.dim, config.window)}, or --set model.regions.corpus=CORPUS",
        )
    vectors = open_vectors(config.name, config.dim)
    _require_fit(config, vectors.info)
    return vectors


def _require_fit(config: RegionsConfig, info: VectorsInfo) -> None:
    if info.window is None:
        raise GloveError(
            f"{config.name} with {config.dim} dimensions holds word vectors, not those of regions.",
            f"Learn those under another name: {learning_regions('NAME', config.dim, config.window)}",
        )
    if info.window != config.window:
        raise GloveError(
            f"{config.name} was learned with regions of {info.window} words, "
            f"and model.regions.window is {config.window}.",
            f"--set model.regions.window={info.window}",
        )
    learned = learned_by(info.source)
    if config.corpus is not None and learned is not None and not same_texts(config.corpus, learned.texts):
        raise GloveError(
            f"{config.name} was learned from {' and '.join(learned.texts)}, "
            f"and model.regions.corpus is {' and '.join(config.corpus)}.",
            "Use them as they are: --set model.regions.corpus=null. Learn others: --set model.regions.name=NAME",
        )


class _Teller:
    """Logs from time to time how far the learning is."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()
        self._left = TimeLeft()

    def tell(self, progress: AdaptProgress) -> None:
        left = self._left.seconds(progress)
        if time.monotonic() - self._told_at < _TOLD_EVERY:
            return
        self._told_at = time.monotonic()
        if progress.stage == "learn" and progress.total:
            rest = "" if left is None else f", about {max(1, round(left / 60))} min left"
            _log.info("step %s of %s%s", f"{progress.done:,}", f"{progress.total:,}", rest)
        else:
            _log.info("%s texts read", f"{progress.done:,}")
