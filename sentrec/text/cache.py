"""Encoded texts in the cache folder, as Arrow under a fingerprint of texts and tokenizer."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from tokenizers import Tokenizer

from sentrec.files.storage import atomic_path, cache_home
from sentrec.text.encoding import EncodedTexts, Keep, encode_texts
from sentrec.text.vocabulary import fingerprint

_log = logging.getLogger(__name__)


def encode_cached(texts: Sequence[str], tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> EncodedTexts:
    """Like `encode_texts`, but keeps the result in the cache folder and maps it from there the next time."""
    vocabulary = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16).hexdigest()
    path = cache_home() / "encoded" / f"{fingerprint(texts, vocabulary, max_tokens, keep)}.arrow"
    cached = _read_cached(path, len(texts))
    if cached is None:
        _log.info("Tokenizing %s texts", f"{len(texts):,}")
        cached = encode_texts(texts, tokenizer, max_tokens, keep)
        _write(path, cached)
    return cached


def _write(path: Path, encoded: EncodedTexts) -> None:
    column = pa.LargeListArray.from_arrays(pa.array(encoded.offsets), pa.array(encoded.token_ids))
    table = pa.table({"token_ids": column})
    with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)


def _read_cached(path: Path, texts: int) -> EncodedTexts | None:
    if not path.is_file():
        return None
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        values = table.column("token_ids").chunk(0)
        encoded = EncodedTexts(values.values.to_numpy(), values.offsets.to_numpy())
    except (pa.ArrowException, OSError, KeyError, IndexError) as error:
        _log.warning("%s is broken (%s): tokenizing again", path, error)
        return None
    return encoded if len(encoded) == texts else None
