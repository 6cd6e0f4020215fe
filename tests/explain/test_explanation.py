"""Explanations add up to what the model says, point to the right places, and tell the truth about it."""

import csv
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import sentrec
from sentrec.errors import DataError
from sentrec.explain import Explanation, explain, explanation_html, explanations_page
from sentrec.explain.explanation import without
from sentrec.explain.faithfulness import faithfulness
from sentrec.inference.predictor import Predictor
from sentrec.models.attribution import TokenContributions, integrated_gradients, margin
from sentrec.models.base import TextModel

TEXT = "A lovely film, but the sound is awful. I did not like the ending at all."


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return sentrec.load("starter")


def only(predictor: Predictor, text: str) -> Explanation:
    (explanation,) = explain(predictor, [text])
    return explanation


@settings(deadline=None, max_examples=25)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["a", "good", "bad", "not", "film", "the", ".", "worst"])).map(" ".join)
)
def test_contributions_and_base_are_the_log_odds_and_spans_are_what_they_say(predictor: Predictor, text: str) -> None:
    found = only(predictor, text)
    assert found.base + sum(token.contribution for token in found.tokens) == pytest.approx(found.log_odds, abs=1e-4)
    assert 1 / (1 + np.exp(-found.log_odds)) == pytest.approx(found.probability, abs=1e-5)
    for span in (*found.tokens, *found.sentences):
        assert found.text[span.start : span.end] == span.text
    assert found.label == predictor.predict([text])[0].label


def test_n_grams_are_explained_exactly(predictor: Predictor) -> None:
    ngrams = predictor.members[0].model.closed_form
    assert ngrams is not None
    logits, nothing = (
        ngrams(ngrams.collate(ngrams.encode([text]), np.zeros(1, dtype=np.int64))) for text in (TEXT, "")
    )
    bias = float(ngrams.state_dict()["bias"])
    for target, sign in ((1, 1.0), (0, -1.0)):
        values = ngrams.contributions(TEXT, target).values
        assert values.sum() + sign * bias == pytest.approx(float(margin(logits, target)), abs=1e-5)
    assert ngrams.contributions("", 1).values.shape == (0,)
    assert nothing.shape == logits.shape


def test_an_n_gram_that_occurs_twice_is_shared_by_both_places(predictor: Predictor) -> None:
    ngrams = predictor.members[0].model.closed_form
    assert ngrams is not None
    values = ngrams.contributions("awful awful", 0).values
    assert values[0] == pytest.approx(values[1])


def test_integrated_gradients_of_a_linear_model_are_its_products() -> None:
    weights = torch.randn(5, 3, 2, dtype=torch.float64)
    embedded = torch.randn(1, 5, 3, dtype=torch.float64)

    def linear(points: Tensor, mask: Tensor) -> Tensor:
        return torch.einsum("btd,tdc->bc", points, weights)

    found = integrated_gradients(linear, embedded, torch.ones(1, 5, dtype=torch.bool), target=1)
    products = (embedded[0].unsqueeze(-1) * weights).sum(dim=1)
    np.testing.assert_allclose(found, (products[:, 1] - products[:, 0]).numpy(), atol=1e-12)


def test_more_steps_explain_more_of_the_logit(predictor: Predictor) -> None:
    base = predictor.members[0].model.gradient_model
    batch = base.collate(base.encode([TEXT]), np.zeros(1, dtype=np.int64))
    embedded = base.get_submodule("embedding")(batch.token_ids, batch.mask)

    def logits(points: Tensor, mask: Tensor) -> Tensor:
        scores: Tensor = base.head(base.get_submodule("encoder")(points, mask))
        return scores

    with torch.no_grad():
        whole = margin(logits(embedded, batch.mask), 0) - margin(logits(torch.zeros_like(embedded), batch.mask), 0)
    errors = [
        abs(float(whole) - integrated_gradients(logits, embedded, batch.mask, 0, steps).sum()) for steps in (1, 16, 128)
    ]
    assert errors[0] > errors[2]
    assert errors[1] < 0.02 * abs(float(whole)) + 0.02
    assert errors[2] < 1e-3 * abs(float(whole)) + 1e-3


def test_the_margin_of_several_classes_is_against_the_mean_of_the_others() -> None:
    logits = torch.tensor([[1.0, 2.0, 6.0]])
    assert margin(logits, 2).tolist() == [pytest.approx(4.5)]
    assert margin(logits[:, :2], 1).tolist() == [1.0]


def test_words_that_the_encoder_did_not_read_are_marked(predictor: Predictor) -> None:
    most = predictor.run.recipe.text.max_tokens
    found = only(predictor, "dull " * (most + 50))
    assert sum(token.read for token in found.tokens) == most
    assert 'class="unread"' in explanation_html(found) or all(token.contribution for token in found.tokens)


def test_entities_are_decoded_before_places_are_told(predictor: Predictor) -> None:
    found = only(predictor, "awful &amp; dull")
    assert found.text == "awful & dull"
    assert [token.text for token in found.tokens] == ["awful", "&", "dull"]


@pytest.mark.parametrize("text", ["", " ", "<br />"])
def test_a_text_without_words_is_all_base(predictor: Predictor, text: str) -> None:
    found = only(predictor, text)
    assert (found.tokens, found.base) == ((), pytest.approx(found.log_odds))


def test_a_kind_that_cannot_tell_is_explained_by_leaving_words_out(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_tell(self: TextModel, text: str, target: int) -> TokenContributions | None:
        return None

    monkeypatch.setattr(type(predictor.members[0].model), "contributions", cannot_tell)
    found = only(predictor, "An awful film.")
    assert found.method == "occlusion"
    assert [token.text for token in found.tokens] == ["An", "awful", "film", "."]
    assert found.top(1)[0].text == "awful"
    without_it = predictor.predict_proba(["An   film."])[0]
    chance = without_it[predictor.label_names.index(found.label)]
    assert found.top(1)[0].contribution == pytest.approx(found.log_odds - np.log(chance / (1 - chance)), abs=0.01)
    assert len(only(predictor, "awful " * 1000).tokens) <= 256


def test_something_that_is_no_text_is_refused(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="text 2 is not a string"):
        explain(predictor, ["good", 3])  # type: ignore[list-item]


@given(st.text(max_size=40), st.data())
def test_without_leaves_out_just_the_spans(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    removed = sum(end - start for start, end in spans)
    assert len(without(text, spans)) == len(text) - removed + len(spans)


def test_explanations_are_truer_than_words_drawn_at_random(predictor: Predictor) -> None:
    texts = [TEXT, "A superb film with a wonderful cast and a terrible title.", "Dull, long and boring, but well shot."]
    found = faithfulness(predictor, texts)
    assert found.texts == 3
    assert found.comprehensiveness["mean"] > found.random["mean"] + 0.1
    assert found.sufficiency["mean"] < found.random_sufficiency["mean"]
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    with pytest.raises(DataError, match="no text has words"):
        faithfulness(predictor, ["", "one"])


class Text(HTMLParser):
    """Collects the text of a page and the tags in it."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_holds_the_texts_and_nothing_that_runs_or_is_loaded(predictor: Predictor) -> None:
    hostile = 'A <script>alert(1)</script> & lovely "film" <img src=x onerror=alert(2)>'
    page = explanations_page(explain(predictor, [hostile, TEXT]))
    parsed = Text()
    parsed.feed(page)
    assert only(predictor, hostile).text in parsed.text
    assert TEXT in parsed.text
    assert not {"script", "img", "link", "iframe"} & parsed.tags
    assert "http" not in page
    assert 'class="for"' in page
    assert 'class="against"' in page


def run_explain(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sentrec", "explain", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_words_and_writes_a_page(tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    done = run_explain(TEXT, "--html", str(page))
    assert done.returncode == 0, done.stderr
    assert "awful" in done.stdout.partition("words:")[2]
    assert "awful" in page.read_text(encoding="utf-8")
    assert str(page) in done.stderr


def test_the_command_reads_files_up_to_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("review,stars\n" + "lovely,5\n" * 5, encoding="utf-8")
    done = run_explain(str(file), "--json", "--limit", "3")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in rows] == ["positive"] * 3
    assert rows[0]["tokens"][0]["text"] == "lovely"
    assert "first 3" in done.stderr


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), ("\n \n", "No row has a text")])
def test_the_command_says_that_there_is_nothing_to_explain(text: str, said: str) -> None:
    done = run_explain("-", text=text)
    assert done.returncode == 1
    assert said in done.stderr


def test_what_describes_a_file_is_refused_beside_texts() -> None:
    done = run_explain("an awful film", "--text-field", "review")
    assert done.returncode == 2
    assert "describe" in done.stderr


def test_predict_gives_reasons_on_request(tmp_path: Path) -> None:
    file, out = tmp_path / "reviews.csv", tmp_path / "answers.csv"
    file.write_text("review,reasons\nan awful film,none\nlovely lovely,some\n,\n", encoding="utf-8")
    command = [sys.executable, "-m", "sentrec", "predict", str(file), "--explain"]
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True, cwd=tmp_path)
    with out.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows[0]["reasons"] == "none"
    assert rows[0]["predicted_reasons"].startswith("awful +")
    assert rows[1]["predicted_reasons"].count("lovely") == 1
    told = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout
    assert max((first := json.loads(told.splitlines()[0]))["reasons"], key=first["reasons"].__getitem__) == "awful"


def test_evaluate_measures_explanations(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        "text,label\n" + "a lovely film and a superb cast,positive\nan awful dull film,negative\n" * 3, "utf-8"
    )
    command = [sys.executable, "-m", "sentrec", "evaluate", "starter", "--data", str(file), "--no-plots", "--json"]
    done = subprocess.run([*command, "--explanations", "4"], check=True, capture_output=True, text=True, cwd=tmp_path)
    measured = json.loads(done.stdout)["explanations"]
    assert measured["texts"] == 4
    assert measured["comprehensiveness"]["mean"] > measured["random"]["mean"]
