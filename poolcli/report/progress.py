"""How far a batch is: a bar on a terminal, and nothing anywhere else.

What is drawn is only looked at a few times a second; the work merely counts.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

PER_SECOND = 8


class Meter:
    """Counts files and bytes, for the bar and for the summary. Any thread may count."""

    def __init__(self, files: int, nbytes: int) -> None:
        self.files, self.nbytes = files, nbytes
        self.files_done = self.failed = 0
        self.bytes_done = 0.0
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, nbytes: float) -> None:
        """Count bytes of input that are done."""
        with self._lock:
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
            return self.files_done / self.files if self.files else 1.0
        return min(self.bytes_done / self.nbytes, 1.0)

    def rates(self) -> str:
        """Say the speed: ``12.5 files/s  34.0 MB/s``."""
        files, megabytes = self.files_done / self.seconds, self.bytes_done / self.seconds / 1e6
        return f"{files:.1f} files/s  {megabytes:.1f} MB/s"

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
    """Draws a meter at the bottom of a terminal until the block ends; what is said stays above."""

    def __init__(self, meter: Meter, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._meter = meter
        self._live: Live = Live(
            get_renderable=self._draw,
            console=Console(file=stream),
            refresh_per_second=PER_SECOND,
            transient=True,
            redirect_stdout=False,  # it goes where the results go, which is not here
        )

    def _draw(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        meter = self._meter
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        failed = f"[red]{meter.failed} failed[/]  " if meter.failed else ""
        grid.add_row(
            ProgressBar(total=1.0, completed=meter.part, width=None),
            f"{failed}{meter.files_done}/{meter.files} files  {meter.rates()}  "
            f"{meter.time_left()} left",
        )
        return grid

    def __enter__(self) -> Bar:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)
