"""A generator of hostile inputs, by kind of file: what somebody's program, disk or malice may have written.

A new command or a new file format is tested by naming it beside these cases, and so gets them all.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from archives import archive

MOST_CHARACTERS = 4200
"""Longest message and hint of an error."""


def nested(depth: int, opening: str, closing: str) -> bytes:
    """Brackets within brackets."""
    return (opening * depth + closing * depth).encode()


def alias_bomb(levels: int = 9, width: int = 9) -> bytes:
    """YAML whose aliases stand for ``width ** levels`` values."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels + 1)]
    return "\n".join(lines).encode()


def merge_bomb(levels: int = 9, width: int = 9) -> bytes:
    """YAML whose merge keys do the same."""
    lines = ["a0: &a0 {k: v}"]
    lines += [
        f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * width)}]}}" for level in range(1, levels + 1)
    ]
    return "\n".join(lines).encode()


NO_TEXT: dict[str, bytes] = {
    "null bytes": bytes(100),
    "a byte that is not UTF-8": b"name: caf\xe9",
    "UTF-16": "name: x".encode("utf-16"),
    "a gzip": b"\x1f\x8b\x08\x00" + bytes(range(256)),
    "all bytes": bytes(range(256)),
}
BAD_YAML: dict[str, bytes] = NO_TEXT | {
    "alias bomb": alias_bomb(),
    "merge bomb": merge_bomb(),
    "wide alias bomb": alias_bomb(3, 60),
    "itself": b"a: &a [*a]",
    "itself in a map": b"a: &a {b: *a}",
    "merged with itself": b"a: &a {<<: *a}",
    "20,000 brackets": nested(20_000, "[", "]"),
    "20,000 open brackets": b"[" * 20_000,
    "5,000 maps": nested(5_000, "{a: ", "}"),
    "200 deep": b"seed: " + nested(200, "[", "]"),
    "5,000 digits": b"seed: " + b"9" * 5_000,
    "2 MB": b"name: " + b"x" * 2_000_000,
    "unknown alias": b"seed: *nobody",
    "python object": b"seed: !!python/object/apply:os.system [ls]",
    "bad tag": b"seed: !!int abc",
    "bad binary": b"name: !!binary '@@@'",
    "list": b"- 1\n- 2",
    "number": b"12",
    "two documents": b"seed: 1\n---\nseed: 2",
    "tab": b"a:\n\t- b",
    "a key twice": b"seed: 1\nseed: 2",
    "key that is a list": b"? [a, b]\n: c",
    "100,000 unknown keys": b"\n".join(b"k%d: 1" % number for number in range(30_000)),
    "a key of 10,000 characters": b"k" * 10_000 + b": 1",
    "escape sequence": b'"\\e[31mred": 1',
    "markup": b'"[/]": "[bold]"',
    "itself as parent": b"extends: hostile.yaml",
    "a parent that is a list": b"extends: [a]",
    "a parent of an impossible name": b"extends: " + b"x" * 5_000,
    "a parent with a null byte": b'extends: "a\\0b"',
    "a parent of nobody": b"extends: ~nobody-of-this-name/x.yaml",
}
BAD_JSON: dict[str, bytes] = NO_TEXT | {
    "empty": b"",
    "cut off": b'{"versions": {"sentrec": "0.1',
    "20,000 brackets": nested(20_000, "[", "]"),
    "100,000 open brackets": b"[" * 100_000,
    "5,000 objects": nested(5_000, '{"a":', "}")[:-1],
    "500 deep": nested(500, "[", "]"),
    "5,000 digits": b'{"seeds": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"test": NaN}',
    "Infinity": b'{"test": -Infinity}',
    "list": b"[]",
    "number": b"3",
    "null": b"null",
    "text": b'"x"',
    "trailing words": b"{} and more",
    "lone surrogate": b'{"versions": "\\ud800"}',
}
TREE: object = {"z": 1}
for _ in range(10):
    TREE = {"left": [TREE], "right": [TREE]}
BAD_TABLES: dict[str, bytes] = NO_TEXT | {
    "20,000 brackets": nested(20_000, "[", "]"),
    "3,000 lists of reviews within each other": b'{"reviews":[' * 3_000 + b'{"text": "x"}' + b"]}" * 3_000,
    "5,000 lists": json.dumps({f"k{number}": [{"text": "x"}] for number in range(5_000)}).encode(),
    "lists that double": json.dumps(TREE).encode(),
    "fields 60 deep": b'{"a":' * 60 + b'{"text": "x"}' + b"}" * 60,
    "6,000 digits": b'[{"text": "x", "id": ' + b"9" * 6_000 + b"}]",
    "carriage returns": b"hotel,review\n" + b"x\r" * 30_000,
    "carriage returns in a cell": b"hotel,review\nA," + b"\r" * 300_000 + b"\nB,fine\n",
    "open quote": b'text,stars\n"open,5\n' + b"a,1\n" * 2_000,
    "open single quote": b"'hotel','review'\n'A','open\n",
    "backslashes": b'"hotel","review"\n"A","x\\"y' + b"\\" * 50_000 + b'"\n',
    "50,000 bars": b"|" * 50_000 + b"\n" + b"|-" * 50_000,
    "9,000 columns": b"hotel,review" + b",c" * 9_000 + b"\nA,fine" + b"," * 9_000,
    "control characters": b"hotel,review\n" + b"\1\2\3\4,fine\n" * 100,
    "odd UTF-16": b"\xff\xfe" + b"a" * 101,
    "a workbook without parts": archive({"xl/workbook.xml": b"<x/>"}),
    "a workbook of entities": archive(
        {"xl/workbook.xml": b'<!DOCTYPE l [<!ENTITY a "&#65;"><!ENTITY b "&a;&a;">]><l>&b;</l>'}
    ),
    "a zip in a zip": archive({"inner.zip": archive({"reviews.csv": b"text\nx\n"})}),
    "a zip of 2,000 files": archive({f"{number}.csv": b"" for number in range(2_000)}),
    "a zip with a changed byte": archive({"reviews.csv": b"text\ngood\n"}).replace(b"good", b"food", 1),
    "a changed gzip": gzip.compress(bytes(range(256)) * 9)[:40] + b"x" * 40,
    "a key that is half a character": b'{"\\ud800": 1, "text": "x", "label": "y"}\n',
    "Parquet's name alone": b"PAR1" + bytes(100) + b"PAR1",
}
BAD_PATHS: dict[str, str] = {
    "null byte": "a\0b",
    "name too long": "x" * 300,
    "path too long": "x/" * 3_000,
    "nobody's home": "~nobody-of-this-name/x",
    "lone surrogate": "\udc80\ud800x",
    "absent": "no/such/folder/x.yaml",
    "below a device": "/dev/null/x",
    "root": "/",
    "parent": "..",
    "escape sequence": "\x1b[31mred\x1b[0m",
    "markup": "[/]",
    "line break": "a\nb",
    "5,000 characters": "é" * 5_000,
}
BAD_OUTPUTS: dict[str, str] = {
    "proc": "/proc/x",
    "below proc": "/proc/1/x/y",
    "below a device": "/dev/null/x",
    "null byte": "a\0b",
    "name too long": "x" * 300,
    "path too long": "x/" * 3_000,
    "below a loop of links": "loop/x",
    "a loop of links": "loop",
    "below a file": "file/x",
}
BAD_NAMES: dict[str, str] = {
    "escape sequence": "\x1b[31mred\x1b[0m",
    "markup": "[/]",
    "open markup": "[bold",
    "bell and backspace": "a\a\b\bc",
    "control sequence of 8 bits": "\x9b31m",
    "title of the window": "\x1b]0;owned\x07",
    "carriage return": "fine\rgone",
    "right to left": "abc\u202edef",
}


def each(cases: dict[str, bytes] | dict[str, str]) -> Iterable[object]:
    """The cases as parameters of a test."""
    return [pytest.param(value, id=name) for name, value in cases.items()]


def require_one_clean_line(message: str, hint: str | None) -> None:
    """An error is short, whatever it is about, and says something."""
    for text in (message, hint or ""):
        assert len(text) <= MOST_CHARACTERS
        assert "sys.set_int" not in text, "a message of Python for programmers"
    assert message.strip()


def make_places(folder: Path) -> None:
    """What `BAD_OUTPUTS` names: a loop of links, and a file where a folder would have to be."""
    (folder / "loop").symlink_to(folder / "back")
    (folder / "back").symlink_to(folder / "loop")
    (folder / "file").write_text("mine")
