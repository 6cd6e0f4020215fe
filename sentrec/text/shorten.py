"""Over-long texts: a model reads the first or last few hundred tokens, so nobody need hold the middle of megabytes."""

LONGEST_TEXT = 100_000
"""Characters of a text that are read; of a longer one, half of them from either end."""
CHUNK_CHARACTERS = 1 << 24
"""A chunk ends also when its texts are this long together: what bounds memory, whatever the reviews are like."""


def shortened(text: str) -> str:
    """Both ends of a text beyond `LONGEST_TEXT` characters; any other as it is."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} {text[-half:]}"
