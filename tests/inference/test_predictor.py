"""Predicting with a run: any texts, in their order, each on its own."""

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sentrec
from sentrec.errors import DataError, RunError
from sentrec.inference.predictor import Predictor
from sentrec.runs.directory import Run

GOOD, BAD = "the film was lovely and superb", "the film was dull and tedious"


@pytest.fixture(scope="module")
def predictor(small_run: Run) -> Predictor:
    return sentrec.load(small_run.path)


def test_the_order_is_kept(predictor: Predictor) -> None:
    texts = [GOOD, BAD, f"{BAD} " * 30, GOOD, "", f"{GOOD} " * 5]
    assert [one.label for one in predictor.predict(texts)][:4] == ["good", "bad", "bad", "good"]
    proba = predictor.predict_proba(texts)
    np.testing.assert_allclose(predictor.predict_proba(texts[::-1]), proba[::-1], atol=1e-6)


def test_a_prediction_is_the_likeliest_class_with_its_probability(predictor: Predictor) -> None:
    assert predictor.label_names == ("bad", "good")
    for prediction in predictor.predict([GOOD, BAD]):
        assert list(prediction.probabilities) == ["bad", "good"]
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert prediction.probability == max(prediction.probabilities.values())
        assert prediction.probability == prediction.probabilities[prediction.label]
        json.dumps(prediction.probabilities)
    assert predictor.predict([]) == []
    assert predictor.predict_proba([]).shape == (0, 2)


ODD = ["", " \n\t", "\x00", "\ud800", "half \udfff pair", "\U0001f600" * 3, "ab\u0301\u200d", "<br />", "x" * 100_000]


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:12]))
def test_any_string_gets_an_answer(predictor: Predictor, text: str) -> None:
    (row,) = predictor.predict_proba([text])
    assert np.isfinite(row).all()
    assert row.sum() == pytest.approx(1)


def test_one_very_long_text_is_cut_as_in_training(predictor: Predictor) -> None:
    tokens = predictor.run.recipe.text.max_tokens
    long = f"{GOOD} " * 20_000
    cut = " ".join(long.split()[:tokens])
    np.testing.assert_allclose(predictor.predict_proba([long, BAD])[0], predictor.predict_proba([cut])[0], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.one_of(st.text(), st.sampled_from([GOOD, BAD])), min_size=1, max_size=6))
def test_the_answer_does_not_depend_on_the_batch(predictor: Predictor, texts: list[str]) -> None:
    alone = np.concatenate([predictor.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(predictor.predict_proba([*texts, GOOD * 9])[: len(texts)], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([GOOD, None], "text 2 is not a string but a NoneType"),
        ([3.5], "text 1 is not a string but a float"),
        ([GOOD, BAD, b"bytes"], "text 3 is not a string but a bytes"),
        (GOOD, "a list of strings, not one string"),
    ],
)
def test_what_is_no_list_of_strings_is_refused(predictor: Predictor, texts: Sequence[str], message: str) -> None:
    for ask in (predictor.predict, predictor.predict_proba, predictor.logits):
        with pytest.raises(DataError, match=message):
            ask(texts)


def test_generators_and_numpy_strings_are_texts(predictor: Predictor) -> None:
    for texts in ((text for text in (GOOD, BAD)), np.array([GOOD, BAD])):
        assert [one.label for one in predictor.predict(texts)] == ["good", "bad"]  # type: ignore[arg-type]


def test_a_run_that_is_open_needs_no_second_look(small_run: Run, predictor: Predictor) -> None:
    again = sentrec.load(small_run, device="cpu")
    np.testing.assert_array_equal(again.predict_proba([GOOD]), predictor.predict_proba([GOOD]))


def test_weights_of_another_vocabulary_are_refused(small_run: Run, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(small_run.path, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    weights["head.weight"] = weights["head.weight"][:1].clone()
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(RunError, match=r"model\.safetensors was cut off or altered"):
        sentrec.load(copy)
    opened = replace(small_run, path=copy)
    with pytest.raises(RunError, match="not of this recipe's model"):
        sentrec.load(opened)


def test_another_process_without_the_cache_predicts_the_same(
    small_run: Run, predictor: Predictor, tmp_path: Path
) -> None:
    script = (
        "import json, sys, sentrec; print(json.dumps(sentrec.load(sys.argv[1]).predict_proba(sys.argv[2:]).tolist()))"
    )
    environment = os.environ | {"SENTREC_HOME": str(tmp_path / "empty")}
    done = subprocess.run(
        [sys.executable, "-c", script, str(small_run.path), GOOD, BAD],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    np.testing.assert_allclose(json.loads(done.stdout), predictor.predict_proba([GOOD, BAD]), atol=1e-6)
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "import sentrec; sentrec.load(sys.argv[1]).predict(sys.argv[2:])",
        "from sentrec.cli.main import app; app(['predict', '--model', *sys.argv[1:]], standalone_mode=False)",
    ],
    ids=["library", "command"],
)
def test_predicting_waits_for_no_library_that_it_does_not_need(small_run: Run, statement: str) -> None:
    script = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script, str(small_run.path), GOOD], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert "torch" in imported
    assert not imported & {"accelerate", "datasets", "huggingface_hub", "matplotlib"}
    assert not imported & {"pandas", "pyarrow", "scipy", "sklearn"}


def test_a_predictor_is_pickled(predictor: Predictor) -> None:
    again = pickle.loads(pickle.dumps(predictor))
    np.testing.assert_array_equal(again.logits([GOOD, BAD]), predictor.logits([GOOD, BAD]))
    starter = sentrec.load("starter", "cpu")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(starter)).logits([GOOD]), starter.logits([GOOD]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_predicts(predictor: Predictor) -> None:
    texts = [GOOD, BAD] * 20
    expected = predictor.predict_proba(texts)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        np.testing.assert_allclose(pool.submit(predictor.predict_proba, texts).result(timeout=120), expected, atol=1e-6)
