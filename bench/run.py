"""Measure our host beside the SDK's own server, fastmcp and bare aiohttp; --quick is a first look."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import footprint
import report
import siblings
import throughput
from environments import HERE, InstallError, python_of

OUT = HERE / "out"


def main() -> int:
    """Measure, write bench/out/ and say what was found; returns 1 where a bar was not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter measurements: less than a minute on a quiet machine"
    )
    quick = parser.parse_args().quick
    began = time.perf_counter()
    samples, missing = throughput.measure([16] if quick else [1, 16, 64], 2 if quick else 5, 0.5 if quick else 1.0)
    found: report.Found = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": {
            **_versions("host", "aiohttp", "mcp", "uvicorn", "pydantic"),
            **_versions("fastmcp", "fastmcp-slim"),
        },
        "samples": samples,
        "missing": missing,
        "idle_sessions_kib": footprint.idle_sessions(300 if quick else 800),
        "abandoned_sessions": footprint.abandoned_sessions(1_200 if quick else 10_000),
        "starts": footprint.starts(1 if quick else 5),
        "idle_cluster": footprint.idle_cluster(1 if quick else 5),
        "workers": footprint.workers(300 if quick else 3_000),
        "siblings": siblings.delays(1 if quick else 3),
    }
    OUT.mkdir(exist_ok=True)
    results = OUT / "results.json"
    results.write_text(json.dumps(found, indent=1))
    print(f"{found['machine']}; {', '.join(f'{name} {version}' for name, version in found['versions'].items())}\n")
    print(report.text(found))
    _plot(results, OUT / "benchmarks.png")
    print(f"\n{time.perf_counter() - began:.0f} s; all figures are in {OUT.relative_to(HERE.parent)}")
    return 0 if all(bar.kept for bar in report.bars(found)) else 1


def _plot(results: Path, picture: Path) -> None:
    try:
        interpreter = python_of("plot")
    except InstallError as error:
        print(f"\nno picture, since matplotlib could not be installed: {error}")
        return
    subprocess.run([interpreter, HERE / "plot.py", results, picture], check=True)


def _versions(environment: str, *distributions: str) -> dict[str, str]:
    code = f"import importlib.metadata as m; print(*map(m.version, {distributions!r}))"
    try:
        answer = subprocess.run([python_of(environment), "-c", code], text=True, capture_output=True, check=True)
    except InstallError:
        return {}
    return dict(zip(distributions, answer.stdout.split(), strict=True))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
