"""The models that can be named, with their cards: what `sentrec models` lists and shows."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.files.parse import read_text
from sentrec.recipe.reading import flattened, read_tree
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run, find_model, open_run
from sentrec.runs.files import INCOMPLETE, read_object

CARD = "card.json"
CARD_TEXT = "card.md"
_COMPARED = [
    *(("test", key) for key in ("accuracy", "macro_f1", "log_loss", "ece")),
    ("validation", "accuracy"),
    ("validation", "log_loss"),
]
_RATING = ("mae", "rmse", "r2", "spearman", "coverage")
_TEST = ("n", "accuracy", "accuracy_interval", "ece")


@dataclass(frozen=True)
class KnownModel:
    """A model that a command can use."""

    name: str  # what to call it on the command line
    recipe: str  # the name of the recipe that made it
    accuracy: float | None  # on its own test rows; None: it rates
    r2: float | None  # R² of its ratings of rows that it has not learned from; None: it classifies
    megabytes: float  # what it takes on disk, in millions of bytes
    has_card: bool  # whether there is a card of it

    def to_dict(self) -> dict[str, Any]:
        """The model in plain JSON types."""
        return asdict(self)


def known_models(folder: Path = Path("runs")) -> list[KnownModel]:
    """The models that come with sentrec, then the finished runs of a folder, by name; broken ones are left out."""
    builtin = [name for name, place in runs.BUILTIN_MODELS.items() if place.is_dir()]
    trained = sorted(str(path) for path in folder.glob("*") if path.is_dir() and runs.is_finished(path))
    models = []
    for name in (*builtin, *trained):
        directory = find_model(name)
        with suppress(SentrecError, KeyError, TypeError, ValueError):  # `models show` says what is wrong with it
            # Opening a run checks its encoder too, which takes torch: too long for a list.
            found = runs.look_at(directory)
            joined = found.ensemble if found else None  # different runs have no recipe of their own
            recipe = str(read_tree(directory / runs.RECIPE)["name"] if joined is None else joined["name"])
            metrics = read_object(directory / runs.METRICS)
            rating = next(iter(metrics.get("rating", {}).values()), None)
            accuracy, r2 = (None, rating["r2"]) if rating else (float(metrics["test"]["accuracy"]), None)
            models.append(KnownModel(name, recipe, accuracy, r2, _megabytes(directory), (directory / CARD).is_file()))
    return models


@dataclass(frozen=True)
class ComparedModels:
    """Models side by side."""

    names: tuple[str, ...]  # what to call them on the command line
    figures: dict[str, list[Any]]
    """Metrics of the finished runs, by name; a value for each model, None where it has none."""
    recipes: dict[str, list[Any]]
    """The values of their recipes that differ, by key; None where a recipe has no such key."""
    same_test: bool  # whether all were measured on the same test rows


def compare_models(names: Sequence[str]) -> ComparedModels:
    """What finished runs reached, and in what their recipes differ; loads no model."""
    figures, recipes, tests = [], [], set()
    for name in names:
        directory = find_model(name)
        if not runs.is_finished(directory):
            open_run(name)  # which says what is wrong with it
        metrics = read_object(directory / runs.METRICS)
        measured = {f"{part} {key}": metrics.get(part, {}).get(key) for part, key in _COMPARED}
        own = {key: metrics.get(key) for key in ("parameters", "steps", "seconds", "seed")}
        for rows, rating in metrics.get("rating", {}).items():
            measured |= {f"{rows}, {key}": rating[key] for key in _RATING}
        figures.append(measured | own | {"megabytes": _megabytes(directory)})
        found = read_tree(directory / runs.RECIPE, saved=True)
        recipes.append({key: value for key, value in flattened(found).items() if key not in ("name", "description")})
        tests.add(runs.read_environment(directory).get("data", {}).get("test"))
    keys = dict.fromkeys(key for one in recipes for key in one)
    columns = {key: [one.get(key) for one in recipes] for key in keys}
    return ComparedModels(
        tuple(names),
        {key: [one.get(key) for one in figures] for key in dict.fromkeys(key for one in figures for key in one)},
        {key: values for key, values in columns.items() if any(value != values[0] for value in values)},
        len(tests) == 1,
    )


def card_of(name: str | Path) -> dict[str, Any]:
    """The card of a model that `find_model` takes; of a run without one, what is known from its training."""
    path = find_model(name) / CARD
    return read_object(path) if path.is_file() else _facts(open_run(name))


def card_text_of(name: str | Path) -> str:
    """What `card_of` gives, as Markdown; raises likewise."""
    directory = find_model(name)
    path = directory / CARD_TEXT
    if path.is_file():
        return read_text(path, RunError, INCOMPLETE)
    return _facts_as_text(_facts(open_run(name)), directory)


def _facts(run: Run) -> dict[str, Any]:
    test, rating = run.metrics["test"], run.metrics.get("rating")
    about: dict[str, Any] = {"rates": run.recipe.data.target, "from": run.recipe.data.facts or "texts"}
    about |= {"rating": rating}
    if rating is None:
        about = {"classes": list(run.label_names), "test": {key: test[key] for key in _TEST}}
    members = [{"recipe": one.recipe.name, **_maker(one)} for one in run.members]
    return {
        "recipe": run.recipe.name,
        "description": "" if run.members else run.recipe.description,
        **about,
        **({"members": members} if members else _maker(run)),
        "parameters": run.metrics.get("parameters"),
        "data": Path(run.recipe.data.dataset).name,
        "megabytes": _megabytes(run.path),
    }


def _maker(run: Run) -> dict[str, Any]:
    return {"encoder": run.recipe.encoder, "seed": run.recipe.seed}


def _facts_as_text(facts: dict[str, Any], path: Path) -> str:
    made = [f"encoder {one['encoder'].get('name')}, seed {one['seed']}" for one in facts.get("members", [facts])]
    if "members" in facts:
        named = [f"{one['recipe']} ({how})" for one, how in zip(facts["members"], made, strict=True)]
        made = [f"ensemble of {', '.join(named)}"]
        card = "It has no card: an ensemble is no single model. Distil it into one, and export that with --starter."
    elif "rating" in facts:
        made = [f"boosted trees over facts ({facts['from']})"] if facts["from"] != "texts" else made
        card = f"Use it: sentrec rate {shlex.quote(str(path))} FILE"
    else:
        card = f"It has no card; one is measured by: sentrec export {shlex.quote(str(path))} --starter --out DIR"
    lines = [
        f"# {facts['recipe']}",
        "",
        *([facts["description"], ""] if facts["description"] else []),
        f"- Rates: {facts['rates']}." if "rating" in facts else f"- Classes: {', '.join(facts['classes'])}.",
        f"- Made by: {made[0]}; trained on {facts['data']}.",
        *_measured(facts),
        f"- Size: {facts['megabytes']:.2f} MB.",
        "",
        card,
    ]
    return "\n".join(lines) + "\n"


def _measured(facts: dict[str, Any]) -> list[str]:
    if "rating" in facts:
        return [
            f"- Rows that it has not learned from ({rows}; {one['n']:,}): R² {one['r2']:.3f} (95 % interval "
            f"{one['r2_interval'][0]:.3f} to {one['r2_interval'][1]:.3f}), mean absolute error {one['mae']:.3f}; "
            f"{one['coverage']:.1%} are in their 90 % interval."
            for rows, one in facts["rating"].items()
            if one["r2"] is not None
        ]
    test = facts["test"]
    low, high = test["accuracy_interval"]
    return [
        f"- Test accuracy {test['accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f}, {test['n']:,} texts), "
        f"calibration error {test['ece']:.4f}."
    ]


def _megabytes(directory: Path) -> float:
    files = (path for path in directory.rglob("*") if path.is_file() and runs.CHECKPOINTS not in path.parts)
    return round(sum(path.stat().st_size for path in files) / 1e6, 3)
