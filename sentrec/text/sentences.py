"""Where the sentences of a text begin and end."""

import re
from collections.abc import Iterator
from itertools import chain

_BORDER = re.compile(
    r"""(?:<br\s*/?>\s*)+|[\r\n]+                             # a new line
    |(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bvs\.)
    (?<=[.!?…"')\]])(?<![\w,;:]["')\]])\s+(?=["'(\[]?[^\Wa-z_]|[^\w\s])   # the end of a sentence, then a new one""",
    re.VERBOSE,
)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a text begins and ends, in characters; without surrounding white space."""
    start = 0
    for border in chain(_BORDER.finditer(text), (None,)):
        end = border.start() if border else len(text)
        stripped = text[start:end].strip()
        if stripped:
            begin = start + text[start:end].index(stripped)
            yield begin, begin + len(stripped)
        start = border.end() if border else end
