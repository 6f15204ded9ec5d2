"""What a gateway would silently drop or refuse, found before it does.

The rules are ContextForge's (1.0.7, `mcpgateway.common.validators` and `config`): a tool whose name or description
breaks them vanishes from the gateway's list while registration reports success.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sanctuary_host.shapes import is_array, is_object

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_LIMIT: Final = 64
"""Characters; ContextForge allows 128 with its prefix, several clients only 64."""
DESCRIPTION_LIMIT: Final = 8_192
DEPTH_LIMIT: Final = 30
SHELL_WORDS: Final = ("&&", "||", "$(")
MARKUP: Final = re.compile(r"<\s*/?\s*(script|iframe|object|embed|link|meta|base|form|img|svg|style)\b", re.IGNORECASE)


def faults_of(name: str, description: str, schema: Mapping[str, Any] | None = None) -> list[str]:
    """Sentences about one tool, prompt or resource; none means that it passes."""
    faults: list[str] = []
    if not NAME.fullmatch(name):
        faults.append(f"{name[:NAME_LIMIT]!r} is not a usable name; use letters, digits, _ . - and start with a letter")
    if len(name) > NAME_LIMIT:
        faults.append(f"{name[:NAME_LIMIT]}… has {len(name)} characters; {NAME_LIMIT} is what every client accepts")
    if len(description) > DESCRIPTION_LIMIT:
        faults.append(f"{name}: its description has {len(description)} characters; gateways cut at {DESCRIPTION_LIMIT}")
    found = [word for word in SHELL_WORDS if word in description]
    if markup := MARKUP.search(description):
        found.append(markup.group(0))
    if found:
        faults.append(f"{name}: its description contains {found[0]!r}, for which gateways drop the tool; reword it")
    if schema is not None and (depth := _depth(schema)) > DEPTH_LIMIT:
        faults.append(f"{name}: its schema is nested {depth} deep; gateways drop tools beyond {DEPTH_LIMIT}")
    return faults


def collisions(names: Iterable[str]) -> list[str]:
    """Sentences about names that become the same once a gateway has made them slugs."""
    by_slug: dict[str, list[str]] = {}
    for name in names:
        by_slug.setdefault(re.sub(r"[_./ -]+", "-", name).lower(), []).append(name)
    return [
        f"{' and '.join(same)} are one name to a gateway, which turns _ and . into -; rename one"
        for same in by_slug.values()
        if len(same) > 1
    ]


def _depth(value: Any) -> int:
    if is_object(value):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if is_array(value):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0
