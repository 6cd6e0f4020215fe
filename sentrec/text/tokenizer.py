"""A tokenizer that splits text the way GloVe's training text was split.

GloVe was trained on text from the Stanford tokenizer, which follows the Penn Treebank (Marcus et al. 1993): clitics
stand alone (``do n't``, ``it 's``), punctuation is kept, hyphenated words stay whole. Emoticons and emoji are tokens of
their own as well, since they carry sentiment.
"""

from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

PADDING = "<pad>"
UNKNOWN = "<unk>"
PADDING_ID = 0
UNKNOWN_ID = 1
SPECIAL_TOKENS = (PADDING, UNKNOWN)

RULES_VERSION = 1
"""Counts changes of the rules below; part of every cache key, so that no stale encoding is ever used."""

_EMOTICON = r"(?<![\w])(?:[<>]?[:;=8][-o*^']?[)(\]\[dDpPoO/\\|}{@*3]|[xX][-]?[dD]|<3|\^_?\^)(?![\w])"
_EMOJI = r"\p{Extended_Pictographic}"
_CLITIC = r"\w+?(?=n't\b)|n't\b|'(?:s|m|d|ll|re|ve)\b"
_NUMBER = r"\d+(?:[.,:]\d+)*(?:st|nd|rd|th|s)?\b"
_ABBREVIATION = r"\b(?:\p{L}\.){2,}"
_WORD = r"\w+(?:[-&'](?!(?:s|m|d|ll|re|ve|t)\b)\w+)*"
_PUNCTUATION = r"\.{2,}|-{2,}|''|``|[^\s\w]"
_TOKEN = "|".join((_EMOTICON, _EMOJI, _ABBREVIATION, _CLITIC, _NUMBER, _WORD, _PUNCTUATION))


def build_tokenizer(lowercase: bool) -> Tokenizer:
    """A tokenizer with these rules and no words yet.

    Args:
        lowercase: Whether to fold case, as for every published GloVe set but 840B.

    Returns:
        A word-level tokenizer whose vocabulary holds only the special tokens.
    """
    tokenizer = Tokenizer(models.WordLevel({PADDING: PADDING_ID, UNKNOWN: UNKNOWN_ID}, unk_token=UNKNOWN))
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(Regex(r"<br\s*/?>"), " "),
        normalizers.Replace(Regex(r"[\u2018\u2019\u02bc]"), "'"),
        normalizers.Replace(Regex(r"[\u201c\u201d]"), '"'),
        normalizers.Replace("\u2026", "..."),
        normalizers.Replace(Regex(r"[\ufe0f\u200d\p{Cc}]"), " "),
    ]
    if lowercase:
        steps.append(normalizers.Lowercase())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), behavior="removed", invert=True)
    return tokenizer


def with_vocabulary(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """The same rules with `words` as the vocabulary, numbered from 2 in their order."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL_TOKENS, *words))}
    result: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
    result.model = models.WordLevel(vocabulary, unk_token=UNKNOWN)
    return result


def count_words(tokenizer: Tokenizer, texts: Iterable[str], min_frequency: int) -> list[str]:
    """The words that occur at least `min_frequency` times in `texts`, the most frequent first, ties by the alphabet."""
    counter = Tokenizer.from_str(tokenizer.to_str())
    # The trainer counts in parallel; a limit far above any vocabulary keeps all words.
    trainer = trainers.WordLevelTrainer(vocab_size=2**31, min_frequency=min_frequency, show_progress=False)
    counter.train_from_iterator(texts, trainer)
    vocabulary: dict[str, int] = counter.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def words_of(tokenizer: Tokenizer) -> list[str]:
    """The tokenizer's vocabulary in the order of its ids, special tokens included."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)
