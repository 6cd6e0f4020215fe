"""The tokenizer splits as GloVe's training text was split, keeps what carries sentiment, and loses nothing."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sentrec.errors import RunError
from sentrec.text.tokenizer import (
    PADDING_ID,
    UNKNOWN_ID,
    build_tokenizer,
    clean_text,
    count_words,
    emoji_as_emoticons,
    load_tokenizer,
    with_vocabulary,
    words_of,
)

FOLDING = build_tokenizer(lowercase=True)
CASED = build_tokenizer(lowercase=False)

# Rust strings hold no half surrogate pairs; everything else that Unicode has is allowed.
any_text = st.text(st.characters(exclude_categories=["Cs"]))
PIECES = r"don't IT'S 8/10 ... .. :-) (8) <br U.S. Mr. n't ' _ a é e /> &amp; #39;s -- http://x 1,000.5 rock'n'roll"
UNSPACED = ("\u0301", "\u2019", "\u2026", "\u200d", "\ufe0f", "\U0001f44d\U0001f3fd", " ", "\t", "\n")
review_like = st.lists(st.sampled_from((*PIECES.split(), *UNSPACED))).map("".join)
EMOTICONS = ":) :-) :( :-( ;-) ;) :D :-D :P :/ :'( >:( :o) 8-) :-* =) =D <3 ^_^ ^^ :| :]"


def words(text: str, tokenizer: Tokenizer = FOLDING) -> list[str]:
    """The tokens of a text."""
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # words and clitics of the Penn Treebank
        ("I don't like it's end.", "i do n't like it 's end ."),
        ("can't won't shan't ain't", "ca n't wo n't sha n't ai n't"),
        ("We're they'd I'll I've I'm", "we 're they 'd i 'll i 've i 'm"),
        ("DON'T! IT'S", "do n't ! it 's"),
        ("wouldn't've", "would n't 've"),
        ("the dogs' dog's bowl", "the dogs ' dog 's bowl"),
        ("state-of-the-art sci-fi", "state-of-the-art sci-fi"),
        ("a 10-year-old's 20th-century mid-90s", "a 10-year-old 's 20th-century mid-90s"),
        ("O'Brien at five o'clock, l'amour", "o'brien at five o'clock , l'amour"),
        ("rock'n'roll, rock 'n' roll", "rock 'n' roll , rock 'n' roll"),
        ("beat 'em in the '80s", "beat 'em in the '80s"),
        ("AT&T plays R&B", "at&t plays r&b"),
        ("cannot gonna", "cannot gonna"),
        # numbers
        ("1,000.50 dollars, 50%", "1,000.50 dollars , 50 %"),
        ("$5.00 at 10:30pm", "$ 5.00 at 10:30 pm"),
        ("8/10, 8.5/10 and 1/2", "8/10 , 8.5/10 and 1/2"),
        ("the 3rd of 1984.", "the 3rd of 1984 ."),
        ("1980s 60's", "1980s 60 's"),
        ("2.5stars 5star", "2.5 stars 5star"),
        ("1-2", "1-2"),
        # abbreviations
        ("U.S. e.g. i.e. p.m. J.K. Rowling", "u.s. e.g. i.e. p.m. j.k. rowling"),
        ("Mr. Smith vs. Dr. No, etc.", "mr. smith vs. dr. no , etc."),
        ("the end. Start", "the end . start"),
        ("the end.Start", "the end . start"),
        ("Mr... what", "mr ... what"),
        # quotes, dashes and ellipses
        ("\u201cHi\u201d \u2018there\u2019 don\u2019t don\u00b4t", "\" hi \" ' there ' do n't do n't"),
        ("wait.. what... why...... \u2026 \u2026.", "wait ... what ... why ... ... ..."),
        ("a--b - c --- d \u2014 e", "a -- b - c -- d \u2014 e"),
        ("``quoted''", "`` quoted ''"),
        ("so good!!! really?!", "so good ! ! ! really ? !"),
        ("a _film_ *bold* snake_case", "a _ film _ * bold * snake _ case"),
        # HTML entities
        ("it #39;s don&#39;t", "it 's do n't"),
        ("&quot;A &amp; B&quot; &lt;b&gt;bold&lt;/b&gt;", '" a & b " bold'),
        ("quot;war quot;", '" war "'),
        ("the #1 film &co", "the # 1 film & co"),
        # scripts without spaces
        ("这部电影 good!", "这 部 电 影 good !"),
        ("日本語です。", "日 本 語 で す 。"),
        ("a電b 10分", "a 電 b 10 分"),
        ("ไม่ดี", "ไ ม ่ ด ี"),
    ],
)
def test_text_is_split_as_that_of_glove_was(text: str, expected: str) -> None:
    assert words(text) == expected.split()


@pytest.mark.parametrize("line_break", ["<br />", "<br>", "<BR/>", "<br /><br />", "<p>", '<a href="x y">', "</i>"])
def test_markup_separates_words_and_is_no_word(line_break: str) -> None:
    assert words(f"good{line_break}bad") == ["good", "bad"]


def test_what_is_not_markup_stays() -> None:
    assert words("a < b and c > d <3") == ["a", "<", "b", "and", "c", ">", "d", "<3"]


@pytest.mark.parametrize("emoticon", EMOTICONS.split())
def test_emoticons_are_tokens(emoticon: str) -> None:
    assert words(f"fine {emoticon} indeed") == ["fine", emoticon.lower(), "indeed"]
    assert words(f"fine {emoticon}.") == ["fine", emoticon.lower(), "."]


@pytest.mark.parametrize(
    "text", ["(8)", "10:30", "http://x", "foo:bar", "said:D", "(1:3)", "x<3", "a=b", "Director:Peter", "8)", "8:D"]
)
def test_emoticons_are_not_stolen_from_ordinary_text(text: str) -> None:
    emoticons = {"8)", ":/", ":d", ":p", ":3", "=b", "<3", "=3", ":b"}
    assert not emoticons & set(words(f"see {text} there"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("good\U0001f44dbad", ["good", "\U0001f44d", "bad"]),
        ("\U0001f44d\U0001f44d", ["\U0001f44d", "\U0001f44d"]),
        ("\U0001f44d\U0001f3fd \U0001f44d\U0001f3fb", ["\U0001f44d", "\U0001f44d"]),
        ("\u2764\ufe0f \u2764", ["\u2764", "\u2764"]),
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467", ["\U0001f469", "\U0001f469", "\U0001f467"]),
        ("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea", ["\U0001f1eb\U0001f1f7", "\U0001f1e9\U0001f1ea"]),
        ("1\ufe0f\u20e3 #\ufe0f\u20e3", ["1", "#"]),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", ["\U0001f3f4"]),
        ("\U0001f937\U0001f3fc\u200d\u2642\ufe0f", ["\U0001f937", "\u2642"]),
    ],
    ids=["inside", "repeated", "skin tones", "variant", "family", "flags", "keycaps", "tag sequence", "shrug"],
)
def test_an_emoji_is_one_known_token_whatever_shapes_it(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_other_scripts_and_accents_are_words() -> None:
    assert words("Café naïve мир हिन्दी 한국어") == ["café", "naïve", "мир", "हिन्दी", "한국어"]
    assert words("cafe\u0301") == ["caf\u00e9"], "accents are composed, as in GloVe"
    assert words("enter\u00adtainment \ufeffa\u200bb\x00c") == ["entertainment", "a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        f"can{mark}t"
        for mark in ("'", "&#8217;", "&#x2019;", "&rsquo;", "&amp;#8217;", "`", "\u2032", "\u02bc", "\uff07")
    ],
)
def test_negation_survives_entities_and_typographic_apostrophes(text: str) -> None:
    assert words(clean_text(text)) == ["ca", "n't"]
    assert count_words(FOLDING, [text]) == {"ca": 1, "n't": 1}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("AT&T &notify &copy; &nope; R&D;", "AT&T &notify © &nope; R&D;"),
        ("&eacute;t&eacute; &lt;br&gt; &amp;quot;", 'été <br> "'),
        ("``quoted'' `code` 5\u2032", "``quoted'' `code` 5\u2032"),
        ("&#xD800; &#0; &#9999999;", "\ufffd \ufffd \ufffd"),
    ],
)
def test_only_entities_and_marks_within_words_are_cleaned(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_a_saved_tokenizer_is_linear_too_and_what_is_none_is_refused() -> None:
    saved = with_vocabulary(FOLDING, ["_"]).to_str()
    rules = json.loads(saved)
    pattern = rules["pre_tokenizer"]["pattern"]
    lookahead = re.search(r"\(\?=([^()]+)\+'\[tT\]\)", pattern["Regex"])
    assert lookahead is not None
    pattern["Regex"] = pattern["Regex"].replace(lookahead[0], r"(?=\w+'[tT])")  # as it was in version 0.1.0
    older = json.dumps(rules)
    assert load_tokenizer(older.encode()).encode("_" * 100_000).ids == [2] * 100_000  # quadratic: minutes
    assert load_tokenizer(older.encode()).to_str() == load_tokenizer(saved.encode()).to_str()
    for broken in (b"", b"[]", b"{}", b"\xff", saved[:-9].encode()):
        with pytest.raises(RunError, match="cannot be read"):
            load_tokenizer(broken)


def test_case_is_folded_only_where_asked() -> None:
    assert words("Mr. Hitchcock DIDN'T", CASED) == ["Mr.", "Hitchcock", "DID", "N'T"]
    assert words("Mr. Hitchcock DIDN'T", FOLDING) == ["mr.", "hitchcock", "did", "n't"]


@given(any_text | review_like)
def test_tokens_are_neither_empty_nor_hold_white_space(text: str) -> None:
    for tokenizer in (FOLDING, CASED):
        assert all(word and not any(character.isspace() for character in word) for word in words(text, tokenizer))


def _is_dropped(character: str) -> bool:
    """White space, control and invisible characters, and what only shapes the sign before it."""
    shapes_another = character in "\ufe0e\ufe0f\u20e3" or "\U0001f3fb" <= character <= "\U0001f3ff"
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf") or shapes_another


@given(any_text | review_like)
def test_only_separators_are_lost(text: str) -> None:
    normalized = FOLDING.normalizer.normalize_str(text)
    kept = [character for character in normalized if not _is_dropped(character)]
    assert [character for word in words(text) for character in word if not _is_dropped(character)] == kept


@given(any_text | review_like)
def test_tokens_set_apart_by_spaces_are_found_again(text: str) -> None:
    once = words(text)
    assert words(" ".join(once)) == once


@given(st.lists(review_like | any_text, max_size=8))
def test_counting_by_chunks_equals_counting_every_token(texts: list[str]) -> None:
    expected: dict[str, int] = {}
    for text in texts:
        for word in words(clean_text(text)):
            expected[word] = expected.get(word, 0) + 1
    counts = count_words(FOLDING, texts)
    assert counts == expected
    assert list(counts) == sorted(counts, key=lambda word: (-counts[word], word))


@given(review_like)
def test_encoding_finds_the_very_tokens_that_were_counted(text: str) -> None:
    known = with_vocabulary(FOLDING, list(count_words(FOLDING, [text])))
    text = clean_text(text)  # as every text is before it is encoded
    assert known.encode(text, add_special_tokens=False).tokens == words(text)


def test_ids_follow_the_vocabulary_and_survive_the_file() -> None:
    tokenizer = with_vocabulary(FOLDING, ["film", "good"])
    assert words_of(tokenizer) == ["<pad>", "<unk>", "film", "good"]
    reread: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
    for one in (tokenizer, reread):
        assert one.encode("A GOOD film").ids == [UNKNOWN_ID, 3, 2]
    assert PADDING_ID == 0


@pytest.mark.timeout(120)  # linear: far below a second; quadratic: minutes
@pytest.mark.parametrize(
    "unit",
    ["a", "a-", "'", "a'", ".", "a.", ":", "8/", "<", "&", "\u2026", "n't", f"{'a' * 40}'t", "_", "a_", "\u4e2d"],
)
def test_no_text_makes_it_slow(unit: str) -> None:
    assert words(unit * (600_000 // len(unit)))


def tokens(text: str, vocabulary: list[str]) -> list[str]:
    return list(with_vocabulary(FOLDING, vocabulary).encode(text).tokens)


def test_unknown_emoji_become_known_emoticons() -> None:
    known = ["fine", ":)", ":("]
    assert tokens("Fine😍", known) == ["fine", ":)"]
    assert tokens("fine 😡😡", known) == ["fine", ":(", ":("]
    assert tokens("fine ❤️", known) == ["fine", ":)"]


def test_known_emoji_and_those_without_a_mood_stay() -> None:
    assert tokens("fine 😡", ["fine", "😡", ":("]) == ["fine", "😡"]
    assert tokens("fine 🚗", ["fine", ":)"]) == ["fine", "<unk>"]


def test_nothing_is_replaced_by_what_is_unknown_itself() -> None:
    assert emoji_as_emoticons(["fine"]) == []
    assert tokens("fine 😍", ["fine"]) == ["fine", "<unk>"]
