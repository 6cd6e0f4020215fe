"""Tiny encoders made in a test: random weights, and a tokenizer learned from the quickstart corpus."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import sentrec

_CORPUS = Path(sentrec.__file__).parent / "quickstart" / "train.jsonl"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {
    "bert": {"num_hidden_layers": 3, "intermediate_size": 32},
    "roberta": {"num_hidden_layers": 3, "intermediate_size": 32, "pad_token_id": 1},
    "distilbert": {"n_layers": 3, "dim": 16, "hidden_dim": 32, "n_heads": 2},
    "electra": {"num_hidden_layers": 3, "intermediate_size": 32, "embedding_size": 8},
    "deberta-v2": {
        **{"num_hidden_layers": 3, "intermediate_size": 32, "relative_attention": True, "position_buckets": 16},
        **{"norm_rel_ebd": "layer_norm", "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
    },
    "modernbert": {
        **{"num_hidden_layers": 3, "intermediate_size": 32, "global_attn_every_n_layers": 2, "pad_token_id": 0},
        **{"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    },
    "albert": {"num_hidden_layers": 3, "intermediate_size": 32, "embedding_size": 8},
}
COMMON = {"hidden_size": 16, "num_attention_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.1}


def write_tokenizer(folder: Path) -> int:
    """Writes a WordPiece tokenizer that truncates and pads, as those of sentence models do; gives its size."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = [json.loads(line)["text"] for line in _CORPUS.read_text("utf-8").splitlines()]
    words = "superb moving lovely dull tedious awful "
    tokenizer.train_from_iterator(
        [*texts, words * 200], trainers.WordPieceTrainer(vocab_size=600, special_tokens=SPECIAL)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    return int(tokenizer.get_vocab_size())


def write_transformer(folder: Path, kind: str = "bert", **options: Any) -> Path:
    """A folder as `save_pretrained` writes it."""
    transformers = pytest.importorskip("transformers")
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"vocab_size": write_tokenizer(folder), **COMMON, **SIZES[kind], **options}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = transformers.AutoConfig.for_model(kind, **sizes)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder
