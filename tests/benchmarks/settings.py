"""How much a benchmark does: all of it, or a quick look at the same ratios."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Sizes and repetitions; of train and test rows at most as many as there are.

    Attributes:
        scored_rows: Test reviews that are scored at once to measure speed; slow contenders score fewer.
        single_texts: Reviews that are scored one by one, for the latency.
        starts: How often a process is started, for the start-up time.
        overrides: What every recipe is changed by, as ``sentrec train --set`` would.
        tutorial_steps: Training steps of the tutorial BiLSTM that are timed; or it is trained for `tutorial_epochs`.
        process_steps: Training steps for the comparison of one with two processes; 0 leaves it out.
        init: The model that is fine-tuned on so many `labels` of other domains, drawn with so many `seeds`.
        ranking_items: Numbers of items whose ranking is simulated, each at least so often as `draws` says.
    """

    train_rows: int = 25_000
    test_rows: int = 25_000
    scored_rows: int = 8_000
    repetitions: int = 3
    single_texts: int = 200
    starts: int = 5
    overrides: tuple[str, ...] = ("glove.dim=50",)
    recipes: tuple[str, ...] = ("imdb", "imdb-textcnn", "imdb-swem", "imdb-fast")
    bfloat16: bool = True
    tutorial_steps: int = 12
    tutorial_epochs: int = 0
    training_sizes: tuple[int, ...] = (5_000, 10_000, 25_000)
    scoring_sizes: tuple[int, ...] = (10_000, 100_000)
    process_steps: int = 60
    init: str = "starter"
    labels: int = 200
    seeds: int = 5
    ranking_items: tuple[int, ...] = (2, 3, 5, 10, 24, 345)
    draws: int = 40

    def to_json(self) -> str:
        """All of it, for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """What `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls().changed(**(values | lists))

    def changed(self, **changes: Any) -> "Settings":
        """The same settings but for some, leaving out changes that are None."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


FULL = Settings()
QUICK = Settings(
    train_rows=2_000,
    test_rows=600,
    scored_rows=500,
    repetitions=1,
    single_texts=20,
    starts=1,
    overrides=("glove.dim=50", "training.epochs=1"),
    recipes=("imdb", "imdb-fast"),
    bfloat16=False,
    tutorial_steps=2,
    training_sizes=(1_000, 2_000),
    scoring_sizes=(500, 2_000),
    process_steps=0,
    ranking_items=(3, 24),
    draws=5,
)
