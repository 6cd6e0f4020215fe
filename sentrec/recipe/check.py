"""Looks up what a recipe will use, without reading any data."""

from pathlib import Path

from sentrec.data.locate import has_split, locate_split
from sentrec.data.splits import DEFAULT_TEST_SHARE, DEFAULT_VALIDATION_SHARE
from sentrec.errors import DataError, GloveError
from sentrec.findings import Finding
from sentrec.glove.store import open_vectors
from sentrec.plugins import registry
from sentrec.recipe.schema import DataConfig, GloveConfig, Recipe


def check_recipe(recipe: Recipe) -> list[Finding]:
    """Finds the data, the vectors and the encoder of a recipe.

    Args:
        recipe: A recipe that fits the schema.

    Returns:
        One finding for each thing that training will need.
    """
    encoder = registry().encoder(recipe.encoder_name)
    return [
        _split("train", recipe.data, recipe.data.train, None),
        _split("validation", recipe.data, recipe.data.validation, DEFAULT_VALIDATION_SHARE),
        _split("test", recipe.data, recipe.data.test, DEFAULT_TEST_SHARE),
        _glove(recipe.glove, recipe.model.embedding_dim),
        Finding("encoder", "ok", f"{encoder.name} ({encoder.origin}): {encoder.summary}"),
    ]


def _split(topic: str, data: DataConfig, wanted: str | float | None, default_share: float | None) -> Finding:
    try:
        if wanted is None:
            wanted = topic if has_split(data, topic) else default_share
        if isinstance(wanted, str):
            return _located(topic, data, wanted)
    except DataError as error:
        return Finding(topic, "missing", error.message, error.hint)
    return Finding(topic, "ok", f"{wanted:.0%} of train, held out by label")


def _located(topic: str, data: DataConfig, split: str) -> Finding:
    location = locate_split(data, split)
    if isinstance(location, Path):
        return _file(topic, location)
    mirror = f"without network: set SENTREC_DATA to a folder that holds {location.name}/{split}.parquet"
    return Finding(topic, "note", f"{location.hub_id} on the hub, downloaded at the first use", mirror)


def _file(topic: str, path: Path) -> Finding:
    if path.is_file():
        return Finding(topic, "ok", str(path))
    return Finding(topic, "missing", f"{path} does not exist.", "Check the path; relative ones start here.")


def _glove(glove: GloveConfig | None, embedding_dim: int) -> Finding:
    if glove is None:
        return Finding("glove", "ok", f"none: embeddings of {embedding_dim} dimensions learned from scratch")
    try:
        vectors = open_vectors(glove.name, glove.dim)
    except GloveError as error:
        return Finding("glove", "missing", error.message, error.hint)
    return Finding("glove", "ok", f"{glove.name}, {glove.dim} dimensions, {len(vectors.words):,} words, in the cache")
