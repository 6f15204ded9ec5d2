"""Whether two JSON values say the same: what a gateway keeps is written otherwise than what it was told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sanctuary_host.shapes import is_object, with_integers


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: `1.0` is `1`, the order of keys is none, `true` is not `1`."""
    try:
        return _canonical(one) == _canonical(other)
    except (RecursionError, ValueError, TypeError):
        return False


def stated(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's annotations, without those that state nothing."""
    annotations = tool.get("annotations")
    return {key: value for key, value in annotations.items() if value is not None} if is_object(annotations) else {}


def _canonical(value: Any) -> str:
    return json.dumps(with_integers(value), sort_keys=True)
