"""What is said of a run while it goes on and when it is over."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from poolcli import batch, report
from poolcli.cli import messages
from poolcli.cli.lazy import Values

# One file of this size takes long enough for a bar.
LARGE = 1 << 28


class Telling(batch.Watch):
    """Shows results, complains, and keeps count, for one run of jobs.

    A batch, which is several files into a folder, gets a bar instead of a line for each file
    where standard error is a terminal, and a summary at its end.
    """

    def __init__(self, jobs: Sequence[batch.Job], values: Values, *, is_batch: bool) -> None:
        self._values, self._is_batch = values, is_batch
        self._todo = [job for job in jobs if not job.skip]
        self._sizes = {id(job.source): _size(job) for job in self._todo}
        self._ticked: dict[int, float] = {}
        self._meter = report.Meter(len(self._todo), sum(self._sizes.values()))
        self._counts = dict.fromkeys((report.Result, batch.Skipped, batch.Failed), 0)
        self._left = len(self._todo)
        self._said: set[str] = set()
        self._bar: AbstractContextManager[Any] = self._make_bar()

    @property
    def failed(self) -> bool:
        """Whether something has failed."""
        return self._counts[batch.Failed] > 0

    @property
    def _tells_each(self) -> bool:
        return not self._values["quiet"] and isinstance(self._bar, nullcontext)

    def _make_bar(self) -> AbstractContextManager[Any]:
        writes = any(job.paths for job in self._todo)
        large = self._is_batch or self._meter.nbytes >= LARGE
        on_screen = sys.stderr is not None and sys.stderr.isatty()
        # Results in the same window would be drawn over.
        mixed = self._values["as_json"] and sys.stdout is not None and sys.stdout.isatty()
        if on_screen and writes and large and not mixed and not self._values["quiet"]:
            return report.Bar(self._meter, sys.stderr)
        return nullcontext()

    def __enter__(self) -> Telling:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)
        stopped = kind is not None and issubclass(kind, (KeyboardInterrupt, SystemExit))
        if self._is_batch and not self._values["quiet"] and (kind is None or stopped):
            messages.summary(self._summary("interrupted" if stopped else None))

    def tick(self, job: batch.Job, part: float) -> None:
        """Count a part of a job's input."""
        key = id(job.source)
        nbytes = part * self._sizes.get(key, 0)
        self._ticked[key] = self._ticked.get(key, 0) + nbytes
        self._meter.advance(nbytes)

    def end(self, job: batch.Job, how: type[batch.Outcome]) -> None:
        """Count a job."""
        self._counts[how] += 1
        self._left -= not job.skip
        key = id(job.source)
        if key in self._sizes:
            self._meter.advance(self._sizes[key] - self._ticked.pop(key, 0))
            self._meter.end_file(failed=how is batch.Failed)

    def tell(self, outcome: batch.Outcome) -> None:
        """Show what came of a job, or complain about it."""
        as_json = self._values["as_json"]
        if isinstance(outcome, batch.Failed):
            label = outcome.job.source.label
            messages.complain_of_input(label, outcome.error, as_json=as_json)
        elif isinstance(outcome, batch.Skipped):
            if as_json:
                _print(report.skipped_json(outcome.job.source.label, outcome.job.paths))
        else:
            self._show(outcome)

    def _show(self, result: report.Result) -> None:
        values = self._values
        quiet = values["quiet"]
        if result.plan.warning is not None:
            self._say_once(messages.warn, result.label, result.plan.warning)
        for note in () if quiet else result.notes:
            self._say_once(messages.hint, result.label, note)
        if values["as_json"]:
            _print(report.json_line(result, values=not values["no_preview"]))
        elif result.written is None:
            stream = messages.results()
            report.show(
                result,
                stream=stream,
                terminal=stream.isatty(),
                full=values["full"],
                preview=not values["no_preview"],
                line=not quiet,
            )
        elif result.written != batch.STDOUT and self._tells_each and sys.stderr is not None:
            terminal = sys.stderr.isatty()
            report.show(result, stream=sys.stderr, terminal=terminal, preview=False)

    def _say_once(self, say: Callable[[str], None], label: str, text: str) -> None:
        """Say what holds for one input, however many others it holds for."""
        if text not in self._said:
            say(f"{label}: {text}")
            self._said.add(text)

    def _summary(self, why: str | None) -> str:
        done, skipped, failed = self._counts.values()
        parts = [f"{done} done"]
        parts += [f"{skipped} skipped"] if skipped else []
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{self._left} not done"] if self._left else []
        text = ", ".join(parts)
        # Where a program reads it, the same work should say the same.
        if sys.stderr is not None and sys.stderr.isatty() and done:
            text += f" in {self._meter.seconds:.1f} s ({self._meter.rates()})".replace("  ", ", ")
        return text if why is None else f"{why}: {text}"


def _print(line: str) -> None:
    print(line, file=messages.results(), flush=True)


def _size(job: batch.Job) -> int:
    try:
        return os.path.getsize(job.source.file) if job.source.file is not None else 0
    except OSError:
        return 0
