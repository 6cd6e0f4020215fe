"""A trained model as a scorer: which class is positive, and what may not change a score."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentrec.errors import RunError, SentrecError
from sentrec.inference.predictor import Predictor, load
from sentrec.recipe import recipe_from_dict
from sentrec.recipe.reading import merged
from sentrec.recommend.scoring import ModelScorer, class_weights
from sentrec.text.encoding import LONGEST_TEXT
from sentrec.training.train import train

TEXTS = ["A lovely and superb item.", "Dull!", "word " * 300, ":) x", "\x00\x07 <br /> odd"]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    folder = tmp_path_factory.mktemp("model")
    rows = [f"{'lovely superb' if number % 2 else 'dull awful'} item {number},{number % 2}" for number in range(80)]
    for name in ("train.csv", "test.csv"):
        (folder / name).write_text("\n".join(["text,label", *rows]) + "\n")
    recipe = recipe_from_dict(
        {
            "name": "tiny",
            "glove": None,
            "data": {
                "dataset": str(folder / "train.csv"),
                "test": str(folder / "test.csv"),
                "label_names": ["neg", "pos"],
            },
            "encoder": {"name": "textcnn", "filters": 4},
            "model": {"embedding_dim": 8},
            "training": {"epochs": 4, "batch_size": 8, "device": "cpu", "precision": "float32"},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTREC_HOME", str(tmp_path_factory.mktemp("home")))
        yield load(train(recipe, folder / "run").path, "cpu")


def test_the_score_is_the_calibrated_probability_of_the_positive_class(predictor: Predictor) -> None:
    scores = ModelScorer(predictor).score(TEXTS)
    assert np.allclose(scores.positive, predictor.predict_proba(TEXTS)[:, 1])
    assert np.allclose(ModelScorer(predictor, positive="neg").score(TEXTS).positive, 1 - scores.positive)
    assert scores.embeddings.shape == (len(TEXTS), 8)
    assert np.isfinite(scores.embeddings).all()


def test_embeddings_tell_what_a_text_is_about_whatever_stands_beside_it(predictor: Predictor) -> None:
    scorer = ModelScorer(predictor)
    together = scorer.score(TEXTS).embeddings
    for text, row in zip(TEXTS, together, strict=True):
        assert np.allclose(scorer.score([text]).embeddings[0], row, atol=1e-3)
    assert not np.allclose(together[0], together[1])


def test_bfloat16_hardly_moves_a_score_and_changes_the_fingerprint(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A convolution in bfloat16 gives the same on a processor without the instructions, only slower.
    monkeypatch.setattr("sentrec.models.device.has_bfloat16", lambda device: True)
    exact, short = ModelScorer(predictor), ModelScorer(predictor, precision="bfloat16")
    assert np.abs(exact.score(TEXTS).positive - short.score(TEXTS).positive).max() < 0.02
    assert exact.fingerprint() == ModelScorer(predictor).fingerprint()
    assert len({exact.fingerprint(), short.fingerprint(), ModelScorer(predictor, "neg").fingerprint()}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"text": {"max_tokens": 5}},
        {"text": {"keep": "tail"}},
        {"model": {"ngrams": {"max_tokens": 900}}},
        {"model": {"ngrams": {"length_power": 0.25}}},
        {"encoder": {"kernel_sizes": [3, 4, 6]}},
    ],
)
def test_scores_of_what_reads_or_weighs_otherwise_are_not_mixed(
    predictor: Predictor, change: dict[str, dict[str, object]]
) -> None:
    def fingerprint(changed: dict[str, dict[str, object]]) -> str:
        tree = merged(predictor.run.recipe.model_dump(mode="json"), {"model": {"ngrams": {"max_tokens": 400}}})
        run = replace(predictor.run, recipe=recipe_from_dict(merged(tree, changed)))
        return ModelScorer(Predictor(run, predictor.members)).fingerprint()

    assert fingerprint(change) != fingerprint({}) == fingerprint({"training": {"patience": 9}})


def test_bfloat16_is_refused_where_the_processor_has_none(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("models.device", "recommend.scoring"):
        monkeypatch.setattr(f"sentrec.{module}.has_bfloat16", lambda device: False)
    assert ModelScorer(predictor, precision="auto").fingerprint() == ModelScorer(predictor).fingerprint()
    with pytest.raises(SentrecError, match="no bfloat16 instructions") as caught:
        ModelScorer(predictor, precision="bfloat16")
    assert "--precision auto" in str(caught.value.hint)


def test_a_text_of_ten_megabytes_is_scored_by_both_its_ends(predictor: Predictor) -> None:
    assert 0 < ModelScorer(predictor).score(["lovely " * 1_500_000]).positive[0] < 1


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        ("negative positive", [0, 1]),
        ("pos neg", [1, 0]),
        ("0 1", [0, 1]),
        ("1 0", [1, 0]),
        ("1 2", [0, 1]),
        ("-1 1", [0, 1]),
        ("-1 0 1", [0, 0.5, 1]),
        ("1.0 2.0 3.0 4.0 5.0", [0, 0.25, 0.5, 0.75, 1]),
        ("0.5 2.5 5", [0, 4 / 9, 1]),
        ("1 10 7", [0, 1, 2 / 3]),
    ],
)
def test_what_is_positive_is_known_by_name_or_on_a_scale(names: str, weights: list[float]) -> None:
    assert class_weights(names.split()) == pytest.approx(weights)
    assert class_weights(["meh", "wow"], "wow").tolist() == [0, 1]


def test_threads_that_share_a_model_score_as_one_does(predictor: Predictor) -> None:
    model = predictor.members[0].model.train()
    scorer = ModelScorer(predictor)
    assert not model.training
    chunks = [[f"{text} {number}" for text in TEXTS] for number in range(12)]
    alone = [scorer.score(chunk).positive for chunk in chunks]
    with ThreadPoolExecutor(2) as pool:
        together = [scores.positive for scores in pool.map(scorer.score, chunks)]
    assert np.array_equal(alone, together)


@pytest.mark.parametrize("names", ["0 1 2 3", "1 2 3 4", "0 1 2 3 4 5", "1 1.3 5", "nan 1", "1", "0 inf"])
def test_numbers_that_may_be_topics_need_a_word_of_the_user(names: str) -> None:
    with pytest.raises(RunError, match="none of these is known") as caught:
        class_weights(names.split())
    assert "--positive LABEL" in str(caught.value.hint)
    assert class_weights(names.split(), names.split()[0])[0] == 1.0


@pytest.mark.parametrize(("names", "positive"), [(("World", "Sports", "Sci/Tech"), None), (("neg", "pos"), "poss")])
def test_a_model_of_other_labels_is_refused_with_a_hint(names: tuple[str, ...], positive: str | None) -> None:
    with pytest.raises(RunError) as caught:
        class_weights(names, positive)
    assert "--positive LABEL" in str(caught.value.hint) or "neg, pos" in str(caught.value.hint)


def test_of_ten_megabytes_the_predictor_reads_both_ends(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr("sentrec.models.words.TokenReader.encode", lambda _, texts: read.extend(texts))
    predictor.encode(["lovely " + "x" * 10_000_000 + " dull"])
    (text,) = read
    assert len(text) == LONGEST_TEXT + 1
    assert text.startswith("lovely ")
    assert text.endswith(" dull")


def test_the_reviews_of_the_examples_folder_fit() -> None:
    path = Path(__file__).parents[2] / "examples" / "reviews.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len({row["text"] for row in rows}) >= 170
    assert {key for row in rows for key in row} == {"id", "movie", "text", "rating"}
    counts = [row["movie"] for row in rows]
    assert len(set(counts)) >= 24
    assert min(counts.count(movie) for movie in set(counts)) == 1
    assert len({row["id"] for row in rows}) == len(rows)
