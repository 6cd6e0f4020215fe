"""Puts vectors that were made here, not parsed from a text, into the store that recipes read."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sentrec.files.storage import atomic_directory, write_text
from sentrec.glove.parse import Matrix
from sentrec.glove.store import GloveVectors, VectorsInfo, open_vectors, vectors_path, write_words


def store_made_vectors(
    name: str, words: Sequence[str], matrix: Matrix, source: str, window: int | None = None
) -> GloveVectors:
    """Stores vectors whole, or not at all; older ones of that name and size are replaced.

    Args:
        name: The name that recipes shall use.
        words: Distinct words.
        matrix: ``(len(words), dim)`` float32.
        window: Words of a region, where these are for region embeddings.
        source: How they were made. The checksums are those of the words, one a line, and the matrix's bytes.

    Raises:
        GloveError: If `name` cannot name vectors.
        SentrecError: If the disk is full.
    """
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    text = "\n".join(words).encode()
    with atomic_directory(vectors_path(name, matrix.shape[1])) as folder:
        matrix_path, words_path = folder / "matrix.npy", folder / "words.arrow"
        np.save(matrix_path, matrix, allow_pickle=False)
        write_words(words_path, pa.array(words, pa.string()))
        md5, sha256 = hashlib.md5(text, usedforsecurity=False), hashlib.sha256(text)
        md5.update(matrix.data)
        sha256.update(matrix.data)
        info = VectorsInfo(
            name=name,
            dim=matrix.shape[1],
            words=len(words),
            repeated_words=0,
            not_utf8_words=0,
            source=source,
            source_bytes=len(text) + matrix.nbytes,
            md5=md5.hexdigest(),
            sha256=sha256.hexdigest(),
            verified=False,
            window=window,
            matrix_bytes=matrix_path.stat().st_size,
            words_bytes=words_path.stat().st_size,
        )
        write_text(folder / "info.json", info.model_dump_json(indent=2) + "\n")
    return open_vectors(name, matrix.shape[1])
