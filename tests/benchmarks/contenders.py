"""Who takes part, and under which key a process finds whom."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:  # numpy starts its threads when it is imported, and a worker confines itself to a core before that
    from .contender import Contender

BASELINE = "tfidf"
"""The one that ratios are taken against."""
TUTORIAL = "tutorial"
RECIPE = "recipe:"
_BFLOAT16 = "@bfloat16"


PEERS = {
    BASELINE: "linear:TfidfPipeline",
    "naive-bayes": "linear:NaiveBayesNgrams",
    "fasttext": "fasttext_bigrams:FastText",
    "glove-means": "linear:GloveMeans",
    TUTORIAL: "tutorial_bilstm:TutorialBiLSTM",
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


def find_contender(key: str, settings: Settings) -> "Contender":
    """The contender of a key, not trained yet."""
    if key.startswith(RECIPE):
        from .sentrec_recipe import SentrecRecipe

        name = model_key(key).removeprefix(RECIPE)
        return SentrecRecipe(name, settings.overrides, "bfloat16" if key.endswith(_BFLOAT16) else "float32")
    module, _, name = PEERS[key].partition(":")
    kind: Callable[..., Contender] = getattr(import_module(f".{module}", __package__), name)
    return kind(settings.tutorial_steps, settings.tutorial_epochs) if key == TUTORIAL else kind()
