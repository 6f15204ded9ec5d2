"""Draw the results: python plot.py RESULTS.json PICTURE.png; runs in an environment with matplotlib."""

import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # before pyplot, which would look for a screen
import matplotlib.pyplot as plt

COLOURS = {"ours": "#1b7f5c", "SDK": "#4a6fa5", "fastmcp": "#b0683a", "bare": "#8a8a8a"}
CLIENTS = "16"


def draw(results: Path, picture: Path) -> None:
    """Processor time and waits, a bar for each way to be served."""
    samples = json.loads(results.read_text())["samples"]
    rows = [name for name, by_clients in samples.items() if by_clients[CLIENTS]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.2), sharey=True, layout="constrained")
    for position, name in enumerate(rows):
        rounds = samples[name][CLIENTS]
        colour = next(colour for word, colour in COLOURS.items() if name.startswith(word))
        own, children, wait = (
            statistics.median(one[key] for one in rounds) for key in ("cpu_us", "children_cpu_us", "p50_ms")
        )
        left.barh(position, own, color=colour)
        left.barh(position, children, left=own, color=colour, alpha=0.5)
        left.annotate(f" {own + children:.0f}", (own + children, position), va="center", fontsize=8)
        right.barh(position, wait, color=colour)
        right.annotate(f" {wait:.1f}", (wait, position), va="center", fontsize=8)
    left.set_yticks(range(len(rows)), rows)
    left.invert_yaxis()
    left.set_title("server CPU per call, µs (paler: in worker processes)", fontsize=10)
    right.set_title("median wait for an answer, ms", fontsize=10)
    figure.suptitle(f"One echo tool, {CLIENTS} clients: less is better", fontsize=11)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.12)
    figure.savefig(picture, dpi=90)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
