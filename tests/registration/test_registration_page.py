"""docs/gateway.md against the code: its states, variables, commands and the manifest's fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from sanctuary_host.config import Config
from sanctuary_host.gateway.asking import Ending
from sanctuary_host.settings import is_secret, variable_of

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {
        line.split("#")[0].split(">")[0].removeprefix("SANCTUARY_REGISTRAR=manifest ").strip()
        for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
        for line in block.splitlines()
        if re.match(r"(SANCTUARY_REGISTRAR=manifest )?sanctuary-host \w", line)
    }
)


@pytest.mark.parametrize("state", [*get_args(Ending), "waiting", "registering", "stopping"])
def test_each_state_has_its_row(state: str) -> None:
    assert len(re.findall(rf"^\| `{state}` \| .+ \| .+ \|$", TEXT, re.MULTILINE)) == 1


def test_the_table_has_no_state_that_the_server_does_not_know() -> None:
    table = TEXT.partition("## States")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    assert rows == {*get_args(Ending), "waiting", "registering", "stopping"}


def test_each_variable_of_ours_exists() -> None:
    known: set[str] = set()
    for field, info in Config.model_fields.items():
        name = variable_of(field, info, "SANCTUARY")
        known |= {name, f"{name}_FILE"} if is_secret(info) else {name}

    assert set(re.findall(r"\bSANCTUARY_[A-Z_]+", TEXT)) <= known


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_is_understood(run: Callable[..., Any], command: str) -> None:
    ran = await run(*command.split()[1:], "--help")

    assert (ran.status, ran.err) == (0, "")


def test_commands_were_found() -> None:
    assert len(COMMANDS) >= 6


async def test_the_manifest_shown_has_the_fields_that_are_sent(run: Callable[..., Any]) -> None:
    [shown] = re.findall(r"```json manifest\n(.*?)```", TEXT, re.DOTALL)
    ran = await run(
        *("register", "--check", "--json"),
        CLUSTER="utils",
        PORT="8100",
        GATEWAY_URL="http://127.0.0.1:1",
        SANCTUARY_REGISTRAR="manifest",
    )
    sent = ran.json["plan"]

    assert list(json.loads(shown)) == list(sent["body"])
    assert f"{sent['method']} http://127.0.0.1:4444{sent['url'].partition(':1/')[2].join(['/', ''])}" in TEXT
