"""Who takes part, and under which key a process finds whom."""

from collections.abc import Callable

from .contender import Contender
from .settings import Settings

BASELINE = "tfidf"
"""The one that ratios are taken against."""
TUTORIAL = "tutorial"
RECIPE = "recipe:"
_BFLOAT16 = "@bfloat16"


def _tfidf(settings: Settings) -> Contender:
    from .linear import TfidfPipeline

    return TfidfPipeline()


def _naive_bayes(settings: Settings) -> Contender:
    from .linear import NaiveBayesNgrams

    return NaiveBayesNgrams()


def _glove_means(settings: Settings) -> Contender:
    from .linear import GloveMeans

    return GloveMeans()


def _fasttext(settings: Settings) -> Contender:
    from .fasttext_bigrams import FastText

    return FastText()


def _tutorial(settings: Settings) -> Contender:
    from .tutorial_bilstm import TutorialBiLSTM

    return TutorialBiLSTM(settings.tutorial_steps, settings.tutorial_epochs)


PEERS: dict[str, Callable[[Settings], Contender]] = {
    BASELINE: _tfidf,
    "naive-bayes": _naive_bayes,
    "fasttext": _fasttext,
    "glove-means": _glove_means,
    TUTORIAL: _tutorial,
}
"""The peers; each is imported only by the process that needs it."""


def contender_keys(settings: Settings) -> list[str]:
    """The keys of all, in the order of the table."""
    recipes = [
        f"{RECIPE}{name}{precision}"
        for name in settings.recipes
        for precision in ("", _BFLOAT16)[: 1 + (settings.bfloat16 and computes_in_bfloat16())]
    ]
    return [*PEERS, *recipes]


def computes_in_bfloat16() -> bool:
    """Whether this machine can score in bfloat16 at all."""
    from sentrec.models.device import best_device, has_bfloat16

    return has_bfloat16(best_device())


def model_key(key: str) -> str:
    """The key of the model that a contender uses: one model may be scored in several ways."""
    return key.removesuffix(_BFLOAT16)


def find_contender(key: str, settings: Settings) -> Contender:
    """The contender of a key, not trained yet."""
    if not key.startswith(RECIPE):
        return PEERS[key](settings)
    from .sentrec_recipe import SentrecRecipe

    name = model_key(key).removeprefix(RECIPE)
    return SentrecRecipe(name, settings.overrides, "bfloat16" if key.endswith(_BFLOAT16) else "float32")
