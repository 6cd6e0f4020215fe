"""An ONNX file gives the answers of its run, for texts of any number and length, without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_runs import cache_in, small_overrides, small_recipe, write_corpus
from toy_kind import installed
from typer.testing import CliRunner

import sentrec
from sentrec.cli.main import app
from sentrec.errors import RunError
from sentrec.evaluation.evaluate import evaluate
from sentrec.export.export import export_model
from sentrec.export.measure import Bound
from sentrec.export.onnx import LARGEST_DIFFERENCE, OnnxExport, export_onnx
from sentrec.inference.onnx import OnnxClassifier
from sentrec.inference.predictor import load
from sentrec.models.kinds import int8_weights
from sentrec.runs.directory import Run
from sentrec.training.train import train

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
onnx = pytest.importorskip("onnx")

TEXTS = [
    "superb",
    "the film was dull and awful, row 3",
    "",
    "Lovely &amp; moving :) I don't know <br /> 8/10",
    "tedious " * 700,
    "the film was superb, not dull. " * 40,
    "немного 良い _ ' n't",
]
MODELS = {
    "stacked": (3, "encoder={name: bilstm, hidden: 8}", "model.ngrams={table_bits: 10, max_tokens: 500}"),
    "ngrams": (2, "encoder=ngrams", "model={ngrams: {table_bits: 12, max_n: 4}}", "text.max_tokens=600"),
    "gru": (2, "encoder={name: gru, hidden: 8, layers: 2}", "text={keep: head-tail, max_tokens: 9}"),
    "textcnn": (2, "encoder={name: textcnn, filters: 4}", "text.keep=tail"),
    "swem": (3, "encoder={name: swem, pooling: [mean, max, attention], hidden: 5}", "model.ngrams={table_bits: 9}"),
}
SLOW = {"gru", "textcnn", "swem"}
INT8 = 3  # in onnx.TensorProto


def trained(folder: Path, corpus: Path, home: Path, *changes: str) -> Run:
    kept = [change for change in small_overrides(corpus) if not change.startswith("encoder.")]
    with cache_in(home):
        recipe = small_recipe(corpus) if not changes else sentrec.load_recipe("quickstart", [*kept, *changes])
        return train(recipe, folder / "run")


@pytest.fixture(
    scope="session", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in MODELS]
)
def exported(
    request: pytest.FixtureRequest, shared_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, OnnxExport]:
    """A run of each kind of model, and its ONNX file."""
    classes, *changes = MODELS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    corpus = write_corpus(folder / "corpus", ("bad", "good", "odd")[:classes])
    run = trained(folder, corpus, shared_home, "training.epochs=1", *changes)
    return run, export_onnx(run, folder / "model.onnx")


def test_answers_are_those_of_the_run(exported: tuple[Run, OnnxExport]) -> None:
    run, export = exported
    theirs, ours = load(run, "cpu"), OnnxClassifier(export.path)
    assert ours.label_names == theirs.label_names
    for texts in (TEXTS, TEXTS[:1], TEXTS[4:5], TEXTS * 40):
        np.testing.assert_allclose(ours.predict_proba(texts), theirs.predict_proba(texts), atol=LARGEST_DIFFERENCE)
    assert ours.logits([]).shape == (0, len(run.label_names))


def test_its_shapes_are_symbols(exported: tuple[Run, OnnxExport]) -> None:
    for one in onnx.load(exported[1].path).graph.input:
        assert all(size.dim_param for size in one.type.tensor_type.shape.dim), one.name


def test_what_a_run_holds_in_int8_stays_so(stacked_run: Run, tmp_path: Path, warm_cache: None) -> None:
    small = export_model(stacked_run, tmp_path / "small", bound=Bound(0.5, 1.0, 1.0)).run
    assert int8_weights(small.recipe, small.path / "model.safetensors")["ngrams.weights"].rows is not None
    export = export_onnx(small, tmp_path / "small.onnx")
    tables = [list(one.dims) for one in onnx.load(export.path).graph.initializer if one.data_type == INT8]
    assert tables == [[2**17, 1]]
    theirs, ours = load(small, "cpu"), OnnxClassifier(export.path)
    np.testing.assert_allclose(ours.predict_proba(TEXTS), theirs.predict_proba(TEXTS), atol=LARGEST_DIFFERENCE)


def test_the_command_predicts_without_torch(exported: tuple[Run, OnnxExport]) -> None:
    code = (
        "import sys; from sentrec.cli.main import app\n"
        f"app(['predict', '--model', {str(exported[1].path)!r}, 'a superb film'], standalone_mode=False)\n"
        "print('heavy:', *{'torch', 'scipy', 'sklearn', 'pyarrow', 'onnx'} & {*sys.modules})"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    (answer,) = load(exported[0], "cpu").predict(["a superb film"])
    assert printed.split()[:2] == [answer.label, f"{answer.probability:.1%}"]
    assert printed.splitlines()[-1] == "heavy:"


def test_a_file_on_the_command_line(stacked_run: Run, tmp_path: Path) -> None:
    out, rows = tmp_path / "m.onnx", tmp_path / "rows.csv"
    out.touch()  # an earlier export gives way
    made = CliRunner().invoke(app, ["export", str(stacked_run.path), "--onnx", "--out", str(out), "--json"])
    assert made.exit_code == 0, made.output
    assert f'"bytes": {out.stat().st_size}' in made.output
    rows.write_text("text\nlovely and superb\n", encoding="utf-8")
    scored = CliRunner().invoke(app, ["predict", "-m", str(out), str(rows), "--out", str(tmp_path / "scored.csv")])
    assert scored.exit_code == 0, scored.output
    assert "good" in (tmp_path / "scored.csv").read_text(encoding="utf-8")
    for arguments in (["--explain"], ["--device", "cuda"]):
        assert CliRunner().invoke(app, ["predict", "-m", str(out), "lovely", *arguments]).exit_code == 2
    with pytest.raises(RunError, match=r"m\.onnx is an ONNX file, which only predicts"):
        evaluate(out)


@pytest.mark.parametrize(("content", "message"), [(b"no model", "cannot be read"), (None, "is not a model of sentrec")])
def test_a_file_that_is_none_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x.onnx"
    if content is None:
        one, two = (onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy")
        graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "minus", [one], [two])
        opset = onnx.helper.make_opsetid("", 20)
        content = onnx.helper.make_model(graph, ir_version=10, opset_imports=[opset]).SerializeToString()
    path.write_bytes(content)
    with pytest.raises(RunError, match=message):
        OnnxClassifier(path)
    with pytest.raises(RunError, match="No such file"):
        OnnxClassifier(tmp_path / "none.onnx")


def test_tokenizers_of_other_kinds_are_refused(reviews: Path, shared_home: Path, tmp_path: Path) -> None:
    with installed():
        run = trained(tmp_path, reviews, shared_home, "encoder={name: characters, buckets: 256}", "training.epochs=1")
        with pytest.raises(RunError, match="kind 'characters' reads texts with a tokenizer of its own"):
            export_onnx(run, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
