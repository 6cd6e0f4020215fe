"""YAML whose plain values mean what they look like: ``1e-3`` is a number, ``no`` and ``2024-05-01`` are text.

PyYAML follows YAML 1.1, which has it otherwise; this is the core schema of YAML 1.2.
"""

import re
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
_CORE_SCHEMA = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
)
_REPLACED = {f"{_TAG}{kind}" for kind in ("bool", "int", "float", "timestamp")}


class RecipeLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the values of YAML 1.2, and an error for a key that is stated twice."""

    # Merge keys, null and the rest stay as they are.
    yaml_implicit_resolvers = {  # noqa: RUF012 - that is how PyYAML takes them
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class RecipeDumper(yaml.SafeDumper):
    """PyYAML's safe dumper; it quotes all text that any YAML version would take for something else."""


def _integer(loader: RecipeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


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
RecipeLoader.add_constructor(f"{_TAG}int", _integer)
RecipeLoader.add_constructor(f"{_TAG}map", _mapping_without_repeats)
