"""YAML whose plain values mean what they look like: ``1e-3`` is a number, ``no`` and ``2024-05-01`` are text.

PyYAML follows YAML 1.1, which has it otherwise; this is the core schema of YAML 1.2. A document is bounded in size,
depth and what its aliases expand to.
"""

import re
from typing import Any

import yaml

from sentrec.errors import SentrecError, shortened
from sentrec.files.parse import MOST_DEPTH, one_line

MOST_CHARACTERS = 1 << 20
MOST_VALUES = 100_000
"""Most keys and values of a document, each alias counted as what it stands for."""
_TAG = "tag:yaml.org,2002:"
_CORE_SCHEMA = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
)
_REPLACED = {f"{_TAG}{kind}" for kind in ("bool", "int", "float", "timestamp")}


def parse_yaml(text: str, source: str, error: type[SentrecError] = SentrecError) -> Any:
    """The value of a YAML document of plain values; an `error` if it is none, too large or deep, or holds itself."""
    try:
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"it has more than {MOST_CHARACTERS:,} characters")
        loader = RecipeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _expanded_size(node, {}, 0)
        return loader.construct_document(node)
    # A tag such as `!!int` on other text raises a plain ValueError, `!!timestamp` and `!!binary` whatever they like.
    except Exception as cause:
        is_plain = isinstance(cause, RecursionError | ValueError)
        what = (
            one_line(cause) if is_plain else " ".join(shortened(cause, 500).replace('"<unicode string>", ', "").split())
        )
        raise error(f"{source} is not valid YAML: {what}") from cause


def dump_yaml(tree: Any) -> str:
    """Plain values as YAML that `parse_yaml` reads back to equal ones."""
    return str(yaml.dump(tree, Dumper=RecipeDumper, sort_keys=False, allow_unicode=True, width=120))


class RecipeLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the values of YAML 1.2, and an error for a key that is stated twice."""

    # Merge keys, null and the rest stay as they are.
    yaml_implicit_resolvers = {  # noqa: RUF012 - that is how PyYAML takes them
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class RecipeDumper(yaml.SafeDumper):
    """PyYAML's safe dumper; it quotes all text that any YAML version would take for something else."""


def _expanded_size(node: yaml.Node, known: dict[yaml.Node, int | None], depth: int) -> int:
    """How many values a node stands for; the same node counts wherever an alias repeats it."""
    if depth > MOST_DEPTH:
        raise RecursionError
    if node not in known:
        known[node] = None
        children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        inner = children if isinstance(node, yaml.CollectionNode) else ()
        known[node] = 1 + sum(_expanded_size(child, known, depth + 1) for child in inner)
    size = known[node]
    if size is None:
        raise ValueError("an alias refers to what it is part of")
    if size > MOST_VALUES:
        raise ValueError(f"with its aliases it has more than {MOST_VALUES:,} values")
    return size


def _mapping_without_repeats(loader: RecipeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else key_node
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"'{key}' is stated twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


for _kind, _pattern, _first in _CORE_SCHEMA:
    for _class in (RecipeLoader, RecipeDumper):
        _class.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_pattern})$"), list(_first))
RecipeLoader.add_constructor(f"{_TAG}int", lambda _, node: int(node.value))
RecipeLoader.add_constructor(f"{_TAG}map", _mapping_without_repeats)
