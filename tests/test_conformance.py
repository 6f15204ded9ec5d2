"""The official conformance suite against a real process that serves the fixture cluster `conformance`.

Installed by tests/interop/install; without it these tests are skipped, and fail where CI is set.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / ".cache" / "interop"
SUITE = [CACHE / "node/bin/node", CACHE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"]
REQUIRED = {"2025-11-25": 30, "2026-07-28": 37}
ALSO_PASSED = {
    "2025-11-25": ["server-session-lifecycle"],
    "2026-07-28": ["http-header-validation", "http-custom-header-server-validation"],
}
"""Scenarios that the suite reports without scoring them, and that stay passed once they are."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the cluster is served. The host name matters: the suite's DNS-rebinding scenario wants localhost."""
    install = Path(__file__).parent / "interop" / "install"
    check = subprocess.run([sys.executable, install, "--check"], stderr=subprocess.PIPE, text=True, check=False)
    missing = check.stderr.strip()
    if not entry_points(group="sanctuary_host.conformance"):
        missing += " pip install -e tests/fixtures/conformance"
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    environment = {"CLUSTER": "conformance", "PORT": "0", "SANCTUARY_TRUST": "sanctuary-conformance"}
    command = Path(sys.executable).with_name("sanctuary-host")
    with subprocess.Popen(
        [command], env={"PATH": os.environ["PATH"], **environment}, stderr=subprocess.PIPE, text=True
    ) as host:
        assert host.stderr is not None
        ports = (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in host.stderr)
        found = next(filter(None, ports), None)
        assert found, "the host ended without saying where it listens"
        rest = threading.Thread(target=deque, args=(host.stderr, 0))  # a full pipe would stop the host
        rest.start()
        yield f"http://localhost:{found[1]}/mcp"
        host.terminate()
        rest.join()


def run_suite(*arguments: str | Path) -> str:
    return subprocess.run([*SUITE, *arguments], capture_output=True, text=True, timeout=300, check=False).stdout


@pytest.mark.parametrize("revision", REQUIRED)
def test_every_scenario_that_a_revision_requires_of_servers_passes(
    revision: str, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = run_suite("list", "--requirements", revision).split("Client scenarios")[0]
    required = re.findall(r"^  - (\S+)$", listed, re.MULTILINE)
    assert len(required) == REQUIRED[revision]

    run_suite("server", "--url", url, "--requirements", revision, "--output-dir", tmp_path)

    # A scenario's folder is server-NAME-TIME.
    scenarios = {
        path.parent.name[len("server-") : -len("-2026-01-31T23-59-59-999Z")]: json.loads(path.read_text())
        for path in tmp_path.glob("*/checks.json")
    }
    passed = [name for name in required if is_passed(scenarios.get(name, []))]
    with capsys.disabled():
        checks = [check["status"] for name in required for check in scenarios.get(name, [])]
        print(f"\n{revision}: {len(passed)} of {len(required)} required scenarios, {checks.count('SUCCESS')} checks")
    wanted = [*required, *ALSO_PASSED[revision]]
    faults = {name: faults_of(scenarios.get(name, [])) for name in wanted if not is_passed(scenarios.get(name, []))}
    assert not faults, json.dumps(faults, indent=1)


def is_passed(checks: list[dict[str, str]]) -> bool:
    """Whether something was checked, and all of it well: a warning is a SHOULD that was not kept."""
    statuses = {check["status"] for check in checks}
    return "SUCCESS" in statuses and statuses <= {"SUCCESS", "INFO", "SKIPPED"}


def faults_of(checks: list[dict[str, str]]) -> list[str]:
    found = [f"{c['id']}: {c.get('errorMessage')}" for c in checks if c["status"] not in {"SUCCESS", "INFO", "SKIPPED"}]
    return found or ["did not run"]
