"""A small corpus of invented film reviews, for a first try without network.

`sentrec.quickstart.generate` made it: the films are real, every opinion of them is invented. Each row has ``movie``,
``text``, ``label`` (``negative`` or ``positive``) and ``rating`` (1 to 10; 6 and above is positive).
"""

from pathlib import Path

SPLITS = ("train", "test")
LABEL_NAMES = ("negative", "positive")


def corpus_file(split: str) -> Path:
    """The JSON lines file of a split.

    Args:
        split: ``train`` or ``test``.

    Raises:
        ValueError: If there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"the quickstart corpus has the splits {', '.join(SPLITS)}; not '{split}'")
    return Path(__file__).with_name(f"{split}.jsonl")
