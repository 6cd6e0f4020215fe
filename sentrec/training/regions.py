"""The region embeddings that a recipe names."""

from sentrec.errors import GloveError
from sentrec.glove.store import GloveVectors, open_vectors, vectors_path
from sentrec.recipe.schema import RegionsConfig


def open_regions(config: RegionsConfig) -> GloveVectors:
    """Opens what `sentrec learn-regions` stored.

    Raises:
        GloveError: If they are not in the cache, are no region embeddings, or of another window.
    """
    again = f"sentrec learn-regions --name {config.name} --dim {config.dim} --corpus CORPUS"
    if not vectors_path(config.name, config.dim).is_dir():
        raise GloveError(f"region embeddings {config.name} with {config.dim} dimensions are not in the cache.", again)
    vectors = open_vectors(config.name, config.dim)
    found = vectors.info.window
    if found is None:
        raise GloveError(f"{config.name} with {config.dim} dimensions holds word vectors, not those of regions.", again)
    if found != config.window:
        raise GloveError(
            f"{config.name} was learned with regions of {found} words, and model.regions.window is {config.window}.",
            f"--set model.regions.window={found}",
        )
    return vectors
