"""The process's own settings, read once and frozen."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from sanctuary_host import addresses
from sanctuary_host.gateway.entry import Transport
from sanctuary_host.settings import SettingsError, read_secret, read_settings, unfit_as_token
from sanctuary_host.ways import is_within

Sandbox = Literal["require", "best-effort", "off"]
PUBLISHED: Final = re.compile(r"(?=.{3,200}$)[A-Za-z0-9.-]+/[A-Za-z0-9._-]+")
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

SECRETS: Final = MappingProxyType({"token": "SANCTUARY_TOKEN", "api_token": "API_TOKEN"})
"""The settings that are secrets, and their environment variables."""
OWN_SECRETS: Final = frozenset(SECRETS.values())
"""The host's own secrets, which no plugin is given."""
SERVER_NAME: Final = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_.-]{1,64}")
"""What stays apart once a gateway has made it a slug; of punctuation alone nothing would be left."""


class Config(BaseModel):
    """What the operator decides about one process. Field descriptions become docs/settings.md."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    cluster: Annotated[str, Field(validation_alias="CLUSTER", description="The one cluster that this process serves.")]
    port: Annotated[
        int | None,
        Field(
            validation_alias="PORT",
            ge=0,
            le=65535,
            description="Serve HTTP on this port (0 picks a free one); unset, speak over standard input and output.",
        ),
    ] = None
    token: Annotated[
        SecretStr | None,
        Field(
            validation_alias="SANCTUARY_TOKEN",
            description="What callers must present as `Authorization: Bearer …`; unset, none is asked for.",
        ),
    ] = None
    bind: Annotated[
        str,
        Field(
            validation_alias="SANCTUARY_BIND",
            description="The IP address to listen on; 127.0.0.1 by default, in a container 0.0.0.0.",
        ),
    ] = ""
    advertise_url: Annotated[
        str,
        Field(
            validation_alias="SANCTUARY_ADVERTISE_URL",
            description="The base URL under which others reach this server, whose host name it then answers to; "
            "by default `http://sanctuary_CLUSTER:PORT` in a container and `http://127.0.0.1:PORT` elsewhere. In a "
            "container it must hold a name, like every URL of a setting: no loopback name, no IP address.",
        ),
    ] = ""
    container: Annotated[
        bool,
        Field(
            validation_alias="SANCTUARY_CONTAINER", description="Whether the process runs in a container of its own."
        ),
    ] = False
    allow_anonymous: Annotated[
        bool,
        Field(
            validation_alias="SANCTUARY_ALLOW_ANONYMOUS",
            description="Whether to listen beyond loopback without a token: for a network that only the gateway is on.",
        ),
    ] = False
    stateless: Annotated[
        bool,
        Field(
            validation_alias="SANCTUARY_STATELESS",
            description="Serve `/mcp` without sessions, so that any replica answers any request.",
        ),
    ] = False
    trust: Annotated[
        frozenset[str],
        Field(
            validation_alias="SANCTUARY_TRUST",
            description="Distributions (comma-separated) whose plugins are treated like the host's own: they may join "
            "`filesystem` and `git`, and their coroutines run in the host's process.",
        ),
    ] = frozenset()
    sandbox: Annotated[
        Sandbox,
        Field(
            validation_alias="SANCTUARY_SANDBOX",
            description="Whether the kernel confines the process and its workers to the cluster's boundary: `require` "
            "refuses to start where it cannot, `best-effort` does what the kernel can and warns, `off` does nothing.",
        ),
    ] = "best-effort"
    audit: Annotated[
        str,
        Field(
            validation_alias="SANCTUARY_AUDIT",
            description="The file of the audit trail, for clusters that declare one; by default "
            "`audit/CLUSTER.jsonl` in SANCTUARY_DATA, or else, outside of a container, in "
            "`~/.local/state/sanctuary-host` (XDG_STATE_HOME). Nothing that the cluster's tools may write will do.",
        ),
    ] = ""
    gateway_url: Annotated[
        str,
        Field(
            validation_alias="GATEWAY_URL",
            description="The gateway to register with, such as `http://sanctuary-gateway:4444`; unset, the server "
            "serves without one. It may have a path, but neither user nor password; in a container its host must be a "
            "name: loopback is the container itself, and IP addresses change with every start.",
        ),
    ] = ""
    api_token: Annotated[
        SecretStr | None,
        Field(
            validation_alias="API_TOKEN",
            description="What the server presents to the gateway as `Authorization: Bearer …` when it registers. Where "
            "API_TOKEN_FILE names a file, it is read anew when the gateway refuses the token.",
        ),
    ] = None
    registrar: Annotated[
        str,
        Field(
            validation_alias="SANCTUARY_REGISTRAR",
            description="The gateway's make: `contextforge`, `manifest` (a plain `POST /api/servers/register`), the "
            "name of one that an installed distribution brings, or `auto`: whichever of the first two it is.",
        ),
    ] = "auto"
    register_as: Annotated[
        str,
        Field(
            validation_alias="SANCTUARY_REGISTER_AS",
            description="The server's name at the gateway, by default `sanctuary_CLUSTER`; servers that serve the same "
            "cluster apart from each other need different ones.",
        ),
    ] = ""
    register_transport: Annotated[
        Transport,
        Field(
            validation_alias="SANCTUARY_REGISTER_TRANSPORT",
            description="How the gateway is to speak with the server: `streamable-http` (`/mcp`) or `sse` (`/sse`).",
        ),
    ] = "streamable-http"
    publish_as: Annotated[
        str,
        Field(
            validation_alias="SANCTUARY_PUBLISH_AS",
            description="The server's name in its card and its server.json, reverse-DNS as the official registry wants "
            "it, such as `io.github.acme/utils`; by default from the host name in SANCTUARY_ADVERTISE_URL.",
        ),
    ] = ""
    heartbeat: Annotated[
        float,
        Field(
            validation_alias="SANCTUARY_HEARTBEAT",
            ge=1,
            le=3600,
            description="Seconds between two looks at the gateway's copy, a fifth more or less at random.",
        ),
    ] = 60.0
    splay: Annotated[
        float,
        Field(
            validation_alias="SANCTUARY_SPLAY",
            ge=0,
            le=600,
            description="Seconds within which, at random, the server first turns to the gateway, so that a whole fleet "
            "does not do so at once, and a slow gateway is given time. 0 where the servers are few.",
        ),
    ] = 10.0
    deregister: Annotated[
        Literal["leave", "deactivate"],
        Field(
            validation_alias="SANCTUARY_DEREGISTER",
            description="What becomes of the gateway's entry when the server stops: `leave` it, so that the gateway "
            "notices by itself and keeps all, or `deactivate` it, so that its tools vanish at once.",
        ),
    ] = "leave"
    log_level: Annotated[
        LogLevel,
        Field(validation_alias="SANCTUARY_LOG_LEVEL", description="The least severe records that are logged."),
    ] = "INFO"

    @field_validator("register_as")
    @classmethod
    def _is_a_server_name(cls, name: str) -> str:
        if name and not SERVER_NAME.fullmatch(name):
            raise ValueError(
                "must be a name of 1 to 64 letters, digits, _ . and -, with a letter or digit among them, such as "
                "sanctuary_utils"
            )
        return name

    @model_validator(mode="after")
    def _hold_together(self) -> Config:
        faults: list[str] = []
        try:
            open_to_others = not ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            faults.append(f"SANCTUARY_BIND must be an IP address, such as 127.0.0.1 or 0.0.0.0, not {self.bind[:64]!r}")
            open_to_others = False
        if self.port is not None and open_to_others and self.token is None and not self.allow_anonymous:
            faults.append(
                f"listening on {self.address} lets others call the tools: set SANCTUARY_TOKEN or SANCTUARY_TOKEN_FILE, "
                "or SANCTUARY_ALLOW_ANONYMOUS=1 where the network itself keeps strangers out"
            )
        if self.publish_as and not PUBLISHED.fullmatch(self.publish_as):
            faults.append(
                "SANCTUARY_PUBLISH_AS must be a domain of yours written backwards, a slash and a name, such as "
                "io.github.acme/utils, with at most 200 of the characters A-Z a-z 0-9 . _ -"
            )
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def address(self) -> str:
        """The IP address to listen on."""
        return self.bind or ("0.0.0.0" if self.container else "127.0.0.1")  # noqa: S104  # a container's own network

    def url(self, port: int) -> str:
        """The base URL under which others reach the server that listens on `port`."""
        host = f"sanctuary_{self.cluster}" if self.container else "127.0.0.1"
        return self.advertise_url.rstrip("/") or f"http://{host}:{port}"

    @property
    def server_name(self) -> str:
        """What the gateway is to call the server."""
        return self.register_as or f"sanctuary_{self.cluster}"

    def allowed_hosts(self) -> frozenset[str]:
        """The host names by which clients may address the server, beside those of the loopback interface."""
        names: set[str] = set()
        if self.container:
            names.add(f"sanctuary_{self.cluster}")
        if not ipaddress.ip_address(self.address).is_unspecified:
            names.add(self.address)
        if host := urlsplit(self.advertise_url).hostname:
            names.add(host)
        return frozenset(names)


def read_config(environment: Mapping[str, str]) -> Config:
    """The process's settings, with a placeholder nobody knows for each secret: workers are forked before it is read.

    Raises:
        SettingsError: one sentence for each variable that is missing or does not fit.
    """

    def placeholder(name: str) -> str | None:
        return secrets.token_hex() if name in environment or f"{name}_FILE" in environment else None

    # Read here too, so that a start that fails for another reason tells of the addresses in the same breath.
    contained = environment.get("SANCTUARY_CONTAINER", "").lower() in {"1", "true", "t", "yes", "y", "on"}
    faults = addresses.faults_of(environment, contained=contained)
    try:
        config = read_settings(Config, environment, "SANCTUARY", placeholder)
    except SettingsError as error:
        raise SettingsError("; ".join([str(error), *faults])) from None
    if faults:
        raise SettingsError("; ".join(faults))
    return config


def with_secrets(config: Config, environment: Mapping[str, str], readable: Iterable[str] = ()) -> Config:
    """The same settings with the secrets themselves.

    Args:
        config: the settings.
        environment: where the secrets are, or the names of their files.
        readable: files and folders that the cluster's tools may read.

    Raises:
        SettingsError: a secret is no token, or the file that holds it cannot be read, is empty, or lies where the
            cluster's tools may read it.
    """
    read: dict[str, SecretStr] = {}
    folders = [Path(path) for path in readable]
    for field, name in SECRETS.items():
        if getattr(config, field) is None:
            continue
        secret = read_secret(name, environment) or ""
        if (path := environment.get(f"{name}_FILE")) and is_within(Path(path).absolute(), folders):
            raise SettingsError(
                f"{name}_FILE names a file that the cluster's own tools may read; move it out of their folders"
            )
        if reason := unfit_as_token(secret):
            raise SettingsError(f"{name} {reason}")
        read[field] = SecretStr(secret)
    return config.model_copy(update=read)
