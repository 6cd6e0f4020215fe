"""Emoji that a vocabulary does not know, said by the emoticon of the same mood, which it does know.

Reviews written before there were emoji teach a model ``:)`` and ``:(`` but no emoji, so that an angry face would be
just one more unknown word. Only emoji whose mood is clear are replaced. What a model was trained and measured on
is left as it is: an emoji that occurs there often enough is in the vocabulary, and then it stays itself here, too.
"""

from collections.abc import Mapping

from tokenizers import Tokenizer

_GLAD = "😀😃😄😁😆😂🤣😊😍🥰😘😇🤩😻👍👏🙌🎉💯❤♥💕💖💙💚💛💜🧡🖤💓💗💘💞🔥⭐🌟✨🏆🥳😎🤗👌🙂☺😋😉💪"
_SAD = "😡😠🤬😤😞😟😢😩😫😣😖😒🙄😑😐🙁☹😕😔🤮🤢👎💩💔🥱😴😪🤦"
_EMOTICONS = ((_GLAD, ":)"), (_SAD, ":("))


def emoticons_for_unknown_emoji(tokenizer: Tokenizer) -> Mapping[int, str]:
    """A table for `str.translate` that replaces emoji by emoticons.

    Args:
        tokenizer: What the text goes to next; emoji that it knows stay, and nothing becomes what it does not know.
    """
    table: dict[int, str] = {}
    for emoji, emoticon in _EMOTICONS:
        if tokenizer.token_to_id(emoticon) is not None:
            table |= {ord(mark): f" {emoticon} " for mark in emoji if tokenizer.token_to_id(mark) is None}
    return table
