"""What the local fleet's gateway keeps from one run to the next: its secrets, the tokens made of them, its database."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Final
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sanctuary_host.shapes import is_object

USER: Final = "admin@example.com"
"""The gateway's one user; it makes it at its first start. example.com is nobody's (RFC 2606)."""
SERVERS: Final = ("gateways.create", "gateways.read", "gateways.update", "tools.read", "tools.update")
"""What a server may do that registers itself. The last two are for comparing tools, and for their annotations, which
the gateway brings up to date in no other way. It can delete nothing and call nothing."""
CLIENTS: Final = ("tools.read", "tools.execute")
"""What a client may do: list tools and call them at `/mcp`. ContextForge 1.0.7 refuses tokens of few permissions at
`/message`, the other half of its `/sse`."""


SERVER_TOKEN_SECONDS: Final = 3600.0
"""How long the servers' token is good for. It is replaced when half of that is over."""
CLIENT_TOKEN_SECONDS: Final = 30 * 86400.0
"""How long the clients' token is good for. It is replaced in its last week only, for people copy it."""
CLIENT_TOKEN_LEFT: Final = 7 * 86400.0
LOOK_SECONDS: Final = 60.0
"""Between two looks at what is left of the tokens: short, for a machine that slept does not know how long."""


class HomeError(Exception):
    """The folder cannot be used; the message is a sentence with the remedy."""


class Secrets(BaseModel):
    """What the gateway signs and encrypts with. Who has it may do anything there."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    signing: Annotated[str, Field(min_length=32, repr=False)]
    encryption: Annotated[str, Field(min_length=32, repr=False)]
    password: Annotated[str, Field(min_length=32, repr=False)]

    def token(self, permissions: tuple[str, ...] | None, seconds: float) -> str:
        """A token (RFC 7519) that the gateway takes.

        Args:
            permissions: all that it may do, `None` for whatever its user may.
            seconds: how long it is good for.
        """
        now = time.time()
        claims = {
            "sub": USER,
            "iss": "mcpgateway",
            "aud": "mcpgateway-api",
            "jti": str(uuid4()),
            "iat": int(now),
            "exp": int(now + seconds),
            **({"scopes": {"permissions": permissions}} if permissions is not None else {}),
        }
        signed = b".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        signature = hmac.new(self.signing.encode(), signed, hashlib.sha256).digest()
        return b".".join((signed, _encoded(signature))).decode()


@dataclass(frozen=True)
class Home:
    """A gateway's folder, which only its user can look into.

    Attributes:
        folder: its path.
        secrets: what the gateway's tokens are made from.
    """

    folder: Path
    secrets: Secrets

    @property
    def database(self) -> Path:
        """What the gateway remembers: without it, it begins anew."""
        return self.folder / "gateway.db"

    @property
    def log(self) -> Path:
        """What the gateway said since it was started."""
        return self.folder / "gateway.log"

    @property
    def server_token(self) -> Path:
        """The file of the token with which servers register themselves."""
        return self.folder / "server.token"

    @property
    def client_token(self) -> Path:
        """The file of the token with which clients list tools and call them."""
        return self.folder / "client.token"

    def renew_tokens(self, *, at_once: bool = False) -> None:
        """Replace those tokens that will not be good for long.

        Args:
            at_once: replace the servers' token in any case.

        Raises:
            OSError: they cannot be written.
        """
        if at_once or _seconds_left(self.server_token) < SERVER_TOKEN_SECONDS / 2:
            _write_private(self.server_token, self.secrets.token(SERVERS, SERVER_TOKEN_SECONDS))
        if _seconds_left(self.client_token) < CLIENT_TOKEN_LEFT:
            _write_private(self.client_token, self.secrets.token(CLIENTS, CLIENT_TOKEN_SECONDS))

    async def keep_tokens(self) -> None:
        """Renew the tokens whenever that is due, until cancelled."""
        while True:
            with contextlib.suppress(OSError):  # a disk that is full now may not be in a minute
                self.renew_tokens()
            await asyncio.sleep(LOOK_SECONDS)


@contextmanager
def at_home(folder: Path) -> Generator[Home]:
    """Have a folder for a gateway, with fresh tokens in it, and for nobody else until the block ends.

    Raises:
        HomeError: it cannot be used.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            lock = stack.enter_context(open_private(folder / "lock"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeError(f"another `sanctuary-host up` uses {folder}; stop it first") from None
            home = Home(folder, _secrets_in(folder / "secrets.json"))
            home.renew_tokens()
        except OSError as error:
            raise HomeError(f"{folder} cannot be used: {error.strerror}") from None
        yield home


def _secrets_in(path: Path) -> Secrets:
    try:
        return Secrets.model_validate_json(path.read_bytes())
    except ValidationError:
        raise HomeError(f"{path} is damaged; remove {path.parent} and the gateway begins anew") from None
    except FileNotFoundError:
        made = Secrets(**{name: secrets.token_urlsafe(36) for name in Secrets.model_fields})
        _write_private(path, made.model_dump_json())
        return made


def open_private(path: Path) -> BinaryIO:
    """Open a file for writing anew, which its user alone can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _write_private(path: Path, text: str) -> None:
    """Write a file that its user alone can read, all at once: who reads it meanwhile finds the old text or the new."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _seconds_left(path: Path) -> float:
    """How long the token in a file is still good for; 0 where there is none."""
    try:
        middle = path.read_text(encoding="ascii").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (OSError, ValueError, IndexError, binascii.Error):
        return 0.0
    end = claims.get("exp") if is_object(claims) else None
    return max(0.0, end - time.time()) if isinstance(end, int) else 0.0


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
