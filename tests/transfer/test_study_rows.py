"""Which rows a study learns from and is judged on, what it calls their classes, and what it tells of both."""

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_study import small_glove, small_study, study_tree
from small_runs import small_recipe

import sentrec
from sentrec.errors import DataError
from sentrec.transfer.loading import load_targets, transfer_from_dict
from sentrec.transfer.results import Study
from sentrec.transfer.study import transfer


def write_rows(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("review,verdict\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")


def numbered(prefix: str, count: int, labels: tuple[str, ...] = ("bad", "good")) -> list[tuple[str, str]]:
    return [
        (f"{prefix} {number} dull" if number % 2 else f"{prefix} {number} lovely", labels[1 - number % 2])
        for number in range(count)
    ]


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    """Corpora of a source and a target that share no text."""
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
        for part, count in (("train", 96), ("validation", 32), ("test", 32)):
            write_rows(tmp_path / side / f"{part}.csv", numbered(f"{side} {part}", count))
    return tmp_path


def one_cell(folder: Path, **changes: object) -> Study:
    return transfer(
        small_study(folder, **{"arms": ["scratch"], "seeds": 1, "budgets": [24], **changes}), folder / "out"
    )


def facts_of(study: Study) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((study.path / "study.json").read_text(encoding="utf-8"))
    return facts


def test_rows_that_are_apart_are_nothing_to_tell(apart: Path) -> None:
    study = one_cell(apart)
    assert study.notes == ()
    (counts,) = facts_of(study)["overlap"]["from_sources"]
    assert counts["test_texts_in_source"] == counts["pool_texts_in_source"] == 0
    assert (counts["test_rows"], counts["pool_rows"]) == (32, 96)


def test_texts_that_the_source_has_learned_are_counted_and_told(apart: Path, caplog: pytest.LogCaptureFixture) -> None:
    test, train = numbered("target test", 32), numbered("target train", 96)
    known = numbered("source train", 96)
    shouted = [(f"{text.upper()}!", label) for text, label in test[:3]]  # the same letters and digits
    write_rows(apart / "source" / "train.csv", known + shouted + train[:5])
    write_rows(apart / "source" / "validation.csv", numbered("source validation", 32) + test[3:5])
    write_rows(apart / "source" / "test.csv", numbered("source test", 32) + test[5:9])  # seen without being learned
    study = one_cell(apart)
    said = "Texts of target that also occur among the labelled rows of source: 5 of 32 in test, 5 of 96 to train on."
    assert study.notes == (said,)
    assert said in caplog.text
    assert facts_of(study)["notes"] == [said]
    assert said in (study.path / "report.md").read_text(encoding="utf-8")


def test_test_texts_in_the_targets_own_training_rows_are_told(apart: Path) -> None:
    write_rows(apart / "target" / "test.csv", numbered("target test", 30) + numbered("target train", 2))
    study = one_cell(apart)
    (note,) = study.notes
    assert note.startswith("Test texts of target that also occur in its training rows: ")
    assert facts_of(study)["overlap"]["within_targets"]["target"]["test_texts_in_train"] > 0


def test_the_texts_of_a_run_are_read_again_where_they_still_are(apart: Path) -> None:
    write_rows(apart / "source" / "train.csv", numbered("source train", 90) + numbered("target test", 4))
    run = sentrec.train(small_recipe(apart / "source", "training.epochs=1"), apart / "run")
    source = {"name": "known", "run": str(run.path)}
    assert "labelled rows of known: 4 of 32 in test." in one_cell(apart, source=source).notes[0]
    (apart / "source" / "train.csv").unlink()
    study = transfer(small_study(apart, source=source, arms=["scratch"], seeds=1, budgets=[24]), apart / "again")
    assert study.notes == ()
    assert facts_of(study)["overlap"]["from_sources"] == [{"source": "known", "target": "target"}]


def test_classes_of_other_names_are_those_of_the_source_where_the_study_says_so(apart: Path) -> None:
    for part, count in (("train", 96), ("validation", 32), ("test", 32)):
        write_rows(apart / "target" / f"{part}.csv", numbered(f"target {part}", count, ("zero", "ace")))
    arms = {"arms": ["scratch", "zero-shot"], "seeds": 1, "budgets": [24]}
    tree: dict[str, Any] = study_tree(apart, **arms)
    with pytest.raises(DataError) as caught:
        transfer(transfer_from_dict(tree), apart / "out")
    assert "--set 'target.labels={" in str(caught.value.hint)
    assert "ace: bad, zero: good" in str(caught.value.hint)  # by their order: an example to be corrected
    tree["target"] = tree["target"] | {"labels": {"zero": "bad", "ace": "good"}}
    study = transfer(transfer_from_dict(tree), apart / "out")
    assert study.targets[0].label_names == ("ace", "zero")
    (unseen,) = (one for one in study.results if one.cell.arm == "zero-shot")
    assert unseen.accuracy > 0.9
    tree["target"] = tree["target"] | {"labels": {"zero": "good", "ace": "bad"}}
    swapped = transfer(transfer_from_dict(tree), apart / "out", resume=True)
    (other,) = (one for one in swapped.results if one.cell.arm == "zero-shot")
    assert other.accuracy == pytest.approx(1 - unseen.accuracy)


def test_classes_that_match_by_number_are_told(apart: Path) -> None:
    for part, count in (("train", 96), ("validation", 32), ("test", 32)):
        write_rows(apart / "target" / f"{part}.csv", numbered(f"target {part}", count, ("0", "1")))
    assert one_cell(apart).notes == ("From source to target: Labels were matched by number: 0 = bad, 1 = good.",)


def test_all_labels_are_the_same_rows_for_every_arm(apart: Path) -> None:
    tree: dict[str, Any] = study_tree(apart, arms=["scratch", "nb-lr"], budgets=[24, "all"], seeds=1)
    tree["target"]["set"]["data"]["validation"] = str(apart / "target" / "validation.csv")
    study = transfer(transfer_from_dict(tree), apart / "out")
    labels = {(one.cell.arm, one.cell.budget): one.labels for one in study.results}
    assert labels == {("scratch", 24): 24, ("nb-lr", 24): 24, ("scratch", "all"): 128, ("nb-lr", "all"): 128}
    assert study.targets[0].train_rows == 128


def test_the_fingerprint_of_a_target_knows_its_vectors(apart: Path) -> None:
    (target,), (without,) = (load_targets(small_study(apart, glove=glove)) for glove in (small_glove(apart), None))
    assert target.vectors is not None
    assert without.vectors is None
    assert without.fingerprint != target.fingerprint


def fingerprint_of(folder: Path, **data: object) -> str:
    tree: dict[str, Any] = study_tree(folder)
    tree["target"]["set"]["data"] |= data
    (target,) = load_targets(transfer_from_dict(tree))
    return target.fingerprint


def test_the_fingerprint_of_a_target_knows_classes_and_borders(apart: Path) -> None:
    own = str(apart / "target" / "validation.csv")
    prints = [
        fingerprint_of(apart, validation=own),
        fingerprint_of(apart, validation=own, label_names=["good", "bad"]),
        fingerprint_of(apart, validation=own, label_names=["bad", "good", "ugly"]),
    ]
    train, validation = numbered("target train", 96), numbered("target validation", 32)
    write_rows(apart / "target" / "train.csv", train + validation[:2])
    write_rows(apart / "target" / "validation.csv", validation[2:])
    prints.append(fingerprint_of(apart, validation=own))
    assert len(set(prints)) == 4
