"""The model card, as JSON and Markdown: architecture, training data, accuracy, speed and known weaknesses."""

import datetime
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from sentrec.data.formats import looks_like_file
from sentrec.errors import counted
from sentrec.evaluation.rows import RunData
from sentrec.export.challenge import measure_challenge
from sentrec.export.measure import CARD_DATA, Agreement, Bound, learned_from, measure_accuracy, measure_speed
from sentrec.inference.predictor import load
from sentrec.runs.directory import Run

_OWN = "The weights were trained by sentrec and come under its licence (MIT), as far as it may give one."
_GLOVE = "GloVe (Pennington et al. 2014), which the word vectors began from, is in the public domain (PDDL 1.0)."


def measure_card(run: Run, original: Run, agreement: Agreement, bound: Bound, sizes: dict[str, int]) -> dict[str, Any]:
    """Measures the contents of a card, in plain JSON types: of a quantized model beside its `original`.

    `agreement` is the one found with the original, `bound` the required one, `sizes` are bytes of the run's files.
    Raises a `RunError` if no class is known to be positive, a `DataError` if the original's data cannot be read again.
    """
    predictor, recipe, ngrams = load(run), run.recipe, run.recipe.model.ngrams
    challenge = measure_challenge(predictor)
    return {
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sentrec": metadata.version("sentrec"),
        "recipe": recipe.name,
        "description": recipe.description,
        "classes": list(run.label_names),
        "model": {
            "encoder": recipe.encoder,
            "longest_ngram": ngrams.max_n if ngrams else 0,
            "parameters": run.metrics["parameters"],
            "words": predictor.members[0].reader.vocabulary_size,
            "max_tokens": recipe.text.max_tokens,
        },
        "size": {"bytes": sizes, "megabytes": round(sum(sizes.values()) / 1e6, 3)},
        "training": _training(run),
        "agreement": agreement.to_dict() | {"bound": asdict(bound)},
        **measure_accuracy(predictor, load(original)),
        "calibration": run.metrics["calibration"],
        "speed": measure_speed(run.path, RunData(original).part("test").texts),
        "challenge_set": challenge,
        "licences": [_OWN, *_published(original), *([_GLOVE] if recipe.glove else [])],
    }


def _published(run: Run) -> list[str]:
    """The terms of what was learned from, where that is public data."""
    names = learned_from(run)
    if not (titles := [title for name, title in CARD_DATA.items() if name in names]):
        return []
    return [
        f"The weights, or their teachers, learned from {'; '.join(titles)}. Their collectors published these under "
        "various terms: research use. No rows of them are in the project."
    ]


def _training(run: Run) -> dict[str, Any]:
    recipe, data = run.recipe, run.metrics["data"]
    objective = recipe.objective
    return {
        "data": Path(recipe.data.dataset).name,
        "mixed_with": [Path(other.dataset).name for other in recipe.data.mixed_with],
        "rows": data["train_rows"],
        "validation_rows": data["validation_rows"],
        "test_texts_in_train": data["test_texts_in_train"],
        "seed": run.metrics["seed"],
        "unlabelled_rows": data.get("unlabelled_rows", 0),
        "unlabelled": [Path(name).name if looks_like_file(name) else name for name in recipe.data.unlabelled or ()],
        # None: the run is from before these were counted.
        "test_texts_in_unlabelled": data.get("test_texts_in_unlabelled"),
        "validation_texts_in_unlabelled": data.get("validation_texts_in_unlabelled"),
        "teacher": Path(objective.teacher).name if objective.teacher else None,
        "sentences": objective.sentences.model_dump() if objective.sentences else None,
        "init": Path(recipe.init.run).name if recipe.init else None,
        "glove": f"{recipe.glove.name}, {recipe.glove.dim} dimensions" if recipe.glove else None,
        "seconds": run.metrics.get("seconds"),
    }


def card_as_markdown(card: dict[str, Any]) -> str:
    """A card of `measure_card`, for people; every number in it comes from the card itself."""
    sections = (_head(card), _data(card), _accuracy(card), _agreement(card), _speed(card), _challenge_set(card))
    return "\n".join([*sections, _section("Licences", [f"- {line}" for line in card["licences"]])]).strip() + "\n"


def _head(card: dict[str, Any]) -> str:
    model, size = card["model"], card["size"]
    made = f"Made on {card['made']} with sentrec {card['sentrec']}."
    options = ", ".join(f"{key} {_value(value)}" for key, value in model["encoder"].items() if key != "name")
    encoder = model["encoder"]["name"] + (f" ({options})" if options else "")
    lines = [
        f"# Model card: {card['recipe']}",
        "",
        f"{_sentence(card['description'] or 'a text classifier')} {made}",
        "",
        f"- Classes: {', '.join(card['classes'])}.",
        f"- Encoder: {encoder}, {model['parameters']:,} parameters; "
        f"{model['words']:,} words; it reads {model['max_tokens']:,} tokens of a text.",
    ]
    if model["longest_ngram"]:
        lines.append(f"- Beside it a linear model of n-grams, up to {model['longest_ngram']} tokens long.")
    parts = ", ".join(f"{name} {taken / 1e6:.2f}" for name, taken in size["bytes"].items() if taken >= 5000)
    lines.append(f"- Size: {size['megabytes']:.2f} MB without this card ({parts}).")
    return "\n".join([*lines, ""])


def _data(card: dict[str, Any]) -> str:
    training = card["training"]
    vectors = f"word vectors from GloVe {training['glove']}" if training["glove"] else "no pretrained word vectors"
    names = ", ".join([training["data"], *training["mixed_with"]])
    lines = [
        f"{training['rows']:,} texts of {names}, seed {training['seed']}, {vectors}; what had to be chosen "
        f"was chosen on {training['validation_rows']:,} further texts. The recipe, fully expanded, is in `recipe.yaml` "
        "beside this card."
    ]
    if training["unlabelled_rows"]:
        of = ", ".join(training.get("unlabelled", ()))
        read = f"{training['unlabelled_rows']:,} texts without labels" + (f", of {of}" if of else "")
        lines.append(f"It also read {read}.{_judged(training)}")
    if training["teacher"]:
        lines.append(f"A teacher, {_TEACHERS.get(training['teacher'], training['teacher'])}, labelled these for it.")
    if sentences := training["sentences"]:
        teacher = Path(sentences["teacher"]).name
        lines.append(f"Another, {teacher}, labelled up to {sentences['most']:,} of their sentences.")
    if training["init"]:
        lines.append(f"It went on from another model: {training['init']}.")
    if training["test_texts_in_train"]:
        lines.append(f"{training['test_texts_in_train']:,} texts of its test rows also occur in train.")
    return _section("Training", lines)


def _judged(training: dict[str, Any]) -> str:
    """How many rows that judge the model also stood among the texts without labels."""
    test, validation = (training.get(f"{part}_texts_in_unlabelled") for part in ("test", "validation"))
    if test is None or validation is None:  # of a run from before they were counted
        return ""
    return f" {test:,} test texts and {validation:,} validation texts were also among them, and were left out there."


def _accuracy(card: dict[str, Any]) -> str:
    rows = [
        (
            one["title"],
            one["split"],
            f"{one['n']:,}",
            f"{one['accuracy']:.3f} ({one['accuracy_interval'][0]:.3f} to {one['accuracy_interval'][1]:.3f})",
            f"{one['original']:.3f}",
            f"{one['ece']:.3f}",
            *(f"{one[key]:.3f}" if key in one else "" for key in ("macro_f1", "stars_mae", "median_stars_mae")),
        )
        for one in card["accuracy"]
    ]
    headings = [
        *("data", "rows", "n", "accuracy (95 % interval)", "original's", "calibration error"),
        *("three classes, macro-F1", "error of the stars", "of their median"),
    ]
    kept = [column for column, _ in enumerate(headings) if any(row[column] for row in rows)]
    names = ", ".join(one["title"] for one in card["accuracy"] if one["zero_shot"])
    none = "None is zero-shot: labels of other rows of each were learned from."
    zero_shot = f"Zero-shot, no label of it was learned from: {names}." if names else none
    table = _table([headings[column] for column in kept], [[row[column] for column in kept] for row in rows])
    lines = [*table, "", f"{zero_shot} {_MEANINGS}"]
    for one in card["accuracy"]:
        lines += [f"- {one['data']} {one['split']}: {note}" for note in one["notes"]]
    lines += [f"- Not measured: {sentence}" for sentence in card["missing"]]
    lengths = [
        (one["words"], f"{one['n']:,}", f"{one['accuracy']:.3f}", f"{one['ece']:.3f}")
        for one in card["calibration_by_length"]
    ]
    lines += ["", "All these rows, by their number of words:", ""]
    return _section("Accuracy", [*lines, *_table(("words", "n", "accuracy", "calibration error"), lengths)])


def _agreement(card: dict[str, Any]) -> str:
    found, bound = card["agreement"], card["agreement"]["bound"]
    mean, largest = found["mean_difference"], found["largest_difference"]
    rows = [
        ("equal labels", _percent(found["equal_labels"]), f"at least {_percent(bound['equal_labels'])}"),
        ("mean difference of a probability", f"{mean:.4f}", f"at most {bound['mean_difference']:g}"),
        ("largest difference", f"{largest:.3f}", f"at most {bound['largest_difference']:g}"),
    ]
    lines = [f"With the model before quantization, on {found['texts']:,} of its texts:", ""]
    return _section("Agreement", [*lines, *_table(("", "measured", "asked for"), rows)])


def _speed(card: dict[str, Any]) -> str:
    speed = card["speed"]
    each = " and ".join(f"{value:,} texts a second in {name}" for name, value in speed["texts_per_second"].items())
    line = (
        f"{each}, from raw text ({speed['texts']:,} texts of its test rows); `sentrec predict` with one text "
        f"takes {speed['first_answer_seconds']:.2f} s from its start. "
        f"Measured with {counted(speed['threads'], 'thread')} on {speed['machine']}."
    )
    return _section("Speed", [line])


def _challenge_set(card: dict[str, Any]) -> str:
    categories = card["challenge_set"]["categories"]
    total = {"category": "all"} | {
        key: None if categories[0][key] is None else sum(one[key] for one in categories)
        for key in ("sentences", "opinions", "two_classes", "three_classes")
    }
    rows = [
        (one["category"], *(_of(one[right], one[of]) for right, of in _JUDGED.items())) for one in (*categories, total)
    ]
    failures = [
        (one["category"], one["answer"], f"{one['positive']:.2f}", f"{one.get('stars', '')}", one["text"])
        for one in card["challenge_set"]["failures"]
    ]
    lines = [
        "A challenge set written for this project. In two classes, neutral sentences are left out.",
        "",
        *_table(("category", "right in two classes", "right in three"), rows),
        "",
        "What it gets wrong, opinions in two classes and the rest in three, with the probability of positive and the "
        "expected stars:",
        "",
        *_table(("category", "answer", "probability", "stars", "text"), failures),
    ]
    return _section("Known weaknesses", lines)


_JUDGED = {"two_classes": "opinions", "three_classes": "sentences"}
_MEANINGS = (
    "Accuracy and calibration error (gap between confidence and accuracy, 15 bins) are of two classes, without neutral "
    "rows; the error of the stars is the mean absolute one of their expected number, and of their median."
)
_TEACHERS = {"ngrams": "the n-grams of the model itself"}


def _of(right: int | None, count: int) -> str:
    return f"{right} of {count}" if right is not None and count else ""


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *lines, ""])


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(headings)
    cells = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _value(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
