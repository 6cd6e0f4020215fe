"""The Python interface that the README promises."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import small_overrides

import sentrec
from sentrec.errors import Interrupted, RecipeError
from sentrec.training.loop import Progress


def test_recipe_train_evaluate_predict(reviews: Path, tmp_path: Path) -> None:
    recipe = sentrec.load_recipe("quickstart", small_overrides(reviews))
    steps: list[Progress] = []
    run = sentrec.train(recipe, tmp_path / "run", on_progress=steps.append)
    assert len(steps) == run.metrics["steps"] == 18
    evaluation = sentrec.evaluate(run.path)
    assert evaluation.metrics["accuracy"] == run.metrics["test"]["accuracy"]
    predictions = sentrec.load(run.path).predict(["the film was lovely and moving", "the film was awful and dull"])
    assert [prediction.label for prediction in predictions] == ["good", "bad"]


def test_a_recipe_file_trains_without_being_loaded_first(reviews: Path, tmp_path: Path) -> None:
    from sentrec.recipe import to_yaml

    path = tmp_path / "mine.yaml"
    path.write_text(to_yaml(sentrec.load_recipe("quickstart", small_overrides(reviews))), encoding="utf-8")
    assert sentrec.train(path, tmp_path / "run").recipe == sentrec.load_recipe(path)


def test_a_study_is_a_function_of_the_package_of_its_name(tmp_path: Path) -> None:
    import sentrec.transfer.schema  # the package takes the function's place from here on

    with pytest.raises(RecipeError, match="describes one training"):
        sentrec.transfer("quickstart", tmp_path / "out")


def test_mistakes_are_sentrec_errors() -> None:
    with pytest.raises(sentrec.SentrecError) as caught:
        sentrec.train("no-such-recipe")
    assert isinstance(caught.value, RecipeError)
    assert issubclass(Interrupted, sentrec.SentrecError)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in sentrec.__all__:
        assert getattr(sentrec, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = sentrec.trian


def test_importing_sentrec_changes_nothing_of_its_host_and_completes_every_name() -> None:
    printed = run_python(
        "import gc, os, sys; state = lambda: (dict(os.environ), gc.get_threshold(), gc.isenabled(), "
        "gc.get_freeze_count()); before = state(); import sentrec; "
        "print(sorted(set(sentrec.__all__) - set(dir(sentrec)))); sentrec.load; print(before == state())"
    )
    assert printed.splitlines() == ["[]", "True"]


@pytest.mark.parametrize("command", [[sys.executable, "-m", "sentrec"], [Path(sys.executable).with_name("sentrec")]])
def test_the_package_runs_as_the_command_and_that_is_installed(command: list[str]) -> None:
    answer = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert answer.stdout.strip() == f"sentrec {sentrec.__version__}"


@pytest.mark.parametrize(("policy", "spins"), [({}, "1000"), ({"OMP_WAIT_POLICY": "active"}, None)])
def test_a_command_sets_its_process_up_before_torch_is_imported_and_ends_without_collecting_garbage(
    policy: dict[str, str], spins: str | None
) -> None:
    threshold, found, objects = run_python(
        "import atexit, gc, os, sys; os.environ.pop('GOMP_SPINCOUNT', None); os.environ.pop('OMP_WAIT_POLICY', None); "
        f"os.environ |= {policy}; atexit.register("
        "lambda: print(gc.get_threshold()[0], os.environ.get('GOMP_SPINCOUNT'), len(gc.get_objects()))); "
        "sys.argv = ['sentrec', '--version']; from sentrec.cli.main import run; run()"
    ).split()[-3:]
    assert (threshold, found) == ("500000", str(spins))
    assert int(objects) < 100


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
