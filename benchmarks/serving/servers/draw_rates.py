"""One panel per workload, one bar per server: medians of requests per second, with the range of the rounds."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

TITLES = {
    "w1": "Echo, JSON",
    "w2": "Forest of 50 trees, JSON, batched",
    "w3": "Network, JSON of 784 numbers, batched",
    "w3b": "Network, binary, batched",
    "w1g": "Echo, gRPC",
    "w3g": "Network, gRPC, batched",
}
OURS, PEER, FLOOR = "#2f6fde", "#8a93a3", "#c9ced8"
INK = "#6b7280"  # readable on white and on black
FLOORS = {"granian", "uvicorn", "grpcio"}


def draw(records: list[dict[str, Any]], connections: int, picture: Path) -> None:
    mpl.rcParams.update({"font.family": "sans-serif", "font.size": 9, "svg.hashsalt": "modelway", "text.color": INK})
    workloads = [each for each in TITLES if any(row["workload"] == each for row in records)]
    figure, grid = plt.subplots((len(workloads) + 1) // 2, 2, figsize=(10, 2.7 * ((len(workloads) + 1) // 2)))
    panels = list(grid.flat)
    for panel, workload in zip(panels, workloads, strict=False):
        _panel(panel, workload, [r for r in records if r["workload"] == workload and r["connections"] == connections])
    for panel in panels[len(workloads) :]:
        panel.set_visible(False)
    figure.tight_layout()
    figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})


def _panel(panel: Any, workload: str, rows: list[dict[str, Any]]) -> None:
    rates: dict[str, list[float]] = {}
    for row in rows:
        rates.setdefault(row["server"], []).append(row["rps"])
    names = sorted(rates, key=lambda name: statistics.median(rates[name]))
    middles = [statistics.median(rates[name]) for name in names]
    reach = [
        [middle - min(rates[name]) for name, middle in zip(names, middles, strict=True)],
        [max(rates[name]) - middle for name, middle in zip(names, middles, strict=True)],
    ]
    colours = [OURS if name == "modelway" else FLOOR if name in FLOORS else PEER for name in names]
    panel.barh(names, middles, color=colours, xerr=reach, error_kw={"ecolor": INK, "elinewidth": 0.8}, height=0.7)
    for place, middle in enumerate(middles):
        panel.text(middle + max(middles) * 0.02 + reach[1][place], place, f"{middle:,.0f}", va="center", fontsize=8)
    panel.set_title(TITLES[workload], loc="left", fontsize=10, color=INK)
    panel.set_xlim(0, max(middles) * 1.22)
    panel.set_xticks([])
    panel.tick_params(colors=INK, length=0)
    panel.spines[:].set_visible(False)


if __name__ == "__main__":
    data = json.loads(Path(sys.argv[1]).read_text())
    draw(data["records"], data["connections"][0], Path(sys.argv[2]))
