"""Explanations as HTML: every word on a ground that says how much it adds, marked by more than its colour."""

import re
from collections.abc import Sequence
from html import escape

from sentrec.explain.explanation import Explanation, Token

STYLE = """
.for{text-decoration:underline solid 2px #1c5cab;text-underline-offset:3px}
.against{text-decoration:underline wavy 2px #b8560b;text-underline-offset:3px}
.unread{opacity:.55}p.text{overflow-wrap:anywhere}.key{opacity:.8;font-size:.9rem}
"""
"""What `explanation_html` relies on."""
KEY = (
    'Underlined words <span class="for">speak for the label</span>, words with a wavy line '
    '<span class="against">against it</span>; the darker the ground, the more. Pale words were not read by the '
    "encoder."
)
_BREAKS = re.compile(r"(?:&lt;br\s*/?&gt;\s*)+", re.IGNORECASE)
_PAGE_STYLE = """
body{font:16px/1.7 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
article{border-top:1px solid #ccc;padding:1rem 0}h2{font-size:1.05rem;margin:.2rem 0}
"""


def explanation_html(explanation: Explanation) -> str:
    """One explanation as a piece of HTML without scripts; it relies on `STYLE`."""
    head = f"{escape(explanation.label)} {explanation.probability:.1%}"
    return f"<article><h2>{head}</h2>{marked_html(explanation)}</article>"


def marked_html(explanation: Explanation) -> str:
    """The text of an explanation with its words marked; it relies on `STYLE`, too."""
    parts, place = [], 0
    for token, share in explanation.shares():
        parts += [_between(explanation.text[place : token.start]), _marked(token, share)]
        place = max(place, token.end)
    parts.append(_between(explanation.text[place:]))
    return f'<p class="text">{"".join(parts)}</p>'


def explanations_page(explanations: Sequence[Explanation], title: str = "Why the model says so") -> str:
    """A whole page: no script, no font, nothing from elsewhere."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}{_PAGE_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="key">{KEY}</p>{"".join(map(explanation_html, explanations))}</body></html>\n'
    )


def _between(text: str) -> str:
    """What stands between words; a new line where reviews from web pages have that of HTML."""
    return _BREAKS.sub("<br>", escape(text))


def _marked(token: Token, share: float) -> str:
    text = escape(token.text)
    if not share:
        return text if token.read else f'<span class="unread">{text}</span>'
    # Neither green nor red: what speaks for a negative label is no praise.
    side, ground = ("for", "45,120,220") if share > 0 else ("against", "240,140,20")
    style = f"background:rgba({ground},{abs(share) * 0.6:.2f})"
    return f'<span class="{side}" style="{style}" title="{token.contribution:+.2f}">{text}</span>'
