"""The words of a transferred model: those of the target, joined by those that only the source knows."""

from tokenizers import Tokenizer

from sentrec.text.tokenizer import SPECIAL_TOKENS, build_tokenizer, with_vocabulary, words_of


def joint_tokenizer(target: Tokenizer, source: Tokenizer, lowercase: bool) -> Tokenizer:
    """A tokenizer that knows the words of both; those of the target keep their ids.

    A word that only the source has met may stand in a test text of the target, and the source has learned its vector.

    Args:
        target: Learned on the target's texts.
        source: Learned on the source's texts, with the same rules.
        lowercase: Whether both fold case.
    """
    own = words_of(target)
    known = set(own)
    added = [word for word in words_of(source) if word not in known]
    return with_vocabulary(build_tokenizer(lowercase), [*own[len(SPECIAL_TOKENS) :], *added])
