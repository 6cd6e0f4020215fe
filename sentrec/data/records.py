"""Rows in JSON: lists of records wherever they stand, reviews inside of what they are about, nested fields."""

from collections.abc import Mapping
from typing import Any

from sentrec.data.columns import FieldNames

_DEEPEST = 8
_CONTENT = ("text", "label", "value", "#text", "$t")
"""The field of a nested object that is its content, as in ``{"text": {"text": "...", "language": "en"}}``."""
_NAMES = FieldNames()


def document_records(value: Any) -> list[Any]:
    """The records of a JSON document: a list of them, an object that holds one, or what pandas writes."""
    if isinstance(value, list):
        return [row for one in value for row in (record_rows(one) if isinstance(one, dict) else [one])]
    values = list(value.values()) if isinstance(value, dict) else []
    if not values or _has_text(value):
        return [value]
    if all(isinstance(one, dict) for one in values) and (len(values) > 1 or _has_text(values[0])):
        if not all(key.isdecimal() for one in values for key in one):
            return [row for key, one in value.items() for row in record_rows(one if "id" in one else {"id": key} | one)]
        return [{name: column.get(row) for name, column in value.items()} for row in values[0]]
    if all(isinstance(one, list) and not _is_list_of_records(one) and len(one) == len(values[0]) for one in values):
        return [dict(zip(value, row, strict=True)) for row in zip(*values, strict=True)]
    if all(_is_list_of_records(one) and _rows_have_text(one) for one in values) and len(values) > 1:
        return [row for key, one in value.items() for child in one for row in record_rows(child, {"item": key})]
    rows = record_rows(value)
    lists = [one for one in values if _is_list_of_records(one)]
    if rows != [value] or len(lists) != 1:
        return rows
    return [_flat(one) if isinstance(one, dict) else one for one in lists[0]]


def record_rows(record: dict[str, Any], outer: Mapping[str, Any] | None = None, depth: int = 0) -> list[dict[str, Any]]:
    """The rows of one record: itself, the reviews that it holds, or itself with nested fields as ``review.text``.

    `outer` is what the record stands in, of which the name of the item is kept.
    """
    outer = outer or {}
    nested = [one for one in record.values() if isinstance(one, dict | list)]
    if not nested or depth > _DEEPEST or _has_text(record):
        return [_within(outer, record)]
    lists = [one for one in nested if isinstance(one, list) and _is_list_of_records(one) and _rows_have_text(one)]
    item = {name: record[name] for name in _NAMES.find("movie", record) if isinstance(record[name], str | int)}
    if lists:
        return [row for one in max(lists, key=len) for row in record_rows(one, {**outer, **item}, depth + 1)]
    flat = _flat(record)
    if _has_text(flat):
        return [_within(outer, flat)]
    for one in nested:
        if isinstance(one, dict) and (rows := record_rows(one, {**outer, **item}, depth + 1)) and _has_text(rows[0]):
            return rows
    return [_within(outer, record)]


def _within(outer: Mapping[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {**{"item" if name in record else name: value for name, value in outer.items()}, **record}


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _rows_have_text(records: list[Any]) -> bool:
    """Whether the first of some records is a text, or holds one."""
    return _has_text(record_rows(records[0], depth=_DEEPEST - 2)[0])


def _has_text(record: Mapping[str, Any]) -> bool:
    return any(isinstance(record[name], str) for name in _NAMES.find("text", record))


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value and len(prefix) < 100:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix[:-1] if prefix and name in _CONTENT and prefix[:-1] not in flat else f"{prefix}{name}"] = value
    return flat
