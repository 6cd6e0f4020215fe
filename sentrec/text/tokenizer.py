"""A tokenizer that splits text the way GloVe's training text was split.

GloVe was trained on text from the Stanford tokenizer, which follows the Penn Treebank (Marcus et al. 1993): clitics
stand alone (``do n't``, ``it 's``), punctuation is kept, hyphenated words stay whole. Emoticons and emoji are tokens of
their own as well, since they carry sentiment.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from sentrec.errors import RunError

PADDING = "<pad>"
UNKNOWN = "<unk>"
PADDING_ID = 0
UNKNOWN_ID = 1
SPECIAL_TOKENS = (PADDING, UNKNOWN)

_TAG = r"(?i)</?(?:a|b|br|div|em|font|h\d|hr|i|img|li|p|span|strong|table|td|tr|u|ul)(?:\s[^<>]*)?/?>"

# Each line is a pass over the text: one that begins with a rare sign is several times cheaper than a character class.
# What may reach across white space, as tags and "it #39;s" do, must be known to `chunks_of`, too.
_NORMALIZED = (
    (r"(?:&| |)#0?39;", "'"),  # AG News lost the ampersand of its entities, and writes "it #39;s"
    ("&apos;", "'"),
    ("&?quot;", '"'),
    ("&?nbsp;", " "),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&amp;", "&"),
    (_TAG, " "),
    (r"\u2018|\u2019|\u201b|\u02bc", "'"),
    ("\u00b4", "'"),
    (r"\u201c|\u201d|\u201e", '"'),
    ("\u00ad", ""),
    (r"(?:\u2026|\.\.)[\u2026.]*", "..."),
    ("-{3,}", "--"),
)

GLAD = "😀😃😄😁😆😂🤣😊😍🥰😘😇🤩😻👍👏🙌🎉💯❤♥💕💖💙💚💛💜🧡🖤💓💗💘💞🔥⭐🌟✨🏆🥳😎🤗👌🙂☺😋😉💪"
SAD = "😡😠🤬😤😞😟😢😩😫😣😖😒🙄😑😐🙁☹😕😔🤮🤢👎💩💔🥱😴😪🤦"
"""Emoji of a clear mood: reviews from before there were any teach a model ``:)`` and ``:(`` but no emoji."""

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[`\u2032\uff07](?=[^\W\d_])")

_SPACE_BEFORE_APOSTROPHE = re.compile("(?<!&) (?=#0?39[;\u037e])")  # NFC makes the Greek question mark a semicolon
_ASCII_TAG = re.compile(_TAG, re.ASCII)
_CHANGES_TAGS = re.compile("&lt|&gt|quot|nbsp|#0?39|\u0338")  # U+0338 after a bracket is another sign than a bracket

# Tokens are separated by what is in none of them: white space, control and invisible characters, and what only shapes
# the sign before it (variant selectors, keycaps, skin tones).
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no spaces between words: each of their characters is a token, and n-grams of them are words."""
_LETTER = rf"[^\W_\ufe0e\ufe0f\u20e3{_UNSPACED}]"
_WORD = f"{_LETTER}+"
_BEGIN, _END = f"(?<!{_LETTER})", f"(?!{_LETTER})"
_SIGN = r"[^\s\w\p{Cc}\p{Cf}\x{1f3fb}-\x{1f3ff}]|_"
_TITLE = "mr|mrs|ms|dr|st|jr|sr|vs|prof|etc|inc|corp|co|ltd|gov|sen|gen|lt|capt|sgt|rev"
TOKEN = "|".join(
    (
        rf"[\p{{L}}&&[^{_UNSPACED}]]+(?=[\s,!?;)])",  # a plain word, first because it is what most text consists of
        rf"(?=[<>:;=8^]){_BEGIN}(?:[<>]?(?:[:;=][-o*^']?|8-)[)(\]\[dDpPoO/\\|}}{{@*3]|<3|\^_?\^){_END}",  # emoticon
        r"[\x{1f1e6}-\x{1f1ff}]{2}|\p{Extended_Pictographic}",  # flag, or another emoji
        rf"{_BEGIN}(?=\w{{2,4}}\.)(?i:{_TITLE})\.(?!\.)",
        rf"{_BEGIN}(?:\p{{L}}\.){{2,}}",  # u.s.
        rf"(?={_WORD}'[tT]){_WORD}?(?=[nN]'[tT]{_END})|[nN]'[tT]{_END}|'(?i:s|m|d|ll|re|ve){_END}",  # do + n't, it + 's
        rf"'[nN]'|{_BEGIN}'(?:(?i:em|til|cause|twas)|\d0s){_END}",  # rock 'n' roll, beat 'em, the '80s
        r"\d+(?:[.,:/]\d+)+",  # 1,000.50 and 10:30 and 8/10
        rf"{_WORD}(?:[-&]{_WORD}|'(?!(?i:s|m|d|ll|re|ve|t){_END}|[nN]'){_WORD})*",  # sci-fi, at&t, o'clock
        rf"\.{{3}}|--|''|``|[{_UNSPACED}]|{_SIGN}",
    )
)
TITLES = frozenset(_TITLE.split("|"))
PLAIN_MARKS = (
    "",
    *'.,!?:)"',
    *(f"{first}{second}" for first in ')"' for second in ".,!?:"),
    *map('{}"'.format, ".,!?"),
)
_ANY_MARK = "|".join(map(re.escape, reversed(PLAIN_MARKS)))
PLAIN_CHUNK = re.compile(rf"""(["(]?)([A-Za-z]+(?:-[A-Za-z]+)*)({_ANY_MARK})""")
"""A part between white space that these rules split into signs, a word of plain letters, and signs, whatever stands
around it; but for titles, whose full stop is a part of them."""

_QUADRATIC, _LINEAR = r"(?=\w+'[tT])", rf"(?={_WORD}'[tT])"
"""A part of the rules as it was until 0.1.0, which takes quadratic time on underscores, and its equivalent."""


def clean_text(text: str) -> str:
    """Decodes HTML entities, also those that were encoded twice; a back-tick or prime within a word is an apostrophe.

    Every text is cleaned before it is tokenized, in training as in scoring. What the file of a tokenizer can express is
    among its normalizers instead.
    """
    if "&" in text:
        for _ in range(2):
            text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if "`" in text or (not text.isascii() and ("\u2032" in text or "\uff07" in text)):
        text = _APOSTROPHE.sub("'", text)
    return text


def load_tokenizer(saved: bytes) -> Tokenizer:
    """The tokenizer of a saved run; a `RunError` if it is none."""
    try:
        # Replaced in the JSON text: to parse a vocabulary twice would take a tenth of the time of a first answer.
        old, new = (json.dumps(rule)[1:-1].encode() for rule in (_QUADRATIC, _LINEAR))
        tokenizer: Tokenizer = Tokenizer.from_buffer(saved.replace(old, new))
    # The library raises nothing more special.
    except Exception as error:
        raise RunError(
            f"The tokenizer of the run cannot be read: {error}.", "Train or export the run again."
        ) from error
    return tokenizer


def build_tokenizer(lowercase: bool) -> Tokenizer:
    """A tokenizer with these rules and no words yet.

    `lowercase` folds case, as for every published GloVe set but 840B.
    """
    tokenizer = Tokenizer(models.WordLevel({PADDING: PADDING_ID, UNKNOWN: UNKNOWN_ID}, unk_token=UNKNOWN))
    steps: list[normalizers.Normalizer] = [normalizers.NFC()]
    steps += [normalizers.Replace(Regex(pattern), content) for pattern, content in _NORMALIZED]
    if lowercase:
        steps.append(normalizers.Lowercase())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), behavior="removed", invert=True)
    return tokenizer


def with_vocabulary(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """The same rules with `words` as the vocabulary, numbered from 2; other emoji become emoticons of their mood."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL_TOKENS, *words))}
    result: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
    result.model = models.WordLevel(vocabulary, unk_token=UNKNOWN)
    result.normalizer = normalizers.Sequence([tokenizer.normalizer, *emoji_as_emoticons(vocabulary)])
    return result


def emoji_as_emoticons(words: Collection[str]) -> list[normalizers.Normalizer]:
    """The steps of a tokenizer that write emoji as emoticons: those that are no words of it, as words that are."""
    steps: list[normalizers.Normalizer] = []
    for emoji, emoticon in ((GLAD, ":)"), (SAD, ":(")):
        unknown = [mark for mark in emoji if mark not in words]
        if emoticon in words and unknown:
            steps.append(normalizers.Replace(Regex("|".join(unknown)), f" {emoticon} "))
    return steps


def count_words(tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, int]:
    """How often each word occurs in `texts`: the most frequent first, ties by the alphabet."""
    # No token crosses white space, so each distinct chunk between spaces is split only once.
    chunks: Counter[str] = Counter()
    for text in texts:
        chunks.update(tokenizer.normalizer.normalize_str(clean_text(text)).split())
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(chunk):
            words[word] += count
    return dict(sorted(words.items(), key=lambda item: (-item[1], item[0])))


def spaced(text: str) -> str | None:
    """A text whose parts between white space have, one after another, the tokens of the text.

    Most parts of most texts have been met before; `sentrec.text.encoding` splits each only once. None for the few texts
    whose markup is more than plain tags: their tokens must be found as a whole.
    """
    if "<" in text:
        if _CHANGES_TAGS.search(text):
            return None
        text = _ASCII_TAG.sub(" ", text)
        return None if "<" in text and not text.isascii() else text
    if "&lt" in text:
        return None
    return _SPACE_BEFORE_APOSTROPHE.sub("", text) if " #" in text else text


def words_of(tokenizer: Tokenizer) -> list[str]:
    """The tokenizer's vocabulary in the order of its ids, special tokens included."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


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
