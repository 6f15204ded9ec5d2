"""What `text_analyze` can do, as one table: operation to function."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final, cast

from pydantic import JsonValue

from sanctuary_host import ToolError
from sanctuary_utils import counting, csv_text, difference, network_forms, queries, search, tokens, unicode_
from sanctuary_utils.colors import check_color
from sanctuary_utils.documents import FormatError, Value, quoted
from sanctuary_utils.findings import Analysis, invalid, valid
from sanctuary_utils.json_text import depth_of, read_json
from sanctuary_utils.text_words import AnalyzeOperation
from sanctuary_utils.toml_text import read_toml
from sanctuary_utils.yaml_text import read_yaml

__all__ = ["OPERATIONS", "Request"]

SUSPICIOUS: Final = 1_000
ASCII_CLASSES: Final = re.compile(r"\\[wWdDb]")


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of one call."""

    text: str
    pattern: str
    other: str
    limit: int


def _count(request: Request) -> Analysis:
    facts = counting.count(request.text)
    summary = f"{facts['graphemes']:,} characters (graphemes), {facts['words']:,} words, {facts['lines']:,} lines"
    return Analysis(summary, facts={**facts})


def _unicode(request: Request) -> Analysis:
    text = request.text
    found = list(islice(unicode_.suspicious(text), SUSPICIOUS))
    counts = Counter(text)
    scripts = Counter[str]()
    for char, number in counts.items():
        scripts[unicode_.script_of(char)] += number
    suspects: list[JsonValue] = [
        {"index": one.index, "code": one.code, "name": one.name, "reason": one.reason} for one in found[: request.limit]
    ]
    facts: dict[str, JsonValue] = {
        "code_points": len(text),
        "distinct": len(counts),
        "scripts": {**dict(scripts.most_common())},
        "is_nfc": unicode_.normal("NFC", text) == text,
        "suspicious_total": len(found),
        "suspicious": suspects,
    }
    items: list[JsonValue] = [{**unicode_.describe(char)} for char in text[: request.limit]]
    summary = f"{len(text):,} code points; {len(found)}{'+' if len(found) == SUSPICIOUS else ''} suspicious"
    truncated = len(text) > len(items) or len(found) > len(suspects)
    return Analysis(summary, None, facts, items, len(text), truncated=truncated)


def _diff(request: Request) -> Analysis:
    made = difference.difference(request.text, request.other)
    if not made.removed and not made.added:
        return Analysis("the texts are equal", facts={"diff": ""})
    facts: dict[str, JsonValue] = {
        "removed_lines": made.removed, "added_lines": made.added, "hunks": made.hunks, "shortest": made.exact,
        "diff": made.text,
    }  # fmt: skip  # one glance
    return Analysis(f"-{made.removed} +{made.added} lines in {made.hunks} hunk(s)", facts=facts, truncated=made.cut)


def _regex(request: Request) -> Analysis:
    if not request.pattern:
        raise ToolError("regex needs a pattern")
    found = search.matches(request.pattern, request.text, request.limit)
    summary = f"{found.counted:,} match(es)" + (f" or more, {len(found.shown)} shown" if found.more else "")
    items: list[JsonValue] = [cast("JsonValue", one) for one in found.shown]
    facts: dict[str, JsonValue] = {}
    if not request.text.isascii() and (classes := ASCII_CLASSES.search(request.pattern)):
        facts["note"] = f"{classes[0]} knows ASCII only and the text has more; letters are \\p{{L}}, digits \\p{{N}}"
    return Analysis(summary, None, facts, items, found.counted, truncated=found.more)


def _json(request: Request) -> Analysis:
    document = read_json(request.text)
    notes: list[JsonValue] = [*document.notes]
    facts: dict[str, JsonValue] = {"depth": depth_of(request.text), **_shape(document.value), "notes": notes}
    return valid("valid JSON" + (", with repeated names" if notes else ""), facts)


def _yaml(request: Request) -> Analysis:
    documents = read_yaml(request.text)
    notes: list[JsonValue] = []
    notes += chain.from_iterable(document.notes for document in documents[:100])
    facts: dict[str, JsonValue] = {"documents": len(documents), "notes": notes}
    if len(documents) == 1:
        facts |= _shape(documents[0].value)
    return valid(f"valid YAML, {len(documents)} document(s)", facts)


def _toml(request: Request) -> Analysis:
    return valid("valid TOML", _shape(read_toml(request.text).value))


def _csv(request: Request) -> Analysis:
    table = csv_text.read_table(request.text)
    if not table.rows:
        return invalid("CSV", "it has no rows")
    header = table.rows[0]
    ragged: list[JsonValue] = [
        {"line": line, "fields": len(row)} for row, line in zip(table.rows, table.lines, strict=True)
        if len(row) != len(header)
    ]  # fmt: skip  # one sentence
    repeated = [name for name, count in Counter(header).items() if count > 1]
    facts: dict[str, JsonValue] = {
        "delimiter": table.delimiter_name, "rows": len(table.rows), "columns": len(header),
        "header": [*header[:100]], "ragged_rows": len(ragged),
    }  # fmt: skip  # one glance
    if ragged or repeated:
        causes = [f"{len(ragged)} row(s) have another number of fields than the first"] if ragged else []
        causes += [f"the column name {quoted(repeated[0])} stands twice"] if repeated else []
        cause = " and ".join(causes)
        return Analysis(
            f"not consistent CSV: {cause}", valid=False, facts={**facts, "cause": cause}, items=ragged[: request.limit],
            total=len(ragged), truncated=len(ragged) > request.limit,
        )  # fmt: skip  # one call
    return valid(f"consistent CSV: {len(table.rows)} rows of {len(header)} fields", facts)


def _shape(value: Value) -> dict[str, JsonValue]:
    if isinstance(value, dict):
        return {"type": "object", "members": len(value), "names": [name[:100] for name in islice(value, 50)]}
    if isinstance(value, list):
        return {"type": "array", "elements": len(value)}
    kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
    return {"type": "string" if isinstance(value, str) else kind}


def _checked(check: Callable[[Request], Analysis]) -> Callable[[Request], Analysis]:
    """A check whose fault is its answer."""

    def answer(request: Request) -> Analysis:
        try:
            return check(request)
        except FormatError as fault:
            where: dict[str, JsonValue] = {"line": fault.line} if fault.line else {}
            where |= {"column": fault.column} if fault.column else {}
            return Analysis(str(fault), valid=False, facts={"cause": fault.cause, **where})

    return answer


OPERATIONS: Final[dict[AnalyzeOperation, Callable[[Request], Analysis]]] = {
    "count": _count,
    "unicode": _unicode,
    "diff": _diff,
    "regex": _regex,
    "jsonpath": lambda request: queries.query_jsonpath(request.text, request.pattern, request.limit),
    "jmespath": lambda request: queries.query_jmespath(request.text, request.pattern, request.limit),
    "json": _checked(_json),
    "yaml": _checked(_yaml),
    "toml": _checked(_toml),
    "csv": _checked(_csv),
    "email": lambda request: network_forms.check_email(request.text),
    "url": lambda request: network_forms.check_url(request.text),
    "ip": lambda request: network_forms.check_ip(request.text, request.other),
    "semver": lambda request: tokens.check_semver(request.text, request.other),
    "jwt": lambda request: tokens.check_jwt(request.text),
    "color": lambda request: check_color(request.text, request.other),
    "luhn": lambda request: tokens.check_luhn(request.text),
    "iban": lambda request: tokens.check_iban(request.text),
    "uuid": lambda request: tokens.check_uuid(request.text),
}
