"""`sanctuary-host health`: asks a running server how it is; the probe of containers, which have no curl."""

from __future__ import annotations

import http.client
import json
import sys
from typing import Final

from sanctuary_host.shapes import is_object

LOOPBACK: Final = "127.0.0.1"
SECONDS: Final = 3.0
"""How long the server may take to answer; a live one takes milliseconds."""


def probe(address: str, port: int, *, path: str, as_json: bool) -> int:
    """Ask the server on this machine's `port`; exit status 0 where it is well, 1 where it is not or does not answer.

    Args:
        address: the IP address that it listens on, or the unspecified one.
        port: its port.
        path: `/health` (does it live?) or `/ready` (can it serve?).
        as_json: print the whole answer.
    """
    connection = http.client.HTTPConnection(
        LOOPBACK if address in {"", "0.0.0.0", "::"} else address,  # noqa: S104  # those that mean "any"
        port,
        timeout=SECONDS,
    )
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        answer = json.loads(response.read(1 << 20))
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        print(f"nothing healthy answers on port {port}: {reason}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if not is_object(answer):
        print(f"what answers on port {port} is no sanctuary-host", file=sys.stderr)
        return 1
    well = response.status == http.client.OK
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print(f"{answer.get('cluster', 'server')}: {answer.get('status', 'unknown')}")
        for reason in answer.get("reasons", ()):
            print(f"  {reason}")
    return 0 if well else 1
