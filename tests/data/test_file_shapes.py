"""Files as people have them: each is read rightly by predict, recommend, evaluate and train, or refused with a hint."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_shapes import ALL, COMMANDS, ITEMS, MEANT, NONE, SOME, TEXTS

from sentrec.data.columns import FieldNames
from sentrec.data.examples import load_examples
from sentrec.data.labels import match_labels
from sentrec.data.sources import Source
from sentrec.errors import DataError
from sentrec.inference.lines import classify_source
from sentrec.inference.prediction import Prediction
from sentrec.recipe import DataConfig
from sentrec.recommend.reviews import read_chunks


class Stub:
    """A predictor that only says that it was asked."""

    tells_stars = False

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        return [Prediction("positive", 1.0, {"positive": 1.0}) for _ in texts]


def predicted(path: Path) -> list[Any]:
    return [one.text for one in classify_source(Stub(), Source(str(path)))]  # type: ignore[arg-type]


def recommended(path: Path) -> list[Any]:
    chunks = read_chunks([Source(str(path))], FieldNames(), 100)
    return [(one.movie, one.text) for reviews, _ in chunks for one in reviews]


def trained(path: Path) -> list[Any]:
    examples = load_examples(DataConfig(dataset=str(path)), "train")
    return list(zip(examples.texts, (examples.label_names[number] for number in examples.labels), strict=True))


def evaluated(path: Path) -> list[Any]:
    examples = load_examples(DataConfig(dataset=str(path)), "train")
    labels, _ = match_labels(examples.labels, examples.label_names, ("negative", "positive"), str(path))
    return list(zip(examples.texts, np.array(["negative", "positive"])[labels].tolist(), strict=True))


READ: dict[str, Callable[[Path], list[Any]]] = dict(
    zip(COMMANDS, (predicted, recommended, trained, evaluated), strict=True)
)
OWN_CLASSES = ("truth values", "Steam", "Play Store of Kaggle")
"""Labels that are two classes under names of their own, which training keeps."""


@pytest.mark.parametrize("shape", [*ALL, *SOME, *NONE])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_a_file_rightly_or_says_what_to_do(tmp_path: Path, shape: str, command: str) -> None:
    name, content, hints = (*ALL[shape], {}) if shape in ALL else (SOME | NONE)[shape]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    hint = hints.get(command)
    if hint is not None:
        with pytest.raises(DataError) as caught:
            READ[command](path)
        assert hint in str(caught.value.hint)
        assert len(caught.value.message) < 400
        return
    texts = [('"' if shape == "open quote" and number == 1 else "") + text for number, text in enumerate(TEXTS)]
    expected = {
        "predict": texts,
        "recommend": list(zip(ITEMS, texts, strict=True)),
        "train": list(zip(texts, MEANT, strict=True)),
        "evaluate": list(zip(texts, MEANT, strict=True)),
    }[command]
    found = READ[command](path)
    if command == "train" and shape in OWN_CLASSES:
        found = [(text, {"true": "positive", "1": "positive"}.get(label.lower(), "negative")) for text, label in found]
        if shape == "Play Store of Kaggle":
            found = [(text, label) for (text, _), label in zip(found, MEANT, strict=True)]
    assert found == expected
