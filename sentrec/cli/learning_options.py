"""The options that all commands that learn vectors share, each with its help."""

from typing import Annotated

import typer

Corpus = Annotated[
    list[str],
    typer.Option(
        metavar="NAME|NAME/SPLIT|FILE",
        help="Texts to learn from; may be repeated. A dataset stands for its train and unsupervised splits.",
        show_default=False,
    ),
]
TextColumn = Annotated[
    list[str] | None, typer.Option(help="Column of the text; several are joined.", show_default=False)
]
Vocabulary = Annotated[int, typer.Option(min=2, help="The most frequent words, so many at most.")]
MinCount = Annotated[int, typer.Option(min=1, help="Occurrences of a word at least.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted work.")]
Force = Annotated[bool, typer.Option("--force", help="Replace vectors of that name and size.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")]
