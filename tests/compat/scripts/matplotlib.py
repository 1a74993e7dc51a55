"""A PNG, a PDF and an SVG, with its own fonts."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.font_manager as fonts
import matplotlib.image
import matplotlib.pyplot as plt


def main():
    figure, axes = plt.subplots(figsize=(4, 3), dpi=100)
    axes.plot([0, 1, 2], [0, 1, 4], "r-", linewidth=4)
    axes.set_title(r"$\int_0^1 x^2\,dx$ äöü")
    for kind in ("png", "pdf", "svg"):
        figure.savefig(f"plot.{kind}")
    pixels = matplotlib.image.imread("plot.png")
    assert pixels.shape == (300, 400, 4)
    red = (pixels[:, :, 0] > 0.9) & (pixels[:, :, 1] < 0.1)
    assert red.sum() > 200, red.sum()
    assert Path("plot.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in Path("plot.svg").read_text()
    assert fonts.findfont("DejaVu Sans").endswith("DejaVuSans.ttf")
    with plt.style.context("ggplot"):
        assert plt.rcParams["axes.facecolor"] == "#E5E5E5"
    print("as expected")
