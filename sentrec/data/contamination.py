"""Contamination: texts that judge a model and that it, or a model that it learned from, has seen."""

import re
import unicodedata
from collections.abc import Collection, Iterable

_NOT_ALPHANUMERIC = bytes(code for code in range(128) if not chr(code).isalnum())


def normalized(text: str) -> bytes:
    """A text's letters and digits, lower-cased: what stays when somebody has changed spaces, punctuation or mark-up.

    A text without any letter or digit, such as an emoji, is taken as it is.
    """
    lower = text.lower()
    if lower.isascii():  # nearly all texts, and many times faster
        letters = lower.encode().translate(None, _NOT_ALPHANUMERIC)
    else:
        letters = "".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", lower))).encode()
    return letters or text.encode(errors="surrogatepass")


class SeenTexts:
    """Texts that a model has seen, as hashes of their normalized forms: a few bytes each."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._hashes = {hash(normalized(text)) for text in texts}

    def __contains__(self, text: str) -> bool:
        return hash(normalized(text)) in self._hashes

    def count(self, texts: Collection[str]) -> int:
        """How many of `texts` are among them, compared by their letters and digits, lower-cased."""
        return sum(text in self for text in texts)
