"""The official conformance suite against a real process that serves the fixture cluster `conformance`.

The suite is installed by tests/interop/install; without it these tests are skipped, and fail where CI is set.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sanctuary_host.testing import serving

INSTALL = Path(__file__).parent / "interop" / "install"
CACHE = INSTALL.parents[2] / ".cache" / "interop"
SUITE = (CACHE / "node/bin/node", CACHE / "node_modules/@modelcontextprotocol/conformance/dist/index.js")
REQUIRED = {"2025-11-25": 30, "2026-07-28": 37}
ALSO_PASSED = {
    "2025-11-25": ["server-session-lifecycle"],
    "2026-07-28": ["http-header-validation", "http-custom-header-server-validation"],
}
"""Scenarios that the suite reports without scoring them, and that stay passed once they are."""
FINE = {"SUCCESS", "INFO", "SKIPPED"}
"""The statuses of checks that found nothing; a warning is a SHOULD that was not kept."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    check = subprocess.run([sys.executable, INSTALL, "--check"], stderr=subprocess.PIPE, text=True, check=False)
    if check.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(check.stderr)


async def run_suite(*arguments: str | Path) -> str:
    suite = await asyncio.create_subprocess_exec(*SUITE, *arguments, stdout=asyncio.subprocess.PIPE)
    out, _ = await suite.communicate()
    return out.decode()


@pytest.mark.parametrize("revision", REQUIRED)
async def test_every_scenario_that_a_revision_requires_of_servers_passes(
    revision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = (await run_suite("list", "--requirements", revision)).split("Client scenarios")[0]
    required = re.findall(r"^  - (\S+)$", listed, re.MULTILINE)
    assert len(required) == REQUIRED[revision]

    async with serving("conformance", SANCTUARY_TRUST="sanctuary-conformance") as served:
        # By this name, since the DNS-rebinding scenario wants it.
        url = f"http://localhost:{served.port}/mcp"
        await run_suite("server", "--url", url, "--requirements", revision, "--output-dir", tmp_path)

    # A scenario's folder is server-NAME-TIME.
    checks = {
        path.parent.name[len("server-") : -len("-2026-01-31T23-59-59-999Z")]: json.loads(path.read_text())
        for path in tmp_path.glob("*/checks.json")
    }
    faults = {name: faults_in(checks.get(name, [])) for name in [*required, *ALSO_PASSED[revision]]}
    with capsys.disabled():
        passed = sum(not faults[name] for name in required)
        print(f"\nconformance to {revision}: {passed} of {len(required)} required scenarios pass")
    assert not any(faults.values()), json.dumps({name: found for name, found in faults.items() if found}, indent=1)


def faults_in(checks: list[dict[str, str]]) -> list[str]:
    if not any(check["status"] == "SUCCESS" for check in checks):
        return ["nothing was checked"]
    return [f"{check['id']}: {check.get('errorMessage')}" for check in checks if check["status"] not in FINE]
