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


def test_completion_knows_every_public_name_before_its_first_use() -> None:
    code = "import sentrec; print(*sorted(set(sentrec.__all__) - set(dir(sentrec))))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == ""


def test_the_package_runs_as_the_command() -> None:
    answer = subprocess.run([sys.executable, "-m", "sentrec", "--version"], capture_output=True, text=True)
    assert answer.stdout.strip() == f"sentrec {sentrec.__version__}"


def test_importing_sentrec_imports_no_torch() -> None:
    script = (
        "import sys, sentrec, sentrec.cli.main; sys.exit(bool({'torch', 'datasets', 'sklearn'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("collecting", [True, False])
def test_a_public_name_comes_without_collecting_garbage_and_leaves_the_collector_as_it_was(collecting: bool) -> None:
    script = (
        f"import gc, sentrec; {'gc.enable' if collecting else 'gc.disable'}(); sentrec.load; "
        "print(gc.isenabled(), gc.get_stats()[2]['collections'])"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == [str(collecting), "0"]


def test_the_collector_need_not_look_through_what_a_public_name_brought() -> None:
    script = (
        "import gc, sentrec; sentrec.load; new, old = len(gc.get_objects(0)), len(gc.get_objects(2)); "
        "print(new < 1000 < 100_000 < old, gc.get_freeze_count() == 0)"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["True", "True"]


def test_what_a_program_froze_stays_frozen() -> None:
    script = (
        "import gc; mine = [[] for _ in range(5000)]; gc.freeze(); frozen = gc.get_freeze_count(); "
        "import sentrec; sentrec.load; print(gc.get_freeze_count() - frozen)"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(answer.stdout) <= 0  # some were of no more use


def test_a_command_ends_without_collecting_garbage() -> None:
    script = (
        "import atexit, gc, sys; atexit.register(lambda: print(len(gc.get_objects()))); "
        "sys.argv = ['sentrec', '--version']; from sentrec.cli.main import run; run()"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(answer.stdout.splitlines()[-1]) < 100
