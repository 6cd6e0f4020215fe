"""An emoji that the vocabulary lacks is read as the emoticon of its mood; one that it has stays."""

from sentrec.text.tokenizer import build_tokenizer, emoji_as_emoticons, with_vocabulary


def read(text: str, words: list[str]) -> list[str]:
    tokenizer = with_vocabulary(build_tokenizer(lowercase=True), words)
    return tokenizer.encode(text).tokens


def test_unknown_emoji_become_known_emoticons() -> None:
    words = ["fine", ":)", ":("]
    assert read("Fine😍", words) == ["fine", ":)"]
    assert read("fine 😡😡", words) == ["fine", ":(", ":("]
    assert read("fine ❤️", words) == ["fine", ":)"]


def test_known_emoji_and_those_without_a_mood_stay() -> None:
    assert read("fine 😡", ["fine", "😡", ":("]) == ["fine", "😡"]
    assert read("fine 🚗", ["fine", ":)"]) == ["fine", "<unk>"]


def test_nothing_is_replaced_by_what_is_unknown_itself() -> None:
    assert emoji_as_emoticons(["fine"]) == []
    assert read("fine 😍", ["fine"]) == ["fine", "<unk>"]
