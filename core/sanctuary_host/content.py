"""What a tool, resource or prompt may return besides plain data: text, pictures, sound, embedded resources.

The names are the protocol's (`ContentBlock` in the MCP schema); the wire form is made here, so that a worker
process needs no part of the protocol's implementation.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """A block of text."""

    text: str

    def wire(self) -> dict[str, Any]:
        """The block as the protocol writes it."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: its bytes and their media type, such as `image/png`."""

    data: bytes
    mime_type: str

    def wire(self) -> dict[str, Any]:
        """The block as the protocol writes it."""
        return {"type": "image", "data": base64.b64encode(self.data).decode(), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound: its bytes and their media type, such as `audio/wav`."""

    data: bytes
    mime_type: str

    def wire(self) -> dict[str, Any]:
        """The block as the protocol writes it."""
        return {"type": "audio", "data": base64.b64encode(self.data).decode(), "mimeType": self.mime_type}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A resource's contents inside a reply: text, or bytes for what is not text."""

    uri: str
    data: str | bytes
    mime_type: str

    def wire(self) -> dict[str, Any]:
        """The block as the protocol writes it."""
        return {"type": "resource", "resource": resource_contents(self.uri, self.data, self.mime_type)}


@dataclass(frozen=True, slots=True)
class Link:
    """A pointer to a resource that the caller may read later."""

    uri: str
    name: str
    description: str = ""
    mime_type: str = ""

    def wire(self) -> dict[str, Any]:
        """The block as the protocol writes it."""
        block: dict[str, Any] = {"type": "resource_link", "uri": self.uri, "name": self.name}
        if self.description:
            block["description"] = self.description
        if self.mime_type:
            block["mimeType"] = self.mime_type
        return block


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A whole result as it goes on the wire, for what the protocol can say and this package does not name.

    Nothing in it is checked before the protocol's own validation.
    """

    result: dict[str, Any]


Content = Text | Image | Audio | Embedded | Link


def resource_contents(uri: str, data: str | bytes, mime_type: str) -> dict[str, Any]:
    """The protocol's `ResourceContents`: `text` for text, base64 `blob` for bytes."""
    if isinstance(data, str):
        return {"uri": uri, "mimeType": mime_type, "text": data}
    return {"uri": uri, "mimeType": mime_type, "blob": base64.b64encode(data).decode()}
