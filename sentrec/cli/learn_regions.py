"""`sentrec learn-regions`: region embeddings of one's own texts."""

import logging
import time
from typing import TYPE_CHECKING, Annotated

import typer

from sentrec.cli.display import console
from sentrec.cli.display.learning_progress import learning_progress
from sentrec.cli.display.training_progress import duration
from sentrec.cli.learning_options import AsJson, Corpus, Force, MinCount, Quiet, Resume, TextColumn, Vocabulary

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors


def learn_regions(
    name: Annotated[
        str, typer.Option(help="Name of the new vectors, for recipes' model.regions.name.", show_default=False)
    ],
    corpus: Corpus,
    dim: Annotated[int, typer.Option(min=1, max=2000, help="Dimensions.")] = 200,
    text_column: TextColumn = None,
    passes: Annotated[int, typer.Option(min=1, help="How often the texts are read.")] = 4,
    window: Annotated[int, typer.Option(min=1, max=100, help="Words of a region.")] = 5,
    reach: Annotated[int, typer.Option(min=1, max=100, help="Words up to so far from a region are told by it.")] = 10,
    vocabulary: Vocabulary = 30_000,
    min_count: MinCount = 5,
    learning_rate: Annotated[float, typer.Option(min=1e-6, help="That of Adagrad; it falls to zero.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first vectors and of what is drawn.")] = 1,
    device: Annotated[str | None, typer.Option(help="Where to compute, e.g. cpu or cuda.", show_default=False)] = None,
    resume: Resume = False,
    force: Force = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Learn what a few words in a row tell, from your own unlabelled texts, for recipes' model.regions."""
    if quiet:
        console.show_log(logging.WARNING)
    from sentrec.adapt.plan import RegionOptions
    from sentrec.adapt.regions import learn_regions as learn

    options = RegionOptions(
        name=name,
        corpus=tuple(corpus),
        dim=dim,
        text_columns=tuple(text_column or ()),
        passes=passes,
        window=window,
        reach=reach,
        vocabulary=vocabulary,
        min_count=min_count,
        learning_rate=learning_rate,
        seed=seed,
    )
    began = time.perf_counter()
    with learning_progress(quiet) as on_progress:
        vectors = learn(options, device=device, resume=resume, force=force, on_progress=on_progress)
    _report(vectors, time.perf_counter() - began, as_json=as_json, quiet=quiet)


def _report(vectors: "GloveVectors", seconds: float, *, as_json: bool, quiet: bool) -> None:
    from sentrec.recipe.sections import RegionsConfig

    info = vectors.info
    if as_json:
        console.print_json({**info.model_dump(), "path": str(vectors.path), "seconds": round(seconds, 3)})
        return
    if quiet:
        return
    _say(
        f"Stored region embeddings {info.name}: {info.words:,} words, {info.dim} dimensions, regions of {info.window}, "
        f"in {duration(seconds)}, in {vectors.path}"
    )
    # Once these are deleted, a recipe would else learn its own corpus under their name.
    chosen = f"--set model.regions.name={info.name} --set model.regions.corpus=null --set model.regions.dim={info.dim}"
    if info.window != RegionsConfig(name=info.name).window:
        chosen += f" --set model.regions.window={info.window}"
    _say(f"Next: sentrec train --recipe imdb.yaml {chosen}")


def _say(text: str) -> None:
    console.out.print(text, soft_wrap=True, markup=False)
