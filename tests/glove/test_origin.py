"""What made stored vectors is read back from their source, and the command that mends them fits it."""

import json

import pytest
from small_regions import store_regions
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import GloveError
from sentrec.glove.origin import REGIONS, Learned, learned_by
from sentrec.glove.store import open_vectors

IMDB = ("imdb/train", "imdb/unsupervised")


@pytest.mark.parametrize("learned", [Learned(REGIONS, "a9333c0ef21a", IMDB), Learned(REGIONS, "0", ("a file.txt",))])
def test_what_learned_vectors_is_read_back_from_their_source(learned: Learned) -> None:
    assert learned_by(str(learned)) == learned


def test_the_source_of_older_vectors_is_still_understood() -> None:
    assert learned_by("sentrec learn-regions a9333c0ef21a: imdb/train, imdb/unsupervised") == Learned(
        REGIONS, "a9333c0ef21a", IMDB
    )


@pytest.mark.parametrize("source", ["/data/glove.6B.50d.zip", "https://example.org/mine.txt", "a test", "sentrec x"])
def test_what_was_fetched_or_made_otherwise_was_not_learned(source: str) -> None:
    assert learned_by(source) is None


@pytest.mark.parametrize(
    ("window", "source", "mend"),
    [
        (
            3,
            str(Learned(REGIONS, "1f", ("imdb/train", "my own.csv"))),
            "sentrec learn-regions --name around --dim 4 --window 3 --corpus imdb/train --corpus 'my own.csv' --force",
        ),
        (3, "a test", "sentrec learn-regions --name around --dim 4 --window 3 --corpus CORPUS --force"),
        (None, "/data/mine.txt", "sentrec fetch-glove around --dim 4 --from-file FILE --force"),
    ],
)
def test_damaged_vectors_name_the_command_that_made_them(window: int | None, source: str, mend: str) -> None:
    path = store_regions(window=window, source=source).path
    (path / "matrix.npy").unlink()
    with pytest.raises(GloveError, match=r"damaged: matrix\.npy is missing") as caught:
        open_vectors("around", 4)
    assert caught.value.hint == mend
    (finding,) = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["findings"]
    assert finding["fix"] == mend
