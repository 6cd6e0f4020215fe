"""Why a model says what it says: what each word and sentence of a text adds, and how far that can be believed."""

from sentrec.explain.explanation import Explanation, Span, Token, explain
from sentrec.explain.page import explanation_html, explanations_page

__all__ = ["Explanation", "Span", "Token", "explain", "explanation_html", "explanations_page"]
