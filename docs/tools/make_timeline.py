"""Draw ``docs/images/cluster.svg``: a run on a cluster, one of whose workers is killed half way.

What is drawn is what happened: a scheduler and three workers are started, 120 pictures and an array
of 256 MB are pooled, and the run's messages say who did what when.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT))

from poolcli import batch  # noqa: E402
from poolcli.batch.manifest import Manifest, fingerprint_of  # noqa: E402
from poolcli.cluster import sizes  # noqa: E402
from poolcli.cluster.run import Cluster, run  # noqa: E402
from poolcli.cluster.scheduler import Began, Finished, Message  # noqa: E402
from poolcli.request import Request  # noqa: E402
from poolcli.windows import Sliding  # noqa: E402
from tests.helpers.clusters import Processes  # noqa: E402
from tests.helpers.many import make  # noqa: E402

TARGET = PROJECT / "docs" / "images" / "cluster.svg"
PICTURES, SIDE = 120, 400


class Span(NamedTuple):
    """Work at a worker, from and to so many seconds since the beginning; ``is_lost``: it died."""

    worker: str
    begun: float
    ended: float
    inputs: int
    is_lost: bool


def record(folder: Path) -> tuple[list[Span], float]:
    """Do the run; give what happened, and when the worker was killed."""
    make(folder / "in", PICTURES, SIDE)
    np.save(folder / "in" / "array.npy", np.ones((8192, 8192), np.float32))
    heard: list[tuple[float, Message]] = []
    killed: list[tuple[str, float]] = []
    cluster = Processes(folder, workers=3)

    def listen(message: Message) -> None:
        heard.append((time.time(), message))
        if isinstance(message, Began) and message.number == 9:
            cluster.kill(message.worker)
            killed.append((message.worker, time.time()))

    sizes.LEAST = sizes.MOST = 0.1  # a short run, in more tasks than it needs
    request = Request("avg", Sliding(2))
    try:
        inputs = batch.find_inputs([str(folder / "in")])
        target = batch.Target(f"{folder}/out/")
        manifest = Manifest(f"{folder}/out", fingerprint_of(request, {}, None))
        jobs = batch.assign(inputs, target, manifest)
        for _ in run(
            jobs,
            request,
            {},
            cluster=Cluster(cluster.address, listen=listen),
            manifest=manifest,
        ):
            pass
    finally:
        cluster.stop()
    began = [message.when for _, message in heard if isinstance(message, Began)]
    done = [message.done.begun for _, message in heard if isinstance(message, Finished)]
    origin = min(*began, *done)  # by the clocks of the scheduler and of workers
    dead, at = killed[0]
    return spans([message for _, message in heard], dead, at, origin), at - origin


def spans(heard: Sequence[Message], dead: str, at: float, origin: float) -> list[Span]:
    """Make spans of messages: from when work began to when its result came, or its worker died."""
    open_: dict[int, tuple[str, float]] = {}
    found = []
    for message in heard:
        if isinstance(message, Began):
            if message.number in open_ and open_[message.number][0] == dead:
                found.append(Span(dead, open_[message.number][1] - origin, at - origin, 0, True))
            open_[message.number] = (message.worker, message.when)
        elif isinstance(message, Finished) and message.number in open_:
            worker, _ = open_.pop(message.number)
            done = message.done
            begun, ended = done.begun - origin, done.ended - origin
            found.append(Span(worker, begun, ended, len(done.came), False))
    return found


def draw(found: Sequence[Span], killed: float) -> str:
    """Draw a row for each worker."""
    workers = sorted({span.worker for span in found})
    end = max(span.ended for span in found)
    width, left, row = 760, 92, 34
    height = 40 + row * len(workers) + 34
    scale = (width - left - 16) / end

    def x(seconds: float) -> float:
        return round(left + seconds * scale, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{len(workers)} workers; one is killed after {killed:.1f} s, and the others do "
        "its work again</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, worker in enumerate(workers):
        top = 34 + row * number
        parts.append(f'<text x="8" y="{top + 17}" fill="#333333">worker {number + 1}</text>')
        parts.append(
            f'<line x1="{left}" y1="{top + 12}" x2="{width - 16}" y2="{top + 12}" '
            'stroke="#dddddd"/>'
        )
        for span in (span for span in found if span.worker == worker):
            colour = "#c0392b" if span.is_lost else "#2e6f9e" if span.inputs > 1 else "#6aa9a1"
            parts.append(
                f'<rect x="{x(span.begun)}" y="{top}" height="24" rx="2" fill="{colour}" '
                f'width="{max(1.0, round((span.ended - span.begun) * scale - 1, 1))}"/>'
            )
    bottom = 34 + row * len(workers)
    parts.append(
        f'<line x1="{x(killed)}" y1="26" x2="{x(killed)}" y2="{bottom}" stroke="#c0392b" '
        'stroke-dasharray="3 3"/>'
        f'<text x="{x(killed)}" y="20" fill="#c0392b" text-anchor="middle">kill -9</text>'
    )
    for second in range(0, int(end) + 1, max(1, round(end / 8))):
        parts.append(
            f'<text x="{x(second)}" y="{bottom + 14}" fill="#666666" text-anchor="middle">'
            f"{second} s</text>"
        )
    legend = (("#2e6f9e", "files"), ("#6aa9a1", "a band, or one file"), ("#c0392b", "lost"))
    for number, (colour, text) in enumerate(legend):
        at = left + 150 * number
        parts.append(f'<rect x="{at}" y="{bottom + 22}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{at + 15}" y="{bottom + 31}" fill="#333333">{text}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Do it and draw it."""
    with tempfile.TemporaryDirectory() as name:
        found, killed = record(Path(name))
    TARGET.write_text(draw(found, killed), encoding="utf-8")
    lost = sum(span.is_lost for span in found)
    print(f"{TARGET.relative_to(PROJECT)}: {len(found)} spans, {lost} lost")


if __name__ == "__main__":
    main()
