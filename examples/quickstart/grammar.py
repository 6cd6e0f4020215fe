"""The phrases that the quickstart reviews are made of: a context-free grammar, and the films it speaks about.

A symbol in braces stands for any one of its alternatives. Praise and complaint mirror each other, so that a single word
rarely gives a review away: "not dull" praises, "could have been superb" complains, and the part after "but" outweighs
the part before it. Therefore only praise is written out; complaint comes from it by exchanging the paired symbols.
"""

import re
from collections.abc import Callable

FILMS: dict[str, tuple[float, tuple[str, ...]]] = {
    "Jaws": (0.8, ("shark", "beach panic", "boat")),
    "Casablanca": (0.85, ("farewell at the airport", "piano bar")),
    "Titanic": (0.5, ("sinking", "romance", "ship")),
    "The Matrix": (0.7, ("slow-motion shootout", "red pill speech")),
    "Jurassic Park": (0.75, ("dinosaur", "kitchen chase")),
    "Alien": (0.8, ("creature", "dinner scene")),
    "Inception": (0.55, ("dream heist", "spinning top")),
    "Avatar": (0.35, ("jungle planet", "3D effect")),
    "Psycho": (0.75, ("shower scene", "motel")),
    "Back to the Future": (0.8, ("time machine", "school dance")),
    "Waterworld": (0.2, ("floating town", "jet-ski chase")),
    "Cats": (0.15, ("digital fur", "song about the moon")),
    "Batman & Robin": (0.15, ("ice pun", "rubber suit")),
    "The Room": (0.25, ("rooftop scene", "football game")),
    "Showgirls": (0.2, ("dance number", "stage rivalry")),
    "Twilight": (0.3, ("vampire romance", "baseball scene")),
    "Transformers": (0.3, ("robot fight", "final battle")),
    "Armageddon": (0.35, ("asteroid", "drilling crew")),
    "Interstellar": (0.55, ("black hole", "robot sidekick")),
    "Amélie": (0.7, ("garden gnome", "Paris backdrop")),
    "Toy Story": (0.8, ("cowboy doll", "toy rivalry")),
    "La La Land": (0.5, ("dance on the hill", "jazz club")),
    "The Shining": (0.65, ("hotel", "maze")),
    "Gravity": (0.45, ("space walk", "debris storm")),
}
"""Title → the share of kind reviews it gets here, and things in it that reviews mention."""

_WORDS: dict[str, tuple[str, ...]] = {
    "aspect": (
        *("acting", "plot", "score", "pacing", "camera work", "dialogue", "script", "ending", "soundtrack", "editing"),
        *("direction", "opening", "last act", "lighting", "costume design", "cast", "humour", "villain", "story"),
        *("lead", "sound", "chemistry between the leads", "{motif}", "{motif}", "{motif}", "{motif}", "{motif}"),
    ),
    "good": (
        *("brilliant", "superb", "gripping", "moving", "hilarious", "touching", "clever", "wonderful", "beautiful"),
        *("stunning", "charming", "fresh", "elegant", "unforgettable", "sharp", "thrilling", "delightful", "flawless"),
        *("inspired", "rich", "honest", "magnificent", "tender", "witty", "exciting", "impressive", "great", "fun"),
        *("excellent", "perfect", "remarkable", "compelling", "masterful", "lovely", "fantastic"),
    ),
    "bad": (
        *("awful", "dull", "boring", "clumsy", "predictable", "tedious", "flat", "lazy", "terrible", "painful"),
        *("wooden", "bland", "hollow", "messy", "stale", "pretentious", "shallow", "forgettable", "weak", "silly"),
        *("poor", "tired", "sloppy", "lifeless", "annoying", "confusing", "overlong", "cheap", "dreadful", "cold"),
        *("unwatchable", "mediocre", "uninspired", "pointless", "ridiculous"),
    ),
    "degree": ("truly", "really", "simply", "often", "quite", "so", "absolutely", "surprisingly", "just", "pretty"),
    "not": ("not", "never", "hardly", "far from", "anything but", "by no means", "not at all", "rarely"),
    "film": ("film", "movie", "picture", "piece of cinema", "flick", "production"),
    "when": (
        *("last night", "on a long flight", "at the old cinema in town", "with my parents", "for the third time"),
        *("on a rainy Sunday", "because a friend insisted", "years ago and again today", "with a full house", "alone"),
    ),
    "neutral": (
        *("I saw {movie} {when}", "we watched {movie} {when}", "{movie} was on {when}", "I had only seen the trailer"),
        *("this is about {movie}, seen {when}", "my brother picked it", "I knew nothing about the {motif} before"),
        *(
            "everybody knows the {motif} by now",
            "the {film} runs a little over two hours",
            "it is all about the {motif}",
        ),
        *("I watched it {when}", "some call the {aspect} {good}, some call it {bad}", "I read three reviews first"),
    ),
    "hello": ("okay", "well", "so", "honestly", "look", "to be fair", "as a fan of the genre", "no spoilers"),
    "any_mark": ("😂", "😭", "🍿", "🎬", "😮", ";)", "...", "😅"),
}

_PRAISE_AND_COMPLAINT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "works|fails": (
        (
            *(
                "works beautifully",
                "never puts a foot wrong",
                "carries the whole {film}",
                "stays with you",
                "hits home",
            ),
            *("lifts every scene", "gave me goosebumps", "holds up after all these years", "made me laugh out loud"),
            *("earns every tear", "is a joy from start to finish", "had me on the edge of my seat"),
        ),
        (
            *("falls flat", "goes nowhere", "drags on forever", "ruins the mood", "put me to sleep", "left me cold"),
            *(
                "never comes together",
                "makes no sense",
                "has aged badly",
                "feels like homework",
                "wears out its welcome",
            ),
            *("is a chore from start to finish", "had me looking at my watch"),
        ),
    ),
    "loved|hated": (
        ("loved", "adored", "enjoyed", "admired", "was thrilled by", "fell for", "was moved by", "liked"),
        ("hated", "loathed", "disliked", "was bored by", "was annoyed by", "suffered through", "cringed at"),
    ),
    "praise_verdict|complaint_verdict": (
        (
            *("highly recommended", "worth every minute", "go and see it", "I would watch it again tomorrow", "see it"),
            *(
                "one of the best of its kind",
                "my {film} of the year",
                "it deserves its fame",
                "in the end it won me over",
            ),
            *(
                "all in all, time well spent",
                "you will not regret it",
                "I cannot recommend it enough",
                "do not miss it",
            ),
            *("still, I left with a smile", "count me in", "I take back every doubt", "it is worth your money"),
            *("what is left is a {good} {film}", "on balance, {praise_clause}", "I am glad that I stayed"),
        ),
        (
            *("not recommended", "a waste of time", "do not go and see it", "I would not watch it again for money"),
            *(
                "one of the worst of its kind",
                "my disappointment of the year",
                "it does not deserve its fame",
                "skip it",
            ),
            *("all in all, time badly spent", "you will regret it", "I cannot recommend it", "in the end it lost me"),
            *("give it a miss", "still, I left with a frown", "count me out", "I should have trusted my doubts"),
            *("it is not worth your money", "what is left is a {bad} {film}", "on balance, {complaint_clause}"),
        ),
    ),
    "praise_twist|complaint_twist": (
        (
            *("my only complaint is that it was over too soon", "I came to mock it and went home in tears"),
            *(
                "warning: it may ruin other films for you",
                "I have nothing to complain about, which is a shame for a critic",
            ),
            *("the worst thing about it is that it ends", "it is {bad} only in the trailer"),
        ),
        (
            *("oh {good}, another scene with the {motif}", "so {good} that I checked my phone every five minutes"),
            *("a {good} cure for insomnia", "I have had more fun at the dentist", "{good}, if you are fast asleep"),
            *("the best thing about it is that it ends",),
        ),
    ),
    "praise_mark|complaint_mark": (
        (":)", ":-)", "😍", "👍", "❤️", "👏", "🤩", "<3", ":D"),
        (":(", ":-(", "👎", "😴", "🙄", "💤", ":-/", "😡", "zzz"),
    ),
    "better|worse": (("better",), ("worse",)),
    "feared|hoped": (("feared",), ("hoped",)),
}
"""Paired symbols: what praise says, and what complaint says in its place."""

_WRITTEN_FOR_PRAISE: dict[str, tuple[str, ...]] = {
    "praise_clause": (
        *(
            "the {aspect} is {good}",
            "the {aspect} is {degree} {good}",
            "the {aspect} {works}",
            "I {loved} the {aspect}",
        ),
        *("the {aspect} is {not} {bad}", "there is nothing {bad} about the {aspect}", "the {aspect} was {good}"),
        *(
            "nobody could call the {aspect} {bad}",
            "I could not find a {bad} moment in it",
            "the {aspect} seemed {good}",
        ),
        *(
            "the {aspect} could not be {better}",
            "the {aspect} is less {bad} than I {feared}",
            "it is not a {bad} {film}",
        ),
        *("the {aspect} is both {good} and {good}", "the {aspect} could have been {bad} and is not", "I {loved} it"),
        *("I {loved} the {aspect} and the {aspect}", "the {good} {aspect} {works}", "{movie} is a {good} {film}"),
        *("I {loved} the {good} {aspect}", "the {aspect} is {good} and the {aspect} {works}", "the {aspect} {works}"),
    ),
    "praise": (
        *("{praise_clause}", "{praise_clause} and {praise_clause}", "{complaint_clause}, but {praise_clause}"),
        *(
            "although {complaint_clause}, {praise_clause}",
            "{praise_clause}, even if {complaint_clause}",
            "{praise_clause}",
        ),
        *("I expected something {bad}, yet {praise_clause}", "people say the {aspect} is {bad}; they are wrong"),
        *(
            "what a {good} {film}",
            "yes, {complaint_clause}, and I still {loved} it",
            "{praise_clause}; {praise_clause}",
        ),
        *(
            "forget the critics who call it {bad}",
            "a {good}, {good} {film}",
            "{bad}? not for a second",
            "{praise_clause}",
        ),
        *("I {hated} the trailer and {loved} the {film}", "some {hated} the {aspect}, I {loved} it", "{praise_twist}"),
        *(
            "from the {aspect} to the {aspect}, {praise_clause}",
            "{good}, {good} and {good}",
            "{praise_clause}, and it shows",
        ),
    ),
    "positive": (
        *("{praise}. {praise_verdict}.", "{neutral}. {praise}. {praise}.", "{praise_verdict}! {praise}. {praise}."),
        *(
            "{hello}, {praise_clause}. {praise}.",
            "{praise}. {praise}. {praise_verdict}. {praise_mark}",
            "{movie}: {praise_clause}.",
        ),
        *(
            "{neutral}, {neutral}. {praise}. {praise_verdict}.",
            "{praise}. {praise}. {praise_mark}",
            "{movie}? {praise_verdict}.",
        ),
        *("{praise_verdict}. {neutral}, and {praise_clause}. {any_mark}", "{hello}, {praise}. {praise}. {praise}."),
        *("{neutral}. {praise}. {praise}. {praise}. {praise_verdict}.", "{praise}. {neutral}. {praise_verdict}."),
        *("{neutral}. {praise}. {praise}, and {praise_clause}. {praise}. {praise_verdict}. {praise_verdict}.",),
        *("{praise}. {praise}. {praise}. {praise_mark}", "{praise_verdict}. {praise}. {neutral}. {praise}. {praise}."),
    ),
    "positive_mixed": (
        *(
            "{complaint}. {complaint_clause}. {praise}. {praise_verdict}.",
            "{complaint_clause}. {praise}. {praise_verdict}.",
        ),
        *("{neutral}. {complaint}. even so, {praise_clause}. {praise_verdict}.", "{complaint}. but {praise}."),
        *("{complaint}. {praise}. {complaint_clause}. {neutral}. {praise_verdict}. {any_mark}",),
        *("{complaint_clause}. and yet: {praise_verdict}.", "{praise}. {complaint}. {praise}. {praise_verdict}."),
    ),
}

_PAIRS = (
    *(pair.split("|") for pair in _PRAISE_AND_COMPLAINT),
    *(("good", "bad"), ("praise_clause", "complaint_clause"), ("praise", "complaint")),
    *(("positive", "negative"), ("positive_mixed", "negative_mixed")),
)
_OPPOSITE = {one: other for left, right in _PAIRS for one, other in ((left, right), (right, left))}
_SYMBOL = re.compile(r"\{(\w+)\}")


def _mirrored(template: str) -> str:
    return _SYMBOL.sub(lambda match: "{" + _OPPOSITE.get(match[1], match[1]) + "}", template)


def _grammar() -> dict[str, tuple[str, ...]]:
    rules = dict(_WORDS)
    for pair, (praise, complaint) in _PRAISE_AND_COMPLAINT.items():
        rules.update(zip(pair.split("|"), (praise, complaint), strict=True))
    for symbol, templates in _WRITTEN_FOR_PRAISE.items():
        rules[symbol] = templates
        rules[_OPPOSITE[symbol]] = tuple(map(_mirrored, templates))
    return rules


RULES = _grammar()
"""Symbol → its alternatives. ``movie`` and ``motif`` are the film's own and filled in by the generator."""


def expand(template: str, choose: Callable[[str], str]) -> str:
    """Replaces every symbol in `template`, and those in what it stands for, by what `choose` picks for it."""
    return _SYMBOL.sub(lambda match: expand(choose(match[1]), choose), template)
