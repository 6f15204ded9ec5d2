"""JSON Schemas as this package writes them: those of pydantic, without what only costs tokens."""

from __future__ import annotations

from typing import Any, Final

from sanctuary_host.shapes import is_array, is_object

SECTIONS: Final = ("properties", "$defs", "patternProperties", "dependentSchemas")
"""Keywords whose value maps names to schemas."""
DATA: Final = ("default", "examples", "const", "enum")
"""Keywords whose value is data and no schema."""


class UnfitError(Exception):
    """A function cannot be offered; the message says why and what to change."""


def tidy(schema: Any) -> Any:
    """A schema without the titles that pydantic derives from names: they say nothing and cost tokens."""
    if is_array(schema):
        return [tidy(item) for item in schema]
    if not is_object(schema):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in SECTIONS and is_object(value):
            kept[key] = {name: tidy(item) for name, item in value.items()}
        elif key in DATA:
            kept[key] = value
        else:
            kept[key] = tidy(value)
    return kept


def lean(schema: dict[str, Any]) -> dict[str, Any]:
    """An output schema without its classes' descriptions and defaults: every field is there in every result."""
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("description", None)
        for field in part.get("properties", {}).values():
            field.pop("default", None)
    return schema
