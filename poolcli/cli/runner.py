"""What is said of a run while it goes on and when it is over."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from poolcli import batch, report
from poolcli.cli import messages
from poolcli.cli.command import Values
from poolcli.cli.env import read_defaults
from poolcli.cli.requests import (
    HOW_READ,
    cluster_of,
    find_inputs,
    images_of,
    refuse_contradictions,
    settings_of,
    shard_of,
    target_of,
)
from poolcli.errors import PoolError, UsageError
from poolcli.operation import Operation
from poolcli.outcomes import Failed, Outcome, Result, Skipped, Watch

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest
    from poolcli.batch.shards import Shard
    from poolcli.cluster.run import Cluster

# Seconds until a run that is no batch gets a bar.
SLOW = 1.0

NUMBERS_OF_PICTURES = (
    "pictures are written as numbers; `output='DIR/'` writes pictures, `no_preview` only tells of"
    " them"
)


class RunReporter(Watch):
    """Shows results, complains, and keeps count, for one run of jobs.

    A batch, which is several files into a folder, gets a bar instead of a line for each file
    where standard error is a terminal, and a summary at its end. Any other run gets a bar there
    once it is slow, beside its lines.
    """

    def __init__(self, jobs: Sequence[batch.Job], values: Values, *, is_batch: bool) -> None:
        self._values, self._is_batch = values, is_batch
        self._are_many = batch.is_many([job.input for job in jobs])
        self._todo = [job for job in jobs if not job.skip]
        self._sizes = {id(job.input): _size(job) for job in self._todo}
        self._ticked: dict[int, float] = {}
        self._meter = report.Meter(len(self._todo), sum(self._sizes.values()))
        self._counts = dict.fromkeys((Result, Skipped, Failed), 0)
        self._left = len(self._todo)
        self._said: set[str] = set()
        self._dropped: set[str] = set()
        self._bar = self._make_bar()

    @property
    def failed(self) -> bool:
        """Whether something has failed."""
        return self._counts[Failed] > 0

    @property
    def _tells_each(self) -> bool:
        return not self._values["quiet"] and not self._shows_bar_instead

    @property
    def _shows_bar_instead(self) -> bool:
        return self._bar is not None and self._is_batch and len(self._todo) > 1

    def _make_bar(self) -> report.Bar | None:
        on_screen = sys.stderr is not None and sys.stderr.isatty()
        if not on_screen or self._values["quiet"] or not self._todo:
            return None
        at_once = self._is_batch and len(self._todo) > 1 and not self._shares_window
        return report.Bar(self._meter, sys.stderr, 0.0 if at_once else SLOW)

    @property
    def _shares_window(self) -> bool:
        """Whether results go to a terminal, which is the one that shows the bar."""
        shown = self._values["as_json"] or any(not job.paths for job in self._todo)
        return shown and sys.stdout is not None and sys.stdout.isatty()

    def __enter__(self) -> RunReporter:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)
        stopped = kind is not None and issubclass(kind, (KeyboardInterrupt, SystemExit))
        if self._values["quiet"] or (kind is not None and not stopped):
            return
        if self._is_batch or (stopped and len(self._todo) > 1):
            messages.summary(self._summary("interrupted" if stopped else None))
        elif stopped and self._left and (self._bar is not None or self._meter.nbytes):
            messages.summary(f"interrupted at {self._meter.progress()}")

    def tick(self, job: batch.Job, part: float) -> None:
        """Count a part of a job's input."""
        key = id(job.input)
        done = self._ticked.get(key, 0.0)
        part = min(part, 1 - done)  # each array of an archive is a whole to itself
        self._ticked[key] = done + part
        self._meter.advance(part, part * self._sizes.get(key, 0))

    def end(self, job: batch.Job, how: type[Outcome]) -> None:
        """Count a job."""
        self._counts[how] += 1
        self._left -= not job.skip
        key = id(job.input)
        if key in self._sizes:
            left = 1 - self._ticked.pop(key, 0.0)
            self._meter.advance(left, left * self._sizes[key])
            self._meter.end_file(failed=how is Failed)

    def tell(self, outcome: Outcome) -> None:
        """Show what came of a job, or complain about it."""
        if self._bar is None or (self._shows_bar_instead and not self._shares_window):
            self._tell(outcome)
            return
        with self._bar.hidden():
            self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        as_json = self._values["as_json"]
        if isinstance(outcome, Failed):
            label = outcome.job.input.label
            messages.complain_of_input(label, outcome.error, as_json=as_json)
        elif isinstance(outcome, Skipped):
            if as_json:
                _print(report.skipped_json(outcome.job.input.label, outcome.job.paths))
        else:
            self._show(outcome)

    def _show(self, result: Result) -> None:
        values = self._values
        quiet = values["quiet"]
        if result.plan.dropped:
            self._dropped.add(result.label)
        if result.plan.warning is not None:
            self._say_once(messages.warn, result.label, result.plan.warning)
        for note in () if quiet else result.notes:
            self._say_once(messages.hint, result.label, note)
        if values["as_json"]:
            _print(
                report.json_line(result, values=not values["no_preview"], word=messages.as_typed)
            )
        elif result.written is None:
            stream = messages.results()
            if self._is_flood(result, stream):
                self._say_once(messages.hint, result.label, NUMBERS_OF_PICTURES)
            report.show(
                result,
                stream=stream,
                terminal=stream.isatty(),
                full=values["full"],
                preview=not values["no_preview"],
                line=not quiet,
                word=messages.as_typed,
            )
        elif result.written != batch.STDOUT and self._tells_each and sys.stderr is not None:
            terminal = sys.stderr.isatty()
            report.show(result, stream=sys.stderr, terminal=terminal, preview=False)

    def _is_flood(self, result: Result, stream: TextIO) -> bool:
        """Whether pictures, of which there are many, are written as numbers, as nobody means it."""
        as_numbers = not self._values["no_preview"] and not self._values["quiet"]
        return as_numbers and result.kind == "image" and self._are_many and not stream.isatty()

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
        if self._shows_bar_instead:  # what the line of each file would have said
            text += f"; written to {self._values['output']}" if done else ""
            count = len(self._dropped)
            text += f"; rows or columns dropped in {count}" if count else ""
        return text if why is None else f"{why}: {text}"


def _print(line: str) -> None:
    print(line, file=messages.results(), flush=True)


def _size(job: batch.Job) -> int:
    try:
        return os.path.getsize(job.input.file) if job.input.file is not None else 0
    except OSError:
        return 0


def run(operation: Operation, values: Values, inputs: Sequence[batch.Input] | None = None) -> int:
    """Do what is asked of every input, show or write each result, and give the exit code.

    ``inputs`` are the inputs where they are not simply those that were named or typed.
    """
    search = batch.Search(values.get("recursive", False), values["output"])
    if inputs is None:
        inputs = find_inputs(values, search)
    target = target_of(values, getattr(operation, "op", "pooled"), inputs)
    refuse_contradictions(values, target)
    batch.check_target(target)
    images, shard, cluster = images_of(values, target), shard_of(values), cluster_of(values, target)
    settings = settings_of(values)
    if len(inputs) > 1:
        from poolcli.cli import misplaced

        misplaced.hint_at_output(values["inputs"] or (), values["output"])
    layouts = read_defaults(values["like"]).layouts
    if target.template is not None and target.template.needs_size:
        from poolcli.batch.run import measure

        worker = batch.Worker(operation, layouts, images=images)
        target = target._replace(measure=lambda item: measure(item, worker))
    is_batch = target.is_folder and batch.is_many(inputs)
    manifest = None
    if is_batch or target.resume:
        from poolcli.batch.manifest import fingerprint_of

        fingerprint = fingerprint_of(operation, layouts, target.format, images)
        chosen = {name: values[name] for name in HOW_READ}
        given = {name: str(value) for name, value in chosen.items() if value is not None}
        fingerprint = {**fingerprint, **given}
        manifest = _open_manifest(target, fingerprint, shard)
    jobs = batch.assign(inputs, target, manifest, search, shard)
    if not jobs and not values["quiet"]:
        messages.summary(f"shard {shard}: of {len(inputs)} inputs none is for it; nothing to do")
    if values.get("dry_run"):
        return _dry_run(jobs, batch.Worker(operation, layouts, images=images), values)
    with RunReporter(jobs, values, is_batch=is_batch) as reporter:
        outcomes = _starter(cluster)(
            *(jobs, operation, layouts, settings),
            images=images,
            manifest=manifest,
            watch=reporter,
            alone=shard is None,
        )
        with closing(outcomes):
            for outcome in outcomes:
                reporter.tell(outcome)
    return 1 if reporter.failed else 0


def _starter(cluster: Cluster | None) -> Callable[..., Generator[Outcome, None, None]]:
    """Give what does the jobs: on this machine or on a cluster."""
    if cluster is None:
        return batch.run
    from poolcli.cluster.run import run as run_on_cluster

    return partial(run_on_cluster, cluster=cluster)


def _open_manifest(
    target: batch.Target, fingerprint: Mapping[str, str], shard: Shard | None
) -> Manifest:
    from poolcli.batch.manifest import Manifest

    folder = str(target.output)
    writer = "run" if shard is None else f"shard-{shard.number}-of-{shard.parts}"
    manifest = Manifest(folder, fingerprint, writer)
    difference = manifest.difference() if target.resume and not target.overwrite else None
    if difference is not None:
        raise UsageError(
            f"{folder}: holds results of other options ({difference}); name another folder, or "
            "say --overwrite to make them again with these"
        )
    return manifest


def _dry_run(jobs: Sequence[batch.Job], worker: batch.Worker, values: Values) -> int:
    """Say what would be done; give the exit code."""
    from poolcli.batch.run import dry_run

    failed, as_json = False, values["as_json"]
    for job in jobs:
        try:
            for came in [] if job.skip else dry_run(job, worker):
                if isinstance(came, PoolError):
                    messages.complain_of_input(job.input.label, came, as_json=as_json)
                    failed = True
                    continue
                if came.plan.warning is not None:
                    messages.warn(f"{came.label}: {came.plan.warning}")
                if as_json:
                    line = report.planned_json(came, word=messages.as_typed)
                else:
                    line = report.planned_line(came)
                print(line, file=messages.results())
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(job.input.label, error, as_json=as_json)
            failed = True
    return 1 if failed else 0
