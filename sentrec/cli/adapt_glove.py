"""`sentrec adapt-glove`: GloVe vectors of one's own texts."""

import logging
import time
from typing import TYPE_CHECKING, Annotated

import typer

from sentrec.cli.display import console
from sentrec.cli.display.learning_progress import learning_progress
from sentrec.cli.learning_options import AsJson, Corpus, Force, MinCount, Quiet, Resume, TextColumn, Vocabulary

if TYPE_CHECKING:
    from sentrec.adapt.plan import AdaptedVectors


def adapt_glove(
    name: Annotated[str, typer.Option(help="Name of the new vectors, for recipes' glove.name.", show_default=False)],
    corpus: Corpus,
    glove: Annotated[str, typer.Option(metavar="NAME.DIMd", help="Vectors to start from and stay near to.")] = "6B.50d",
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start from no vectors; --dim says how many dimensions.")
    ] = False,
    dim: Annotated[
        int | None, typer.Option(min=1, max=2000, help="Dimensions, from scratch.", show_default=False)
    ] = None,
    text_column: TextColumn = None,
    passes: Annotated[int, typer.Option(min=1, help="How often all vectors are fitted.")] = 4,
    window: Annotated[int, typer.Option(min=1, max=100, help="Words up to so far apart count as near.")] = 10,
    vocabulary: Vocabulary = 30_000,
    min_count: MinCount = 5,
    pull: Annotated[float, typer.Option(min=1e-6, help="How strongly vectors are held near pretrained ones.")] = 1.0,
    x_max: Annotated[float, typer.Option(min=1e-3, help="Count from which a pair of words has full weight.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of vectors from scratch.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; by default one a processor.", show_default=False)
    ] = None,
    resume: Resume = False,
    force: Force = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Learn GloVe vectors from your own unlabelled texts, for recipes' glove.name and glove.dim."""
    if quiet:
        console.show_log(logging.WARNING)
    from sentrec.adapt.adapt import adapt_glove as adapt
    from sentrec.adapt.plan import AdaptOptions

    options = AdaptOptions(
        name=name,
        corpus=tuple(corpus),
        glove=None if from_scratch else glove,
        dim=dim,
        text_columns=tuple(text_column or ()),
        passes=passes,
        window=window,
        vocabulary=vocabulary,
        min_count=min_count,
        pull=pull,
        x_max=x_max,
        seed=seed,
    )
    began = time.perf_counter()
    with learning_progress(quiet) as on_progress:
        adapted = adapt(options, threads=threads, resume=resume, force=force, on_progress=on_progress)
    _report(adapted, time.perf_counter() - began, as_json=as_json, quiet=quiet)


def _report(adapted: "AdaptedVectors", seconds: float, *, as_json: bool, quiet: bool) -> None:
    info = adapted.vectors.info
    if as_json:
        console.print_json(
            {
                **info.model_dump(),
                "path": str(adapted.vectors.path),
                "corpus_words": adapted.corpus_words,
                "new_words": adapted.new_words,
                "mean_cosine": adapted.mean_cosine,
                "error": adapted.error,
                "seconds": round(seconds, 3),
            }
        )
        return
    if quiet:
        return
    _say(
        f"Stored GloVe {info.name}: {info.words:,} words, {info.dim} dimensions, in {seconds:.1f} s, "
        f"in {adapted.vectors.path}"
    )
    if adapted.mean_cosine is not None:
        _say(
            f"{adapted.corpus_words:,} words are of the corpus, {adapted.new_words:,} of them new; the others kept to "
            f"a mean cosine of {adapted.mean_cosine:.2f} with what they were."
        )
    cased = "" if adapted.lowercase else " --set text.lowercase=false"
    _say(f"Next: sentrec train --recipe imdb.yaml --set glove.name={info.name} --set glove.dim={info.dim}{cased}")


def _say(text: str) -> None:
    console.out.print(text, soft_wrap=True, markup=False)
