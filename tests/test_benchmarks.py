"""The pieces of the benchmarks work, on tiny data and without any optional peer."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from benchmarks import __main__ as command_line
from benchmarks import comparison, contenders, measure, scaling, table, vectors, worker, workplace
from benchmarks.contender import Contender
from benchmarks.fasttext_bigrams import FastText, plain_line
from benchmarks.linear import Lexicon, MeanVectors, NaiveBayesNgrams, TextBlobPolarity, TfidfPipeline, Vader
from benchmarks.sentrec_recipe import SentrecRecipe
from benchmarks.settings import FULL, QUICK, Settings
from benchmarks.starter import measure_starter
from benchmarks.tutorial_bilstm import PARAMETERS, TutorialBiLSTM, TutorialNetwork
from small_runs import small_overrides

from sentrec.runs.directory import Run

LABELS = np.array([0, 1] * 20)
TEXTS = [("a dull and awful film", "a superb and moving film")[label] + f" {row}" for row, label in enumerate(LABELS)]


def imdb_folder(folder: Path) -> Path:
    (folder / "imdb").mkdir(parents=True)
    rows = pa.table({"text": TEXTS, "label": LABELS, "movie_id": [f"tt{row % 7}" for row in range(len(TEXTS))]})
    for split in ("train", "test"):
        parquet.write_table(rows, folder / "imdb" / f"{split}.parquet")
    return folder


@pytest.mark.parametrize("contender", [TfidfPipeline(), NaiveBayesNgrams()], ids=lambda one: one.title)
def test_a_linear_peer_learns_and_is_the_same_when_it_is_loaded(contender: Contender, tmp_path: Path) -> None:
    contender.train(TEXTS, LABELS, tmp_path)
    probabilities = contender.predict_proba(TEXTS)
    assert (probabilities.argmax(axis=1) == LABELS).all()
    loaded = type(contender)()
    loaded.load(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), probabilities)
    assert measure.megabytes_on_disk(tmp_path) > 0


def test_static_vectors_are_averaged_and_frequent_words_count_less() -> None:
    means = MeanVectors(["the", "film", "superb"], np.eye(3)).transform(["the the superb", "film", "unknown"])
    assert means.shape == (3, 3)
    assert means[0, 0] < 2 * means[0, 2]
    assert means[1, 1] > 0
    assert not means[2].any()


def test_the_tutorial_network_has_the_parameters_that_its_users_report() -> None:
    assert sum(weight.numel() for weight in TutorialNetwork().parameters()) == PARAMETERS == 3_648_257


def test_the_tutorial_extrapolates_an_epoch_unless_it_is_trained(tmp_path: Path) -> None:
    timed = TutorialBiLSTM(steps=1, epochs=0)
    trained = timed.train(TEXTS[:4], LABELS[:4], tmp_path)
    assert trained.estimated_seconds is not None
    assert trained.epoch_seconds is not None
    assert trained.estimated_seconds > trained.epoch_seconds > 0
    loaded = TutorialBiLSTM(steps=1, epochs=0)
    loaded.load(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(TEXTS[:2]), timed.predict_proba(TEXTS[:2]), atol=1e-6)
    assert TutorialBiLSTM(steps=1, epochs=1).train(TEXTS[:4], LABELS[:4], tmp_path).estimated_seconds is None


def test_a_text_becomes_one_line_for_fasttext() -> None:
    assert plain_line("Well, it's\ngreat!<br />Yes.") == "well , it ' s great ! yes ."


def test_fasttext_reads_every_row_in_random_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def train_supervised(path: str, **options: Any) -> SimpleNamespace:
        read.extend(Path(path).read_text(encoding="utf-8").splitlines())
        return SimpleNamespace(save_model=lambda path: None)

    monkeypatch.setitem(sys.modules, "fasttext", SimpleNamespace(train_supervised=train_supervised))
    FastText().train(TEXTS, LABELS, tmp_path)
    written = [f"__label__{label} {text}" for label, text in zip(LABELS, TEXTS, strict=True)]
    assert read != written
    assert sorted(read) == sorted(written)


def test_a_recipe_trains_and_scores_as_a_contender(reviews: Path, tmp_path: Path) -> None:
    recipe = SentrecRecipe("quickstart", [*small_overrides(reviews), "training.epochs=1"])
    trained = recipe.train(TEXTS, LABELS, tmp_path / "run")
    assert trained.accuracy is not None
    assert trained.epoch_seconds is not None
    recipe.load(tmp_path / "run")
    many = recipe.predict_proba(TEXTS)
    np.testing.assert_allclose(many[:1], recipe.predict_proba(TEXTS[:1]), atol=1e-5)


def test_a_word_list_learns_its_border_alone(tmp_path: Path) -> None:
    class Exclamations(Lexicon):
        title = "exclamation marks"

        def score(self, text: str) -> float:
            return text.count("!") / 10

    texts = ["!" * number for number in range(8)]
    Exclamations().train(texts, np.array([0, 0, 0, 1, 1, 1, 1, 1]), tmp_path)
    loaded = Exclamations()
    loaded.load(tmp_path)
    assert loaded.predict_proba(texts).argmax(axis=1).tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_the_starter_is_judged_beside_peers_on_the_same_rows(small_run: Run, tmp_path: Path) -> None:
    settings = QUICK.changed(init=str(small_run.path))
    accuracies, speeds = measure_starter(workplace.Workplace(tmp_path, tmp_path), settings, lambda _: None)
    (own, mean), title = accuracies.rows, f"sentrec {small_run.path.stem}"
    assert (own["n"], mean["data"]) == (small_run.metrics["test"]["n"], "mean of 1")
    assert own[title].startswith(f"{small_run.metrics['test']['accuracy']:.3f} (")
    titles = [row["title"] for row in speeds.rows]
    assert titles[0] == title
    assert titles[-2:] == [TfidfPipeline.title, NaiveBayesNgrams.title]
    absent = [one.title for one in (Vader(), TextBlobPolarity()) if one.missing()]
    assert len(titles) + len(absent) == 5
    assert all(any(one in note for note in accuracies.notes) for one in absent)


def test_scoring_in_bfloat16_uses_the_model_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "computes_in_bfloat16", lambda: True)
    settings = FULL.changed(recipes=("imdb-fast",))
    keys = [key for key in contenders.contender_keys(settings) if key.startswith(contenders.RECIPE)]
    assert len({contenders.model_key(key) for key in keys}) == 1
    assert [contenders.find_contender(key, settings).title for key in keys] == [
        "sentrec imdb-fast",
        "sentrec imdb-fast, scored in bfloat16",
    ]
    monkeypatch.setattr(contenders, "computes_in_bfloat16", lambda: False)
    assert len(contenders.contender_keys(settings)) == len(contenders.PEERS) + 1


def test_a_worker_can_confine_itself_before_numpy_starts_its_threads() -> None:
    measure.run_process([sys.executable, "-c", "import sys, benchmarks.worker; sys.exit('numpy' in sys.modules)"])


def test_a_peer_that_is_not_installed_is_missing() -> None:
    class Uninstalled(TfidfPipeline):
        needs = ("json", "no_such_module_anywhere")

    assert Uninstalled().missing() == ["no_such_module_anywhere"]
    assert TfidfPipeline().missing() == []


def test_a_worker_measures_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(imdb_folder(tmp_path / "data")))
    trained = measure.run_module("worker", "train", "tfidf", str(tmp_path / "model"), QUICK.to_json(), "1")
    assert trained["accuracy"] == 1.0
    assert 20 < trained["train_megabytes"] < measure.peak_megabytes()  # a child's memory is not this process's
    few = QUICK.changed(scored_rows=8, single_texts=2)
    assert worker.score("tfidf", tmp_path / "model", few)["per_second"] > 0
    assert worker.answer("tfidf", tmp_path / "model", few)["positive"] > 0.0


def test_all_contenders_are_measured_and_those_that_are_missing_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = row("", 2, 0, 1.0) | {"accuracy": 0.9, "train_megabytes": 1, "disk_megabytes": 1}
    scored = {"per_second": 100, "milliseconds": 2.0, "score_megabytes": 50}
    calls: list[tuple[str, str]] = []

    def fake(module: str, stage: str, key: str, *rest: str) -> dict[str, Any]:
        calls.append((stage, key))
        figures = {name: value for name, value in trained.items() if name not in ("key", "title")}
        return scored if stage == "score" else figures

    monkeypatch.setattr(comparison, "run_module", fake)
    monkeypatch.setattr(comparison, "run_process", lambda command: "")
    monkeypatch.setattr(FastText, "needs", ("no_such_module_anywhere",))
    settings = FULL.changed(recipes=("imdb-fast",))
    table_, epochs = comparison.compare(workplace.Workplace(tmp_path, tmp_path), settings, lambda text: None)
    assert [one["key"] for one in table_.rows] == [
        key for key in contenders.contender_keys(settings) if key != "fasttext"
    ]
    assert any("fastText, bigrams is left out: no_such_module_anywhere" in note for note in table_.notes)
    assert [key for stage, key in calls if stage == "train"].count("recipe:imdb-fast") == 1
    assert {len(cells) for cells in table_.cells()} == {len(comparison.COLUMNS)}
    assert len(epochs.rows) > 0


def test_a_worker_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no_such_stage"):
        measure.run_module("worker", "no_such_stage", "tfidf", str(tmp_path), QUICK.to_json(), "1")


def row(key: str, seconds: float, speed: float, epoch: float | None = None) -> dict[str, Any]:
    return {
        "key": key,
        "title": key,
        "train_seconds": seconds,
        "extrapolated": key == "tutorial",
        "epoch_seconds": epoch,
        "per_second_1": speed,
        "per_second_all": 2 * speed,
    }


def test_ratios_are_taken_against_the_tfidf_pipeline() -> None:
    rows = comparison.with_ratios([row("tfidf", 20, 100), row("tutorial", 700, 25)])
    assert [one["train_ratio"] for one in rows] == ["1.0", "35.0"]
    assert [one["ratio_all"] for one in rows] == [1.0, 0.25]
    assert [one["train"] for one in rows] == ["20", "~700"]


def test_epochs_are_compared_with_the_tutorial_and_each_model_counts_once() -> None:
    rows = [row("tfidf", 1, 1), row("tutorial", 1, 1, 600), row("recipe:imdb", 1, 1, 30)]
    found = comparison.epochs([*rows, row("recipe:imdb@bfloat16", 1, 1, 30)])
    assert [(one["title"], one["ratio"]) for one in found] == [("tutorial", 1.0), ("recipe:imdb", 20.0)]
    assert comparison.epochs([row("recipe:imdb", 1, 1, 30)])[0]["ratio"] is None


def test_settings_survive_the_way_to_another_process() -> None:
    assert Settings.from_json(QUICK.to_json()) == QUICK
    assert QUICK.changed(recipes=None, test_rows=5) == Settings.from_json(QUICK.changed(test_rows=5).to_json())


def test_padding_is_the_share_of_places_without_a_token() -> None:
    lengths = np.array([1, 3, 4])
    assert vectors.padding_share(lengths, [np.array([0, 1]), np.array([2])]) == pytest.approx(0.2)


def test_reviews_of_a_wanted_number_have_films_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(imdb_folder(tmp_path / "data")))
    scaling.write_reviews(tmp_path / "reviews.jsonl", 100)
    rows = [json.loads(line) for line in (tmp_path / "reviews.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 100
    assert len({(one["movie"], one["text"]) for one in rows}) == 100


def test_data_is_cut_with_its_classes_in_their_shares(tmp_path: Path) -> None:
    source = imdb_folder(tmp_path / "data") / "imdb" / "train.parquet"
    workplace.cut(source, tmp_path / "few" / "train.parquet", 10)
    assert sorted(parquet.read_table(tmp_path / "few" / "train.parquet")["label"].to_pylist()) == [0] * 5 + [1] * 5


def test_unlabelled_reviews_are_at_hand_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "require_vectors", lambda: None)
    monkeypatch.setenv("SENTREC_DATA", str(imdb_folder(tmp_path)))
    for texts in ((), ("a film",)):
        if texts:
            parquet.write_table(pa.table({"text": texts}), tmp_path / "imdb" / "unsupervised.parquet")
        with workplace.workplace(QUICK.changed(train_rows=10, test_rows=10)) as place:
            assert (place.folder / "data" / "imdb" / "unsupervised.parquet").is_file() is bool(texts)


@pytest.mark.parametrize("has_imdb", [False, True])
def test_without_data_or_vectors_nothing_is_measured(
    has_imdb: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if has_imdb:
        monkeypatch.setenv("SENTREC_DATA", str(imdb_folder(tmp_path)))
    before = dict(os.environ)
    command_line.main(["--quick"])
    printed = capsys.readouterr().out
    assert "Nothing was measured" in printed
    assert ("sentrec fetch-glove 6B --dim 50" if has_imdb else "SENTREC_DATA") in printed
    assert dict(os.environ) == before


def test_a_table_is_written_as_markdown_and_json() -> None:
    columns = (table.Column("name", "model"), table.Column("accuracy", "accuracy", ".3f"))
    section = table.Section("Figures", columns, [{"name": "a|b", "accuracy": 0.91234}, {"name": "c"}], ["A note."])
    written = table.to_markdown("A machine", [section])
    assert "| a/b | 0.912 |\n| c | - |" in written
    assert written.startswith("A machine\n\n### Figures\n\n| model | accuracy |\n| --- | --- |\n")
    kept = json.loads(table.to_json({"cores": "2"}, [section]))
    assert kept["machine"] == {"cores": "2"}
    assert kept["sections"][0]["rows"][0]["accuracy"] == 0.91234


def test_a_file_of_an_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--out", "results.txt"])
    assert "must end in .json or .md" in capsys.readouterr().err


def test_the_machine_is_described_in_one_line() -> None:
    facts = measure.machine_facts()
    assert f"torch {torch.__version__}" in measure.one_line(facts)
    assert facts["cores"] == str(measure.all_cores())
