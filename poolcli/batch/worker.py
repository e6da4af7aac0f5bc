"""What all jobs of a run have in common, and what is planned for each array."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from poolcli.errors import PoolError
from poolcli.images.options import ImageOptions
from poolcli.operation import Operation, OperationPlan
from poolcli.outcomes import Stopped

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest
    from poolcli.batch.outputs import Job
    from poolcli.formats.base import Source, SourceInfo


class StartLatch:
    """Whether something was done, after which a mistake in the usage is one of an input.

    Any thread may ask; of one that begins and one that refuses at the same time, one comes first.
    """

    def __init__(self, *, made: bool = False) -> None:
        self._made, self._refused = made, False
        self._lock = threading.Lock()

    def make(self) -> None:
        """Let something be made. Raises Stopped where the run was refused meanwhile."""
        with self._lock:
            if self._refused:
                raise Stopped
            self._made = True

    def refuse(self) -> bool:
        """Refuse the whole run, which is possible as long as nothing was made."""
        with self._lock:
            self._refused = not self._made
            return self._refused


class Worker(NamedTuple):
    """What all jobs of a run have in common.

    ``layouts`` are assumed, by number of axes, for arrays whose file does not tell. ``max_bytes``
    bounds the memory of one input, and ``images`` says what is asked of pictures. ``manifest`` is
    told of outputs before they get their names. ``tick`` is called again and again with the job
    and what part of its input was pooled since; by raising it ends the job, which leaves nothing.
    ``latch`` is set before anything is made.
    """

    operation: Operation
    layouts: Mapping[int, str]
    max_bytes: int | None = None
    images: ImageOptions = ImageOptions()
    manifest: Manifest | None = None
    tick: Callable[[Job, float], None] = lambda _job, _part: None
    latch: StartLatch = StartLatch(made=True)

    def plan(self, info: SourceInfo, format: str | None) -> OperationPlan:
        """Say what will be done to an array whose result is written in ``format``."""
        if info.beside:
            from poolcli.batch.unchanged import UnchangedPlan  # late: most inputs are no archives

            return UnchangedPlan(info.shape, info.dtype)
        layout = info.layout or self.layouts.get(len(info.shape))
        return self.images.plan(self.operation, info, layout, format)


class Planned(NamedTuple):
    """An array and what will be done to it, or why nothing can be.

    ``format`` is the extension that its result is written with, None where it is only shown.
    """

    source: Source
    format: str | None
    plan: OperationPlan | None
    problem: PoolError | None = None

    def checked(self) -> OperationPlan:
        """The plan. Raises PoolError where there is none."""
        if self.plan is None:
            assert self.problem is not None
            raise self.problem
        return self.plan
