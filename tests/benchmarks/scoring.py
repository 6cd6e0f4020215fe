"""Reviews a second from raw JSON lines to a ranking, beside a scikit-learn pipeline on the same file in the same run.

Needs ``SENTREC_DATA`` with IMDB and the 50-dimensional GloVe vectors in the cache; says so where they are missing.
"""

import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as parquet
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from sentrec.errors import GloveError
from sentrec.glove.store import open_vectors
from sentrec.predictor import load
from sentrec.recipe import load_recipe
from sentrec.recommend.recommend import recommend
from sentrec.recommend.scoring import ModelScorer
from sentrec.training.train import train

REPETITIONS = 3


def write_reviews(source: Path, target: Path) -> int:
    rows = parquet.read_table(source, columns=["movie_id", "text"]).to_pylist()
    target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return len(rows)


def train_pipeline(source: Path) -> tuple[Pipeline, float]:
    table = parquet.read_table(source, columns=["text", "label"])
    started = time.perf_counter()
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(C=10.0, max_iter=300))
    pipeline.fit(table["text"].to_pylist(), table["label"].to_numpy())
    return pipeline, time.perf_counter() - started


def rank_with_pipeline(pipeline: Pipeline, path: Path) -> list[tuple[float, str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    films = defaultdict(list)
    for row, probability in zip(rows, pipeline.predict_proba([row["text"] for row in rows])[:, 1], strict=True):
        films[row["movie_id"]].append(probability)
    return sorted((statistics.fmean(values), film) for film, values in films.items())


def median_seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def accuracy_of(pipeline: Pipeline, source: Path) -> float:
    table = parquet.read_table(source, columns=["text", "label"])
    return float(pipeline.score(table["text"].to_pylist(), table["label"].to_numpy()))


def main() -> None:
    """Prints one table: the pipeline, and the recipe `imdb-fast` in either arithmetic."""
    console = Console()
    imdb = Path(os.environ.get("SENTREC_DATA", "")) / "imdb"
    if not imdb.is_dir():
        console.print("scoring: left out, since SENTREC_DATA names no folder with imdb")
        return
    try:
        open_vectors("6B", 50)
    except GloveError as error:
        console.print(f"scoring: left out. {error.message} {error.hint}")
        return
    with tempfile.TemporaryDirectory() as folder:
        reviews = Path(folder) / "reviews.jsonl"
        count = write_reviews(imdb / "test.parquet", reviews)
        run = train(load_recipe("imdb-fast"), Path(folder) / "run")
        pipeline, fitted = train_pipeline(imdb / "train.parquet")
        rows = [("TF-IDF(1,2) + LR", fitted, accuracy_of(pipeline, imdb / "test.parquet"))]
        seconds = [median_seconds(lambda: rank_with_pipeline(pipeline, reviews))]
        for precision in ("float32", "bfloat16"):
            scorer = ModelScorer(load(run), precision=precision)
            seconds.append(median_seconds(lambda scorer=scorer: recommend([reviews], scorer)))
            rows.append((f"imdb-fast, {precision}", run.metrics["seconds"], run.metrics["test"]["accuracy"]))
    table = Table("model", "reviews/s", "ratio", "test accuracy", "training", box=None, pad_edge=False)
    for (name, spent, accuracy), taken in zip(rows, seconds, strict=True):
        table.add_row(name, f"{count / taken:,.0f}", f"{seconds[0] / taken:.2f}", f"{accuracy:.4f}", f"{spent:.0f} s")
    console.print(f"{count:,} reviews from JSON lines to a ranking, median of {REPETITIONS}")
    console.print(table)


if __name__ == "__main__":
    main()
