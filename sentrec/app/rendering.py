"""Pieces of HTML of the page, with everything that came from users escaped, and the reports of runs."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from sentrec.errors import RunError
from sentrec.explain import Explanation
from sentrec.explain.page import KEY, marked_html
from sentrec.explain.page import STYLE as MARKS_STYLE
from sentrec.export.known import card_text_of, known_models
from sentrec.files.parse import read_text
from sentrec.inference.prediction import Prediction
from sentrec.recommend.ranking import RankedItem
from sentrec.recommend.ratings.lists import RecommendedFilm
from sentrec.runs.directory import RUNS

STYLE = (
    MARKS_STYLE
    + """
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap: 1rem; }
.answer { border: 1px solid var(--border-color-primary); border-radius: .5rem; padding: .75rem 1rem; min-width: 0; }
.answer h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
.class { display: grid; grid-template-columns: 6rem 1fr 3.5rem; gap: .5rem; align-items: center; }
.class span { overflow-wrap: anywhere; } .class b { text-align: right; font-variant-numeric: tabular-nums; }
.class div { height: .8rem; border-radius: .4rem; background: var(--border-color-primary); }
.class i { display: block; height: 100%; border-radius: .4rem; background: var(--body-text-color-subdued); }
.class.first { font-weight: 600; } .class.first i { background: #2f7d5b; }
.quotes blockquote { border-left: 3px solid #2f7d5b; margin: .5rem 0; padding-left: .75rem; overflow-wrap: anywhere; }
.quotes blockquote.negative { border-color: #b4473a; }
.report table { display: block; overflow-x: auto; }
.report :is(th, td) { overflow-wrap: normal !important; word-break: normal !important; padding: .25rem .6rem; }
.ranking { width: 100%; height: 75vh; border: 1px solid var(--border-color-primary); border-radius: .5rem; }
.answer ol { list-style: none; margin: .5rem 0 0; padding: 0; font-size: .9rem; overflow-wrap: anywhere; }
.answer p.text { margin: .5rem 0 0; } p.key { margin: .5rem 0; }
.films li { margin: .5rem 0; overflow-wrap: anywhere; }
.plots img { max-width: 100%; height: auto; background: #fff; }
"""
)


def answers(predictions: Mapping[str, Prediction], explanations: Mapping[str, Explanation]) -> str:
    """What each model says of a text and why, by its name: bars of the classes, words and sentences that decided."""
    cards = (
        f'<section class="answer"><h3>{escape(name)}</h3>{_bars(one)}{_reasons(explanations[name])}</section>'
        for name, one in predictions.items()
    )
    return f'<div class="answers">{"".join(cards)}</div><p class="key">{KEY}</p>'


def _reasons(explanation: Explanation) -> str:
    """The text with its words marked; of several sentences, what each adds."""
    several = explanation.sentences if len(explanation.sentences) > 1 else ()
    rows = (f"<li><b>{one.contribution:+.2f}</b> {escape(one.text)}</li>" for one in several)
    return f"{marked_html(explanation)}<ol>{''.join(rows)}</ol>"


def _bars(prediction: Prediction) -> str:
    rows = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])
    bars = "".join(
        f'<div class="class{" first" * (label == prediction.label)}"><span>{escape(label)}</span>'
        f'<div role="img" aria-label="{share:.1%}"><i style="width: {share:.1%}"></i></div><b>{share:.1%}</b></div>'
        for label, share in rows
    )
    beside = [] if prediction.stars is None else [f"{prediction.stars:.1f} of 5 stars"]
    beside += ["unsure"] if prediction.is_unsure else []
    return bars + (f"<p>{', '.join(beside)}</p>" if beside else "")


def quotes(item: RankedItem) -> str:
    """The sentences that speak most for and against an item."""
    signs = {"positive": "+", "negative": "\N{MINUS SIGN}"}
    found = [(side, quote.text) for side, quote in item.quotes.items() if quote]
    quotes = "".join(
        f'<blockquote class="{side}"><b>{signs[side]}</b> {escape(text)}</blockquote>' for side, text in found
    )
    return f'<div class="quotes"><h3>{escape(item.title or item.movie)}</h3>{quotes or "<p>No quotes.</p>"}</div>'


def films(found: Sequence[RecommendedFilm]) -> str:
    """Recommended films, each with the summands of its score."""
    return f'<ol class="films">{"".join(map(_film, found))}</ol>'


def _film(film: RecommendedFilm) -> str:
    about = ", ".join([*([str(film.year)] if film.year else []), *film.genres])
    stars = "" if film.stars is None else f"<br>expected stars {film.stars:.1f}"
    because = ", ".join(f"{escape(name)} {share:+.2f}" for name, share in film.because.items())
    return f"<li><b>{escape(film.title)}</b> {escape(about)}{stars}<br><small>because of {because}</small></li>"


def frame(page: str) -> str:
    """A whole page within the page: it runs no script and reaches nothing."""
    return f'<iframe class="ranking" title="Ranking" sandbox srcdoc="{escape(page)}"></iframe>'


def plots(files: Sequence[Path]) -> str:
    """Pictures with their names, within the page itself."""
    return f'<div class="plots">{"".join(map(_plot, files))}</div>'


def _plot(file: Path) -> str:
    image = base64.b64encode(file.read_bytes()).decode()
    name = escape(file.stem.replace("_", " ").replace("-", " "))
    return f'<figure><img alt="{name}" src="data:image/png;base64,{image}"><figcaption>{name}</figcaption></figure>'


_REPORT = "report.md"
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)\n*")


def report_names(folder: Path = Path(RUNS)) -> list[str]:
    """The models that come with sentrec, the finished runs of a folder, and the studies in it that have a report."""
    studies = sorted(str(path.parent) for path in folder.glob(f"*/{_REPORT}"))
    return [*(model.name for model in known_models(folder)), *studies]


def report_of(name: str, folder: Path = Path(RUNS)) -> tuple[str, list[Path]]:
    """A report as Markdown, and its plots; a `RunError` if it is none of `report_names`, or cannot be read."""
    if name not in report_names(folder):
        raise RunError("There is no such report.")
    path = Path(name)
    report = path / _REPORT
    # The plots stand below: a page cannot reach files beside the report.
    text = _PICTURE.sub("", read_text(report, RunError)) if report.is_file() else card_text_of(name)
    return text, sorted(path.glob("*.png")) + sorted(path.glob("evaluation/**/*.png")) if path.is_dir() else []
