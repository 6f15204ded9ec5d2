"""JSON-RPC messages: from bytes to a checked object, from replies to bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from mcp_types import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR
from pydantic_core import PydanticSerializationError, from_json, to_json

from sanctuary_host.shapes import is_object

Message = dict[str, Any]
RequestId = str | int

REQUEST_CANCELLED: Final = -32800
"""The error code with which a cancelled request is answered, as in the language server protocol."""
CORRELATION: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

PARTS: Final = 200_000
"""Arrays and objects in one message: four megabytes of `[],` would hold up everybody for seconds. Brackets within
strings count too, since only parsing would tell them apart."""


class RefusedError(Exception):
    """A message is not served; the text is a sentence for the client.

    Attributes:
        code: the JSON-RPC error code.
        status: the HTTP status, where the message came over HTTP.
        data: what the protocol adds to the error.
        request_id: the refused request's id, where one could be read.
        headers: HTTP headers that go with the status.
    """

    def __init__(
        self,
        text: str,
        *,
        code: int = INVALID_REQUEST,
        status: int = 400,
        data: Any = None,
        request_id: RequestId | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.data = data
        self.request_id = request_id
        self.headers = headers or {}

    def reply(self) -> Message:
        """The refusal as a JSON-RPC error."""
        return failure(self.request_id, self.code, str(self), self.data)


def failure(request_id: RequestId | None, code: int, text: str, data: Any = None) -> Message:
    """An error reply."""
    error: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


def notification(method: str, params: Mapping[str, Any] | None = None) -> Message:
    """A notification."""
    message: Message = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = dict(params)
    return message


def decode(data: bytes | bytearray | memoryview) -> Message:
    """Read one JSON-RPC message: a request, a notification or a response.

    Raises:
        RefusedError: it is not one.
    """
    body = bytes(data)
    if len(body) > PARTS and body.count(b"[") + body.count(b"{") > PARTS:
        raise RefusedError(f"the message has more than {PARTS:,} brackets; send it in smaller pieces")
    try:
        message = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        # The parser's words name a position, never the content.
        raise RefusedError(f"the message is not JSON: {error}", code=PARSE_ERROR) from None
    return _checked(message)


def _checked(message: Any) -> Message:
    if not is_object(message):
        what = "a batch" if isinstance(message, list) else "no object"
        raise RefusedError(f"the message is {what}; send a single JSON-RPC object")
    if message.get("jsonrpc") != "2.0":
        raise RefusedError('the message is not JSON-RPC 2.0; state "jsonrpc": "2.0"')
    if "id" in message and not is_id(message["id"]):
        raise RefusedError("the message's id must be a string or an integer")
    if "method" in message:
        if not isinstance(message["method"], str):
            raise RefusedError("the message's method must be a string")
        if not isinstance(message.get("params"), dict | None):
            raise RefusedError("the message's params must be an object")
    elif "id" not in message or ("result" in message) == ("error" in message):
        raise RefusedError("the message is neither a request, nor a notification, nor a response")
    return dict(message)


def object_of(value: Any) -> Mapping[str, Any]:
    """The members of a JSON object; none where `value` is something else."""
    return value if is_object(value) else {}


def is_id(value: Any) -> TypeGuard[RequestId]:
    """Whether `value` can be a request's id; `true` is none, though Python takes it for 1."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def id_key(request_id: RequestId) -> RequestId:
    """Ids that mean the same request, since some clients send `7` back as `"7"`."""
    if isinstance(request_id, str) and request_id.isascii() and request_id.isdigit() and len(request_id) < 20:
        return int(request_id)
    return request_id


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as bytes, without a line break in it.

    Raises:
        ValueError: JSON cannot state it.
    """
    try:
        return to_json(message, inf_nan_mode="null", fallback=str)
    except PydanticSerializationError:
        # Half of a surrogate pair, such as a file name that is not UTF-8 leaves in a string.
        return json.dumps(message, ensure_ascii=False, default=str).encode("utf-8", "replace")


def encode_reply(message: Message) -> bytes:
    """A reply as bytes; where JSON cannot state it, an error in its place."""
    try:
        return encode(message)
    except (ValueError, RecursionError):
        return to_json(failure(message["id"], INTERNAL_ERROR, "the result cannot be written as JSON"))


def spliced_reply(request_id: RequestId, result: bytes) -> bytes:
    """A reply around a result that is already JSON."""
    return b'{"jsonrpc":"2.0","id":' + encode_id(request_id) + b',"result":' + result + b"}"


def encode_id(request_id: RequestId) -> bytes:
    """An id as JSON."""
    return to_json(request_id)


def correlation_of(value: str | None) -> str:
    """A client's correlation id, where it looks harmless; otherwise nothing."""
    return value if value and CORRELATION.fullmatch(value) else ""
