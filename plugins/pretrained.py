"""Pretrained transformers on the hub or in a folder: safetensors only, and no code of theirs runs."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from sentrec import SentrecError

_FILES = (
    *("config.json", "model*.safetensors", "model*.safetensors.index.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "*.model"),
)
_WEIGHTS = "*.safetensors"
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_SAMPLE = 1 << 20
_ENCODERS = "Name an encoder, such as roberta-base, microsoft/deberta-v3-base or answerdotai/ModernBERT-base."


def transformers() -> Any:
    """The library, imported only by what needs it; a `SentrecError` if it is not installed."""
    try:
        import transformers
    except ImportError as error:
        hint = 'Install the extra: pip install "sentrec[transformers]"'
        raise SentrecError("Pretrained transformers need the package transformers: not installed.", hint) from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells each attempt; the error tells the last
    return transformers


class Pretrained:
    """A pretrained encoder; its files are looked for, and downloaded, when they are first asked for.

    Args:
        name: A model of the Hugging Face hub, or a folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def is_here(self) -> bool:
        """Whether its files are on this machine."""
        return self._local() is not None

    @cached_property
    def folder(self) -> Path:
        """Where its files lie; those of the hub are downloaded where they are not in its cache.

        Raises:
            SentrecError: If there is no such folder, the hub cannot be reached, or it has no weights in safetensors.
        """
        place = self._local() or self._downloaded()
        if not (place / "config.json").is_file():
            raise SentrecError(f"{self.name} holds no model: it has no config.json.", _ENCODERS)
        if not any(place.glob(_WEIGHTS)):
            pickled = any(path for pattern in _PICKLED for path in place.glob(pattern))
            raise SentrecError(
                f"{self.name} has {'only pickled weights, which can run any code' if pickled else 'no weights'}: "
                "there is no model.safetensors.",
                "Where you trust it, convert it: transformers.AutoModel.from_pretrained(NAME).save_pretrained(FOLDER)"
                if pickled
                else "Name a folder that save_pretrained wrote, or a model of the hub with safetensors.",
            )
        return place

    def fingerprint(self) -> str:
        """What changes with configuration, tokenizer and weights; of large files, size and both ends are read."""
        found = hashlib.blake2b(digest_size=16)
        for path in sorted(path for pattern in _FILES for path in self.folder.glob(pattern)):
            size = path.stat().st_size
            with path.open("rb") as file:
                found.update(f"{path.name} {size}".encode() + file.read(_SAMPLE))
                file.seek(max(0, size - _SAMPLE))
                found.update(file.read(_SAMPLE))
        return found.hexdigest()

    def config(self) -> Any:
        """Its configuration.

        Raises:
            SentrecError: If it is no encoder, or of an architecture that transformers does not know.
        """
        library = transformers()
        with self._unreadable("configuration"):
            values = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
            architecture = str(values.get("model_type"))
        if architecture not in library.CONFIG_MAPPING:
            foreign = ": it brings code of its own, which is not run" if "auto_map" in values else ""
            raise SentrecError(
                f"{self.name} is a '{architecture}', which transformers does not know{foreign}.", _ENCODERS
            )
        with self._unreadable("configuration"):
            config = library.AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        masked = library.models.auto.modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
        if architecture not in masked or config.is_encoder_decoder or getattr(config, "is_decoder", False):
            raise SentrecError(f"{self.name} is a decoder ('{architecture}'), not an encoder.", _ENCODERS)
        return config

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, without truncation and padding.

        Raises:
            SentrecError: If its files are missing, or it knows more tokens than the model.
        """
        if not any(path for pattern in _VOCABULARIES for path in self.folder.glob(pattern)):
            said = f"{self.name} has no tokenizer: there is neither {' nor '.join(_VOCABULARIES)}."
            raise SentrecError(
                said, "Save it there: transformers.AutoTokenizer.from_pretrained(NAME).save_pretrained(DIR)"
            )
        saved = self.folder / "tokenizer.json"
        with self._unreadable("tokenizer"):
            if saved.is_file():
                tokenizer = Tokenizer.from_file(str(saved))
            else:
                read = transformers().AutoTokenizer.from_pretrained
                found = read(self.folder, local_files_only=True, trust_remote_code=False).backend_tokenizer
                tokenizer = Tokenizer.from_str(found.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        known, most = tokenizer.get_vocab_size(), self.config().vocab_size
        if known > most:
            said = f"{self.name} has embeddings of {most:,} tokens, and its tokenizer knows {known:,}."
            raise SentrecError(said, "Its tokenizer is that of another model.")
        return tokenizer

    def model(self, config: Any) -> Any:
        """The model with its weights, float32, on the CPU.

        Args:
            config: What `config` gave, perhaps with other dropout.

        Raises:
            SentrecError: If weights are missing, or cannot be read.
        """
        options = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
        with self._unreadable("weights"):
            model, report = transformers().AutoModel.from_pretrained(
                self.folder, config=config, dtype=torch.float32, output_loading_info=True, **options
            )
        missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
        if missing or report["mismatched_keys"]:
            raise SentrecError(
                f"{self.name} lacks weights of its own architecture: {len(missing) or 'some'}, e.g. "
                f"{next(iter([*missing, *report['mismatched_keys']]))}.",
                "Is it a whole model, and not an adapter?",
            )
        return model

    def _local(self) -> Path | None:
        folder = Path(self.name).expanduser()
        if folder.is_dir():
            return folder
        if self.name.startswith((".", "/", "~")) or self.name.count("/") > 1:
            raise SentrecError(f"There is no folder {self.name}.", "Name a folder, or a model of the hub: roberta-base")
        place = self._snapshot(local_files_only=True)
        return place if place and (place / "config.json").is_file() and any(place.glob(_WEIGHTS)) else None

    def _downloaded(self) -> Path:
        place = self._snapshot()
        assert place is not None  # or it would have raised
        return place

    def _snapshot(self, local_files_only: bool = False) -> Path | None:
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(self.name, allow_patterns=[*_FILES], local_files_only=local_files_only))
        # The hub's client raises errors of its own, of HTTP and of the system.
        except Exception as error:
            if local_files_only:
                return None
            reason = str(error).strip().partition("\n")[0]
            raise SentrecError(
                f"{self.name} is no folder, and cannot be had from the hub: {reason}",
                "Check name and network, or copy the model's folder here and name that: encoder.pretrained=./FOLDER",
            ) from error

    @contextmanager
    def _unreadable(self, part: str) -> Iterator[None]:
        try:
            yield
        except SentrecError:
            raise
        # Of files of others, the libraries raise anything.
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
            raise SentrecError(f"The {part} of {self.name} cannot be read: {reason}", "Is it whole?") from error
