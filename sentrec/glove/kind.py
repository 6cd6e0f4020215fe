"""Vectors of words and vectors of regions lie in one store, and neither can do the other's work."""

from sentrec.errors import GloveError
from sentrec.glove.store import GloveVectors, open_vectors


def open_word_vectors(name: str, dim: int) -> GloveVectors:
    """Opens vectors of words from the cache, as `sentrec.glove.store.open_vectors` does.

    Raises:
        GloveError: If they are not in the cache, their files were altered, or they are vectors of regions.
    """
    vectors = open_vectors(name, dim)
    if vectors.info.window is not None:
        raise GloveError(
            f"{name} with {dim} dimensions holds vectors of regions, not of words.",
            f"Name them where regions belong: --set model.regions.name={name} --set model.regions.dim={dim}. "
            "Those of words: sentrec fetch-glove --list",
        )
    return vectors
