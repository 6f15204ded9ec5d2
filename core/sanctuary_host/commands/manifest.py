"""`sanctuary-host manifest`: what a registry or a directory needs to list the server, as a file."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from urllib.parse import urlsplit

from sanctuary_host.commands.find import UsageError
from sanctuary_host.config import Config
from sanctuary_host.gateway.card import NOBODY, Public
from sanctuary_host.plugins import DISTRIBUTION


def print_manifest(config: Config, form: str) -> int:
    """Print the server's `server.json` for the official registry, or its server card; exit status 0.

    What stands in the way of publishing it is said on standard error.

    Raises:
        UsageError: nothing says under which URL the server is reached.
    """
    if not config.advertise_url and not config.port:
        raise UsageError(
            "nothing says where the server is reached; set SANCTUARY_ADVERTISE_URL, such as https://tools.example.com"
        )
    public = Public(
        config.cluster,
        version(DISTRIBUTION),
        config.url(config.port or 0),
        config.token is not None,
        config.publish_as,
    )
    if form == "server.json":
        if urlsplit(public.base).scheme != "https":
            print(
                f"sanctuary-host: {public.base} is not for everybody to reach; before publishing, set "
                "SANCTUARY_ADVERTISE_URL to an https URL that is",
                file=sys.stderr,
            )
        if public.name.startswith(f"{NOBODY}/"):
            print(
                f"sanctuary-host: nobody owns the name {public.name}; before publishing, set SANCTUARY_PUBLISH_AS to "
                "one that is yours, such as io.github.YOU/NAME",
                file=sys.stderr,
            )
    document = public.server_json() if form == "server.json" else public.card()
    print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0
