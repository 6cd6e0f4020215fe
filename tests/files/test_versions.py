"""What caches are keyed by: the code, whichever version it says that it is."""

from pathlib import Path

from sentrec.files.versions import code_of, code_version, hash_of_code, processor_name
from sentrec.models.words import TokenEmbedding


def test_every_change_of_the_code_changes_its_hash(tmp_path: Path) -> None:
    hashes = []
    for name, content in (("a.py", "x = 1"), ("a.py", "x = 2"), ("b/c.py", ""), ("b/d.txt", "not code")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
        hashes.append(hash_of_code(tmp_path))
    assert len(set(hashes[:3])) == 3
    assert hashes[3] == hashes[2]


def test_the_version_names_release_and_code() -> None:
    release, _, code = code_version().partition("+")
    assert release
    assert len(code) == 12
    assert code_version() is code_version()
    assert processor_name()


def test_a_class_is_known_by_the_module_that_defines_it() -> None:
    assert len(code_of(TokenEmbedding)) == 12
    assert code_of(TokenEmbedding) == hash_of_code(Path(__import__("sys").modules[TokenEmbedding.__module__].__file__))
