"""The plot of the page."""

from __future__ import annotations

from pathlib import Path

import matplotlib

from benchmarks.timing import Times

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "poolcli", "font.size": 9, "axes.spines.right": False}
matplotlib.rcParams |= {"axes.spines.top": False, "svg.fonttype": "path"}

COLOURS = {
    "poolcli": "#d1495b",
    "onnxruntime": "#00798c",
    "torch": "#edae49",
    "NumPy": "#8d96a3",
}


def draw(measured: dict[str, list[Times]], path: Path) -> None:
    """Speed beside others, cost by window, speed by size, as one SVG."""
    from matplotlib import pyplot

    figure, (speed, window, size) = pyplot.subplots(
        1, 3, figsize=(12, 3.8), width_ratios=(2, 1, 1), layout="constrained"
    )
    _speed(speed, measured["windows"])
    _window(window, measured["kernel"])
    _size(size, measured["size"])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _speed(axes: matplotlib.axes.Axes, times: list[Times]) -> None:
    width = 0.8 / len(COLOURS)
    for number, (name, colour) in enumerate(COLOURS.items()):
        places = [
            i + (number - (len(COLOURS) - 1) / 2) * width
            for i, t in enumerate(times)
            if name in t.seconds
        ]
        shares = [t.rate(name) / t.rate("copy") for t in times if name in t.seconds]
        if shares:
            axes.bar(places, shares, width, color=colour, label=name)
    axes.set_xticks(range(len(times)), [t.title.replace(" ", "\n", 1) for t in times])
    axes.set_ylabel("speed, 1 = copy")
    axes.set_title("float32 1×16×2048×2048, two threads")
    axes.legend(frameon=False)


def _window(axes: matplotlib.axes.Axes, times: list[Times]) -> None:
    sizes = [int(t.title.partition("×")[0]) for t in times]
    for name, style in (("max", "o-"), ("avg", "s--")):
        axes.plot(sizes, [t.median(name) * 1e3 for t in times], style, color=COLOURS["poolcli"])
        axes.annotate(
            name, (sizes[-1], times[-1].median(name) * 1e3), (4, 0), textcoords="offset points"
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.set_ylim(0)
    axes.set_xlabel("k, windows of k×k at every cell")
    axes.set_ylabel("milliseconds")
    axes.set_title("cost by window")


def _size(axes: matplotlib.axes.Axes, times: list[Times]) -> None:
    sides = [int(t.title.partition("×")[0]) for t in times]
    for name, colour in (("copy", "#8d96a3"), ("max", COLOURS["poolcli"])):
        axes.plot(sides, [t.rate(name) for t in times], "o-", color=colour, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sides, [str(n) for n in sides])
    axes.set_ylim(0)
    axes.set_xlabel("n, one plane of n×n, max 2×2/2")
    axes.set_ylabel("GB/s of input")
    axes.set_title("speed by size")
    axes.legend(frameon=False)
