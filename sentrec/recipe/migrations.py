"""Recipe keys that were renamed or removed: old recipes keep working, or say what to use instead.

The one place where old keys are known. Recipe files, what they extend, overrides and recipes given as plain values all
pass through `migrate` before they are merged and checked.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sentrec.errors import RecipeError

RENAMED_KEYS: Mapping[str, str] = {
    "model.wide": "model.ngrams",
    "model.ngrams.ngrams": "model.ngrams.max_n",
    "model.ngrams.latent": "model.ngrams.lsa",
    "model.ngrams.taught": "model.ngrams.pseudo_labels",
    "model.ngrams.excerpts": "model.ngrams.crops",
}
"""Old paths and new ones, applied in this order: a key within a renamed section is listed under its new name."""

RENAMED_VALUES: Mapping[tuple[str, str], str] = {
    ("objective.teacher", "wide"): "ngrams",
    ("encoder", "nb-lr"): "ngrams",
    ("encoder.name", "nb-lr"): "ngrams",
}
"""By path and old value, the new value."""


class Removed(NamedTuple):
    """A key that no longer exists."""

    no_effect: Any
    """The value with which it did nothing: stated so, as in a saved run's recipe, it is left out silently."""
    instead: str
    """What to use."""
    loads: bool = True
    """Whether a saved run that was trained with it still loads."""


_DISTIL = "it gained nothing here; learn from texts without labels by objective.distil and objective.teacher"
REMOVED_KEYS: Mapping[str, Removed] = {
    "objective.at": Removed(0.0, f"adversarial training was removed: {_DISTIL}"),
    "objective.vat": Removed(0.0, f"virtual adversarial training was removed: {_DISTIL}"),
    "objective.entropy": Removed(0.0, f"entropy minimisation was removed: {_DISTIL}"),
    "model.regions": Removed(
        None, "region embeddings were removed; model.ngrams.lsa learns from texts without labels, and gains more", False
    ),
    "objective.radius": Removed(5.0, "it belonged to objective.at and objective.vat, which were removed"),
}

_log = logging.getLogger(__name__)
_warned: set[str] = set()


def migrate(tree: Mapping[str, Any], source: str, *, saved: bool = False) -> dict[str, Any]:
    """The sections of a recipe or a study under today's keys, as a new tree; a renamed key is warned of once.

    `source` is what errors call them; those of a finished run (`saved`) load without a word wherever they can. Raises a
    `RecipeError` that lists all removed keys and what to use instead.
    """
    result: dict[str, Any] = _copied(tree)
    removed = []
    for prefix, sections in _recipes_in(result):
        for old, new in RENAMED_KEYS.items():
            if _rename(sections, old, new) and not saved:
                _warn(f"{old} is now called {new}")
        for (path, old), new in RENAMED_VALUES.items():
            section, key = _section_of(sections, path)
            if section is not None and section.get(key) == old:
                section[key] = new
                if not saved:
                    _warn(f"{path}: {old} is now called {new}")
        for path, was in REMOVED_KEYS.items():
            section, key = _section_of(sections, path)
            had_effect = section is not None and key in section and section.pop(key) != was.no_effect
            if had_effect and not (saved and was.loads):
                removed.append(f"{prefix}{path}: {was.instead}")
    if removed:
        listed = "\n".join(f"  - {one}" for one in removed)
        fix = "Train it again without these keys." if saved else "Leave these keys out."
        raise RecipeError(f"{source} states keys that no longer exist:\n{listed}", fix)
    return result


def _recipes_in(tree: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tree itself and what a study changes in the recipes that it names, each with its path."""
    yield "", tree
    for side in ("source", "target"):
        of_side = tree.get(side)
        for one in of_side if isinstance(of_side, list) else [of_side]:
            if isinstance(one, dict) and isinstance(one.get("set"), dict):
                yield f"{side}.set.", one["set"]


def _section_of(tree: dict[str, Any], path: str) -> tuple[dict[str, Any] | None, str]:
    *parents, key = path.split(".")
    section: Any = tree
    for parent in parents:
        section = section.get(parent) if isinstance(section, dict) else None
    return (section if isinstance(section, dict) else None), key


def _rename(tree: dict[str, Any], old: str, new: str) -> bool:
    section, key = _section_of(tree, old)
    if section is None or key not in section:
        return False
    value, new_key = section.pop(key), new.rpartition(".")[2]
    both_are_sections = isinstance(value, dict) and isinstance(section.get(new_key), dict)
    section[new_key] = value | section[new_key] if both_are_sections else section.get(new_key, value)
    return True


def _copied(value: Any) -> Any:
    """Plain dictionaries and lists in place of any mappings, whose sections may be read-only."""
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _warn(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        _log.warning("%s; the old name works for one more release", message)
