"""Draw what has been measured, as PNG and SVG: ``python plot.py RESULTS.json DIRECTORY``."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
mpl.rcParams.update({"svg.hashsalt": "oxidize", "font.size": 9})

from matplotlib import pyplot as plt  # noqa: E402 - the backend has to be chosen first

OURS, OTHERS, BASELINES = "#c1440e", "#6b7a8f", "#b9c2cd"


def colour(subject: dict[str, Any]) -> str:
    """Return that of a bar: what nobody delivers is only compared with."""
    if subject["label"].startswith("oxidize"):
        return OURS
    return BASELINES if subject["size"] is None or not subject["interpreter"] else OTHERS


def draw(content: dict[str, Any], directory: Path) -> None:
    """Write ``startup.png`` and ``startup.svg``: one row of bars for each application, quickest first."""
    measured = [subject for subject in content["subjects"] if subject["seconds"]]
    applications = list(dict.fromkeys(subject["application"] for subject in measured))
    groups = [
        sorted(
            (s for s in measured if s["application"] == name), key=lambda s: -statistics.median(s["seconds"])
        )
        for name in applications
    ]
    heights = [len(group) + 1.5 for group in groups]
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(8, 0.24 * sum(heights) + 0.6), squeeze=False, height_ratios=heights
    )
    for name, group, axis in zip(applications, groups, axes[:, 0], strict=True):
        medians = [statistics.median(subject["seconds"]) * 1000 for subject in group]
        bars = axis.barh([s["label"] for s in group], medians, color=[colour(s) for s in group])
        axis.bar_label(bars, [f"{median:.1f}" for median in medians], padding=3)
        axis.set_title(f"{name}: start to exit, ms", loc="left")
        axis.margins(x=0.12)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(directory / "startup.png", dpi=150, metadata={"Software": None})
    figure.savefig(directory / "startup.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
