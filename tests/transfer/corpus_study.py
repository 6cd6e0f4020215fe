"""A transfer study that takes a few seconds: one corpus of two classes to another."""

from pathlib import Path

from small_runs import WORDS, small_overrides, write_corpus

from sentrec.glove.fetch import fetch_glove
from sentrec.recipe.reading import read_overrides
from sentrec.transfer.loading import transfer_from_dict
from sentrec.transfer.results import StudyProgress
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.study import transfer


def study_tree(folder: Path, **changes: object) -> dict[str, object]:
    """The sections of a study from one small corpus to another in `folder`."""
    sides = {}
    for side in ("source", "target"):
        corpus = folder / side
        if not corpus.is_dir():
            write_corpus(corpus)
        sides[side] = {"name": side, "recipe": "quickstart", "set": read_overrides(small_overrides(corpus))}
    # The target's validation rows come out of its training rows, so that a budget holds them.
    sides["target"]["set"]["data"]["validation"] = 0.2  # type: ignore[index]
    study = {"name": "small", "budgets": [24, "all"], "seeds": 2, "minimum_steps": 6, "arms": ["scratch", "full"]}
    return study | sides | changes


def small_study(folder: Path, **changes: object) -> TransferRecipe:
    """The study of `study_tree`, checked."""
    return transfer_from_dict(study_tree(folder, **changes))


def small_glove(folder: Path) -> dict[str, object]:
    """The glove section of vectors of 8 dimensions, which are in the cache from then on."""
    text = folder / "tiny.8d.txt"
    words = [word for words in WORDS.values() for word in words]
    lines = [" ".join([word, *(str((row + place) % 5 - 2) for place in range(8))]) for row, word in enumerate(words)]
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fetch_glove("tiny", 8, from_file=text)
    return {"name": "tiny", "dim": 8}


def measured_again(recipe: TransferRecipe, out: Path) -> list[str]:
    """The arms that a resumed study does not take from its cells."""
    told: list[StudyProgress] = []
    transfer(recipe, out, resume=True, on_progress=told.append)
    return [one.finished.cell.arm for one in told if one.finished]
