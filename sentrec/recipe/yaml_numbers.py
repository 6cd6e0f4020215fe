"""A safe YAML loader that reads ``1e-3`` as the number it is (PyYAML follows YAML 1.1 and makes it a string)."""

import re
from typing import Any

import yaml

_FLOAT = re.compile(r"^[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$")


class RecipeLoader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2 floats, and an error for a key that is stated twice."""


def _mapping_without_repeats(loader: RecipeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"'{key}' is stated twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


RecipeLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
RecipeLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_repeats)
