"""Change text, and find out about it: two tools over the tables of `transforming` and `analyzing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from sanctuary_host import ToolError, Tools, hookimpl, tool
from sanctuary_utils.documents import OUTPUT, require_text
from sanctuary_utils.findings import Analysis
from sanctuary_utils.text_words import AnalyzeOperation, Source, Target, TransformOperation

__all__ = ["Transformed", "register_tools", "text_analyze", "text_transform"]

SHOWN: Final = 2_000
"""Characters of a result that stand in the readable text too."""
Long = Annotated[str, Field(max_length=1_000_000)]


@dataclass(frozen=True, slots=True)
class Transformed:
    """The changed text, and a sentence for each thing that was lost or assumed."""

    text: str
    notes: list[str]

    def __str__(self) -> str:
        """The text where it is short, else its size; then the notes."""
        text = self.text if len(self.text) <= SHOWN else f"({len(self.text):,} characters, in the field text)"
        return "\n".join([text, *(f"Note: {note}" for note in self.notes)])


@tool(read_only=True, timeout=5)
def text_transform(
    text: Long,
    operation: TransformOperation,
    *,
    to: Annotated[Target, Field(description="Encoding, hash, format; what to strip")] = "",
    source: Annotated[Source, Field(description="convert from (json); hex, base64: bytes to encode or hash")] = "",
    key: Annotated[str, Field(description="For hmac; prefix hex: or base64:")] = "",
    width: Annotated[int, Field(ge=0, le=1000, description="Columns 80, indent 2")] = 0,
    delimiter: Annotated[str, Field(description="CSV")] = "",
) -> Transformed:
    """Change text exactly: case, lines, encoding, hash, data format, Unicode form; notes say what was lost."""
    from sanctuary_utils import transforming  # noqa: PLC0415  # YAML and more, which start-up need not wait for

    require_text(text=text, key=key, delimiter=delimiter)
    turned, notes = transforming.OPERATIONS[operation](transforming.Request(text, to, source, key, width, delimiter))
    if len(turned) > OUTPUT:
        raise ToolError(f"the result has {len(turned):,} characters, more than {OUTPUT:,}; give a part of the text")
    return Transformed(turned, notes)


@tool(read_only=True, timeout=5)
def text_analyze(
    text: Long,
    operation: AnalyzeOperation,
    *,
    pattern: Annotated[str, Field(max_length=1000, description="For regex (RE2 syntax), jsonpath, jmespath")] = "",
    other: Annotated[
        str, Field(max_length=1_000_000, description="diff: new text. ip, semver, color: compare with this")
    ] = "",
    limit: Annotated[int, Field(ge=1, le=1000, description="Items in the answer")] = 50,
) -> Analysis:
    """Count, compare, search or query text; unicode: deceptive characters; json to uuid: validate and take apart."""
    from sanctuary_utils import analyzing  # noqa: PLC0415  # RE2 and more, which start-up need not wait for

    require_text(text=text, pattern=pattern, other=other)
    return analyzing.OPERATIONS[operation](analyzing.Request(text, pattern, other, limit))


@hookimpl
def register_tools() -> Tools:
    """The tools of this plugin."""
    return [text_transform, text_analyze]
