"""Emoji that a vocabulary does not know, said by the emoticon of the same mood, which it does know.

Reviews written before there were emoji teach a model ``:)`` and ``:(`` but no emoji, so that an angry face would be
just one more unknown word. Only emoji whose mood is clear are replaced; one that is in the vocabulary stays itself.
"""

from collections.abc import Collection

from tokenizers import Regex, normalizers

GLAD = "😀😃😄😁😆😂🤣😊😍🥰😘😇🤩😻👍👏🙌🎉💯❤♥💕💖💙💚💛💜🧡🖤💓💗💘💞🔥⭐🌟✨🏆🥳😎🤗👌🙂☺😋😉💪"
SAD = "😡😠🤬😤😞😟😢😩😫😣😖😒🙄😑😐🙁☹😕😔🤮🤢👎💩💔🥱😴😪🤦"


def emoji_as_emoticons(words: Collection[str]) -> list[normalizers.Normalizer]:
    """The steps of a tokenizer that write emoji as emoticons.

    Args:
        words: The tokenizer's vocabulary; emoji in it stay, and nothing becomes what is not in it.

    Returns:
        At most one step for each mood.
    """
    steps: list[normalizers.Normalizer] = []
    for emoji, emoticon in ((GLAD, ":)"), (SAD, ":(")):
        unknown = [mark for mark in emoji if mark not in words]
        if emoticon in words and unknown:
            steps.append(normalizers.Replace(Regex("|".join(unknown)), f" {emoticon} "))
    return steps
