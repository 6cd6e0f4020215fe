"""Encoded texts in the cache folder, as Arrow under a fingerprint of texts and tokenizer."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
from tokenizers import Tokenizer

from sentrec.files.storage import atomic_path, cache_home, read_cached
from sentrec.text.encoding import EncodedTexts, Keep, TextEncoder
from sentrec.text.vocabulary import fingerprint

_log = logging.getLogger(__name__)


def encode_cached(texts: Sequence[str], tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> EncodedTexts:
    """Encodes texts as a `TextEncoder` does; keeps them in the cache folder and maps them from there the next time."""
    vocabulary = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16).hexdigest()
    key = f"{vocabulary} {max_tokens} {keep}"
    return cached_encoding(texts, key, TextEncoder(tokenizer, max_tokens, keep).encode)


def cached_encoding(texts: Sequence[str], key: str, encode: Callable[[Sequence[str]], EncodedTexts]) -> EncodedTexts:
    """Encoded texts from the cache folder, where they are kept the first time.

    Args:
        texts: The texts.
        key: Changes with whatever their encoding depends on.
        encode: Encodes them where they are not there.
    """
    path = cache_home() / "encoded" / f"{fingerprint(texts, key)}.arrow"
    cached = read_cached(path, _read)
    if cached is None or len(cached) != len(texts):
        _log.info("Tokenizing %s texts", f"{len(texts):,}")
        cached = encode(texts)
        column = pa.LargeListArray.from_arrays(pa.array(cached.offsets), pa.array(cached.token_ids))
        table = pa.table({"token_ids": column})
        with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
            writer.write_table(table)
    return cached


def _read(path: Path) -> EncodedTexts:
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    values = table.column("token_ids").chunk(0)
    return EncodedTexts(values.values.to_numpy(), values.offsets.to_numpy())
