"""How far a batch is: a bar on a terminal, and nothing anywhere else.

What is drawn is only looked at a few times a second; the work merely counts.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

PER_SECOND = 8
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (0, "bytes"))


class Meter:
    """Counts files and bytes, for the bar and for the summary. Any thread may count."""

    def __init__(self, files: int, nbytes: int) -> None:
        self.files, self.nbytes = files, nbytes
        self.files_done = self.failed = 0
        self.bytes_done = self._parts_done = 0.0
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, part: float, nbytes: float) -> None:
        """Count a part of a file that is done, and its bytes."""
        with self._lock:
            self._parts_done += part
            self.bytes_done += nbytes

    def end_file(self, *, failed: bool = False) -> None:
        """Count a file that is done, or has failed."""
        with self._lock:
            self.files_done += 1
            self.failed += failed

    @property
    def seconds(self) -> float:
        """The time since the beginning."""
        return max(time.monotonic() - self._begun, 1e-6)

    @property
    def part(self) -> float:
        """How much of the whole is done, from 0 to 1: by bytes, as files are of all sizes."""
        if not self.nbytes:
            return min(self._parts_done / self.files, 1.0) if self.files else 1.0
        return min(self.bytes_done / self.nbytes, 1.0)

    def progress(self) -> str:
        """Say how far it is: ``45 %, 1.9 of 4.3 GB``."""
        share = f"{math.floor(100 * self.part)} %"  # 100 only where nothing is left
        if not self.nbytes:
            return share
        power, unit = next((p, u) for p, u in _UNITS if self.nbytes >= p)
        done = min(self.bytes_done, self.nbytes)
        return f"{share}, {done / power:.1f} of {self.nbytes / power:.1f} {unit}"

    def rates(self) -> str:
        """Say the speed: ``12.5 files/s  34.0 MB/s``, of a single file in bytes alone."""
        files, megabytes = self.files_done / self.seconds, self.bytes_done / self.seconds / 1e6
        both = [f"{files:.1f} files/s"] * (self.files > 1) + [f"{megabytes:.1f} MB/s"]
        return "  ".join(both)

    def time_left(self) -> str:
        """Say how long the rest will take at this speed: ``0:02:11``."""
        if not self.part:
            return "-:--:--"
        return clock(self.seconds * (1 - self.part) / self.part)


def clock(seconds: float) -> str:
    """Write a time as hours, minutes and seconds.

    >>> clock(131.4)
    '0:02:11'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


class Bar:
    """Draws a meter at the bottom of a terminal until the block ends; what is said stays above.

    ``delay``: so many seconds pass before it is drawn, so that a quick run shows none.
    """

    def __init__(self, meter: Meter, stream: TextIO, delay: float = 0.0) -> None:
        self._meter, self._stream, self._delay = meter, stream, delay
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._timer: threading.Timer | None = None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Keep the bar away while something else is written into the same window."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def __enter__(self) -> Bar:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self) -> None:
        self._timer = threading.Timer(self._delay, self._draw_until_stopped, [self._stream])
        self._timer.daemon = True  # a run that is left behind does not wait for it
        self._timer.start()

    def _stop(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if self._live is not None:
                self._live.stop()
            self._live = None

    def _draw_until_stopped(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._timer is not threading.current_thread():
                return  # it was stopped meanwhile
            self._live = Live(
                get_renderable=self._draw,
                console=Console(file=stream),
                refresh_per_second=PER_SECOND,
                transient=True,
                redirect_stdout=False,  # it goes where the results go, which is not here
            )
            self._live.start()

    def _draw(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        meter = self._meter
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        failed = f"[red]{meter.failed} failed[/]  " if meter.failed else ""
        files = f"{meter.files_done}/{meter.files} files  " if meter.files > 1 else ""
        grid.add_row(
            # What does not say how far it is only shows that it is alive.
            ProgressBar(total=1.0, completed=meter.part, width=None, pulse=not meter.part),
            f"{failed}{files}{meter.progress()}  {meter.rates()}  {meter.time_left()} left",
        )
        return grid
