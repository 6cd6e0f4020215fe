"""The plain BiLSTM of countless tutorials, which sentrec's users come from."""

import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .contender import Contender, Labels, Probabilities, Trained, two_columns

WORDS = 10_000
TOKENS = 256
BATCH = 64
PARAMETERS = 3_648_257
_PADDING, _UNKNOWN = 0, 1
_WARM_UP = 1
_MODEL, _VOCABULARY = "model.safetensors", "vocabulary.json"
_WORD = re.compile(r"[a-z']+|[.,!?;:()\"]")


class TutorialNetwork(nn.Module):
    """Embeddings from scratch, two bidirectional LSTM layers, the last state of each direction, one logit."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS + 2, 128, padding_idx=_PADDING)
        self.lstm = nn.LSTM(128, 256, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(512, 1)

    def forward(self, token_ids: Tensor) -> Tensor:
        """The logit of "positive", shape ``(batch,)``, of ids of shape ``(batch, tokens)``."""
        _, (states, _) = self.lstm(self.dropout(self.embedding(token_ids)))
        logits: Tensor = self.head(self.dropout(torch.cat([states[-2], states[-1]], dim=1)))
        return logits.squeeze(1)


class TutorialBiLSTM(Contender):
    """Trains in float32, every text padded or cut to 256 tokens, in shuffled batches of 64, with Adam at 1e-3."""

    title = "tutorial BiLSTM, 2 x 256"
    most_scored = 4 * BATCH

    def __init__(self, steps: int, epochs: int) -> None:
        self._steps, self._epochs = steps, epochs
        self._network = TutorialNetwork()
        self._numbers: dict[str, int] = {}

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        torch.manual_seed(1)
        started = time.perf_counter()
        self._numbers = learn_vocabulary(texts)
        ids, targets = self._encode(texts), torch.from_numpy(labels.astype(np.float32))
        preparing = time.perf_counter() - started
        in_epoch = -(-len(texts) // BATCH)
        taken = self._fit(ids, targets, in_epoch * self._epochs or min(self._steps + _WARM_UP, in_epoch))
        epoch = statistics.median(taken[_WARM_UP:] or taken) * in_epoch
        save_file(self._network.state_dict(), folder / _MODEL)
        (folder / _VOCABULARY).write_text(json.dumps(self._numbers), encoding="utf-8")
        return Trained(epoch_seconds=epoch, estimated_seconds=None if self._epochs else preparing + epoch)

    def load(self, folder: Path) -> None:
        self._network.load_state_dict(load_file(folder / _MODEL))
        self._numbers = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        self._network.eval()
        ids = self._encode(texts)
        with torch.inference_mode():
            parts = [torch.sigmoid(self._network(ids[start : start + BATCH])) for start in range(0, len(ids), BATCH)]
        return two_columns(torch.cat(parts).numpy())

    def _fit(self, ids: Tensor, targets: Tensor, steps: int) -> list[float]:
        """Takes so many steps and returns the seconds of each."""
        optimizer = torch.optim.Adam(self._network.parameters(), lr=1e-3)
        objective = nn.BCEWithLogitsLoss()
        self._network.train()
        seconds: list[float] = []
        while len(seconds) < steps:
            for rows in torch.split(torch.randperm(len(ids)), BATCH)[: steps - len(seconds)]:
                started = time.perf_counter()
                optimizer.zero_grad()
                objective(self._network(ids[rows]), targets[rows]).backward()
                optimizer.step()
                seconds.append(time.perf_counter() - started)
        return seconds

    def _encode(self, texts: Sequence[str]) -> Tensor:
        ids: npt.NDArray[np.int64] = np.full((len(texts), TOKENS), _PADDING, dtype=np.int64)
        for row, text in enumerate(texts):
            numbers = [self._numbers.get(word, _UNKNOWN) for word in split_words(text)[:TOKENS]]
            ids[row, : len(numbers)] = numbers
        return torch.from_numpy(ids)


def learn_vocabulary(texts: Iterable[str]) -> dict[str, int]:
    """The most frequent words and their numbers."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split_words(text))
    return {word: number for number, (word, _) in enumerate(counts.most_common(WORDS), start=_UNKNOWN + 1)}


def split_words(text: str) -> list[str]:
    """Lower-cased words and punctuation, as a tutorial splits them."""
    return _WORD.findall(text.replace("<br />", " ").lower())
