import errno
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from glove_server import SMALL_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from sentrec.errors import GloveError, SentrecError
from sentrec.glove import store
from sentrec.glove.parse import LineReader
from sentrec.glove.store import GloveVectors, cached, open_vectors, store_vectors, vectors_path


def save(text: bytes = SMALL_TEXT, dim: int = 2, name: str = "mine", md5: str | None = None) -> GloveVectors:
    return store_vectors(name, dim, LineReader(io.BytesIO(text), "file.txt"), "file.txt", md5)


def test_stored_vectors_open_as_they_were() -> None:
    save()
    vectors = open_vectors("mine", 2)
    assert (vectors.name, vectors.dim) == ("mine", 2)
    assert vectors.words.to_pylist() == ["the", ",", "film"]
    np.testing.assert_array_equal(vectors.matrix, np.array([[0.1, 0.2], [-0.5, 1e-5], [3, 4.25]], np.float32))
    assert vectors.fingerprint == hashlib.sha256(SMALL_TEXT).hexdigest()


def test_the_matrix_is_mapped_and_cannot_be_changed() -> None:
    matrix = save().matrix
    assert isinstance(matrix, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1


def test_rows_finds_each_word_or_gives_minus_one() -> None:
    rows = save().rows(["film", "no such word", "the", "The", "", "film"])
    assert rows.dtype == np.int64
    assert rows.tolist() == [2, -1, 0, -1, -1, 2]
    assert save().rows([]).tolist() == []


@settings(deadline=None)
@given(words=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40))
def test_of_a_repeated_word_the_first_line_counts(words: list[str]) -> None:
    expected = {}
    for place, word in enumerate(words):
        expected.setdefault(word, [float(place), -1.0])
    vectors = save("".join(f"{word} {place} -1\n" for place, word in enumerate(words)).encode())
    assert vectors.words.to_pylist() == list(expected)
    assert vectors.matrix.tolist() == list(expected.values())
    assert vectors.info.repeated_words == len(words) - len(expected)


@pytest.mark.parametrize("text", [b"a 1 2\nb 1\n", b""])
def test_a_faulty_text_leaves_nothing_behind_and_keeps_what_was_there(text: bytes) -> None:
    with pytest.raises(GloveError):
        save(text)
    assert cached() == []
    before = save().fingerprint
    with pytest.raises(GloveError):
        save(text)
    assert open_vectors("mine", 2).fingerprint == before
    assert [path.name for path in store.glove_home().iterdir()] == ["mine.2d"]


def test_a_full_disk_is_told_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "write_text", full)
    with pytest.raises(SentrecError, match="The disk is full"):
        save()
    assert list(store.glove_home().iterdir()) == []


def test_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(GloveError, match="not the published text: its md5 is"):
        save(md5="0" * 32)
    assert cached() == []


def test_a_right_checksum_is_recorded_as_verified() -> None:
    assert save(md5=hashlib.md5(SMALL_TEXT).hexdigest()).info.verified
    assert not save().info.verified


def test_missing_vectors_name_the_command_that_fetches_them() -> None:
    with pytest.raises(GloveError, match="not in the cache") as caught:
        open_vectors("6B", 100)
    assert caught.value.hint == "sentrec fetch-glove 6B --dim 100"
    with pytest.raises(GloveError) as caught:
        open_vectors("mine", 100)
    assert caught.value.hint == "sentrec fetch-glove mine --dim 100 --from-file FILE"


def test_dimensions_that_were_never_published_are_told() -> None:
    with pytest.raises(GloveError, match=r"no vectors of 128 dimensions; it has: 50, 100, 200, 300"):
        open_vectors("6B", 128)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b"])
def test_a_name_cannot_lead_out_of_the_cache(name: str) -> None:
    with pytest.raises(GloveError, match="cannot name vectors"):
        vectors_path(name, 2)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def garble(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


def hide_a_program(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:10] + b"(" * 60 + content[70:])  # numpy's headers are parsed as Python


@pytest.mark.parametrize("harm", [cut, grow, garble, hide_a_program, Path.unlink])
@pytest.mark.parametrize("file", ["matrix.npy", "words.arrow", "info.json"])
def test_damaged_files_are_noticed_with_the_command_that_fixes_them(file: str, harm: Callable[[Path], object]) -> None:
    vectors = save()
    if (file, harm) == ("info.json", grow) or (harm is hide_a_program and file != "matrix.npy"):
        harm = garble
    harm(vectors.path / file)
    with pytest.raises(GloveError, match="damaged") as caught:
        open_vectors("mine", 2)
    command = "sentrec fetch-glove mine --dim 2 --from-file FILE --force"
    assert caught.value.hint == command
    (entry,) = cached()
    assert (entry.name, entry.dim, entry.words) == ("mine", 2, None)
    assert (entry.problem, entry.fix) == (caught.value.message, caught.value.hint)


def test_vectors_of_another_name_in_a_renamed_folder_are_noticed() -> None:
    save().path.rename(vectors_path("other", 2))
    with pytest.raises(GloveError, match="do not belong together"):
        open_vectors("other", 2)


def test_cached_lists_by_name_and_size_and_ignores_other_folders() -> None:
    assert cached() == []
    save(name="b")
    save(b"x 1 2 3\n", dim=3, name="a.b")
    save(b"x 1\n", dim=1, name="b")
    (store.glove_home() / "downloads").mkdir()
    assert [(entry.name, entry.dim, entry.words) for entry in cached()] == [("a.b", 3, 1), ("b", 1, 1), ("b", 2, 3)]
    assert cached()[0].bytes == sum(file.stat().st_size for file in vectors_path("a.b", 3).iterdir())


@pytest.mark.data
def test_the_real_vectors_are_parsed_and_mapped_into_memory(real_data: Path) -> None:
    path = real_data / "glove" / "glove.6B.50d.zip"
    with zipfile.ZipFile(path) as archive, archive.open("glove.6B.50d.txt") as text:
        reader = LineReader(text, path.name)
        vectors = store_vectors("6B", 50, reader, path.name, "0fac3659c38a4c0e9432fe603de60b12")
    assert vectors.matrix.shape == (400_000, 50)
    opened = open_vectors("6B", 50)
    assert isinstance(opened.matrix, np.memmap)
    assert opened.rows(["the", "film", '"', "nan"]).tolist()[0] == 0
    assert (opened.rows(["film", '"', "nan"]) >= 0).all()
