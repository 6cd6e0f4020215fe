"""A ranking for programs, as JSON lines and CSV, and for people: one web page that needs nothing else.

The page has no script, font or picture from elsewhere.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from sentrec.data.writers import harmless
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.recommend.quotes import Quote
    from sentrec.recommend.ranking import RankedItem

_COLUMNS = (
    "rank",
    "movie",
    "title",
    "year",
    "genres",
    "reviews",
    "duplicates",
    "mean",
    "share_positive",
    "score",
    "expected",
    "low",
    "high",
    "mean_rating",
    "similarity",
    "from_prior",
    "prior_weight",
    "words",
    "positive_quote",
    "negative_quote",
)


def to_json_lines(items: "Sequence[RankedItem]") -> str:
    """One JSON object an item and line."""
    return "".join(to_json(item.to_dict()) + "\n" for item in items)


def to_json(value: Any) -> str:
    """One line of JSON that can be written as UTF-8: half a surrogate pair has the rest escaped too."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return line


def to_csv(items: "Sequence[RankedItem]", safe: bool = True) -> str:
    """A header, then one row an item; genres separated by ``|``, of the quotes only their text, on one line.

    `safe` puts an apostrophe before text that a spreadsheet would run as a formula (CWE-1236).
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for item in items:
        quotes = {f"{side}_quote": " ".join(quote.text.split()) for side, quote in item.quotes.items() if quote}
        words = "; ".join(f"{word} {value:+.2f}" for word, value in item.words.items())
        row = item.to_dict() | {"genres": "|".join(item.genres), "words": words} | quotes
        writer.writerow({name: harmless(value) for name, value in row.items()} if safe else row)
    return buffer.getvalue().encode("utf-8", "backslashreplace").decode()


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #667080; --line: #e2e6ec; --back: #ffffff;
  --bar: #2f7d5b; --band: #b9dccb; --track: #eef1f5; --bad: #b4473a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #98a2b1; --line: #2c323c; --back: #14171c;
  --bar: #5dbb90; --band: #2c5a46; --track: #20252d; --bad: #e58575; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 54rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
h2 small, .soft, footer { color: var(--soft); font-weight: 400; font-size: .875rem; }
ol { list-style: none; margin: 1.5rem 0; padding: 0; }
li { display: grid; grid-template-columns: 2.5rem minmax(0, 1fr); gap: 0 .5rem; padding: 1rem 0;
  border-top: 1px solid var(--line); }
.rank { font-size: 1.25rem; font-weight: 600; color: var(--soft); text-align: right; padding-right: .5rem; }
.bar { position: relative; height: .75rem; margin: 1.5rem 0 .25rem; background: var(--track); border-radius: .375rem; }
.band, .mark { position: absolute; top: 0; bottom: 0; border-radius: .375rem; }
.band { background: var(--band); min-width: 2px; }
.mark { width: 3px; margin-left: -1.5px; background: var(--bar); }
.score { position: absolute; bottom: 100%; transform: translateX(-50%); font-size: .8rem; }
.axis { position: relative; height: 1.1rem; font-size: .7rem; }
.axis span { position: absolute; transform: translateX(-50%); }
.legend .bar { display: inline-block; width: 6rem; vertical-align: middle; margin: 0 .5rem 0 0; }
.facts { display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
.facts b { font-variant-numeric: tabular-nums; color: var(--ink); }
blockquote { margin: .5rem 0 0; padding: 0 0 0 .75rem; border-left: 3px solid var(--bar); overflow-wrap: anywhere; }
blockquote.negative { border-color: var(--bad); }
footer { border-top: 1px solid var(--line); padding-top: 1rem; }
"""


def to_page(items: "Sequence[RankedItem]", summary: Mapping[str, Any], title: str = "What people like") -> str:
    """The ranking, with the counts of `Recommendation.summary`, as an HTML document; all from reviews is escaped."""
    counts = f"{counted(summary['reviews'], 'review')} of {counted(summary['items'], 'item')}"
    if len(items) < summary["items"]:
        counts += f", {len(items):,} of them shown"
    left_out = [f"{counted(summary[name], one)} {what}" for name, one, what in _LEFT_OUT if summary[name]]
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="soft">{"; ".join([counts, *left_out])}</p>\n'
        f"{_LEGEND}<ol>\n{''.join(map(_item_html, items))}</ol>\n"
        f"<footer>{_FOOTER}{_QUOTES if any(any(item.quotes.values()) for item in items) else ''}</footer>\n"
        "</body>\n</html>\n"
    )
    return page.encode("utf-8", "replace").decode()


_LEFT_OUT = (("duplicates", "exact repetition", "counted once"), ("rejected", "row", "left out"))
_AXIS = "".join(f'<span style="left: {at}%">{at / 100:g}</span>' for at in (0, 25, 50, 75, 100))
_LEGEND = (
    '<div class="legend soft"><div class="bar"><div class="band" style="left: 55%; width: 30%"></div>'
    '<div class="mark" style="left: 70%"></div></div> mark and number: score; band: its 95 % interval</div>\n'
)
_FOOTER = (
    "The score, 0 to 1, is how positive the mean of many more reviews of the item would be expected to be, with its "
    "95 % interval (a hierarchical Bayesian model of items)."
)
_QUOTES = (
    " Quotes are the sentences that the model finds most positive (+) in praising reviews and most negative "
    "(\N{MINUS SIGN}) in others; where it is not sure of any, there is none."
)


def _item_html(item: "RankedItem") -> str:
    about = ", ".join([*([str(item.year)] if item.year else []), *item.genres])
    facts = {"reviews": f"{item.reviews:,}"}
    if item.mean is not None and item.share_positive is not None:
        facts = {"mean": f"{item.mean:.3f}", "positive": f"{item.share_positive:.0%}"} | facts
    if item.mean_rating is not None:
        facts["stars"] = f"{item.mean_rating:.1f}"
    if item.similarity is not None:
        facts["similarity"] = f"{item.similarity:.2f}"
    if item.from_prior is not None:
        facts["of the score, metadata"] = f"{item.from_prior:+.3f}"
    if item.words:
        facts["words"] = escape(", ".join(f"{value:+.1f} {word}" for word, value in item.words.items()))
    shown = "".join(f"<span>{name} <b>{value}</b></span>" for name, value in facts.items())
    band = f"left: {100 * item.low:.1f}%; width: {100 * (item.high - item.low):.1f}%"
    label = f"expected {item.score:.3f}, 95 % interval {item.low:.3f} to {item.high:.3f}"
    return (
        f'<li><div class="rank">{item.rank}</div><div>\n'
        f"<h2>{escape(item.title or item.movie)} <small>{escape(about)}</small></h2>\n"
        f'<div class="bar" role="img" aria-label="{label}" title="{label}">'
        f'<div class="band" style="{band}"></div>'
        f'<div class="mark" style="left: {100 * item.score:.1f}%"></div>'
        f'<b class="score" style="left: {100 * item.score:.1f}%">{item.score:.3f}</b></div>\n'
        f'<div class="axis soft" aria-hidden="true">{_AXIS}</div>\n'
        f'<div class="facts soft">{shown}</div>\n'
        f"{''.join(_quote(side, quote) for side, quote in item.quotes.items() if quote)}</div></li>\n"
    )


def _quote(side: str, quote: "Quote") -> str:
    source = f"review {quote.review}, characters {quote.start} to {quote.end}; probability {quote.probability:.3f}"
    sign = "+" if side == "positive" else "\N{MINUS SIGN}"
    return f'<blockquote class="{side}" title="{escape(source)}"><b>{sign}</b> {escape(quote.text)}</blockquote>\n'
