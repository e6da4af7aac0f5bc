"""What comes of jobs, how they are done, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.batch.outputs import Job
    from poolcli.engine.arrays import Readable
    from poolcli.errors import PoolError
    from poolcli.operation import OperationPlan


class Result(NamedTuple):
    """One pooled input, ready to be shown.

    ``label``: what people call the input (``"in.npz:features"``, ``"-"``, ``"photo.png"``).
    ``plan``: what was asked and what it came to (shapes, dtypes, layouts, dropped rows).
    ``output``: the pooled array, or None when it went to its file block by block.
    ``kind``: ``"npy" | "npz" | "image" | "text"``; pictures are drawn, all else is numbers.
    ``written``: the file or folder entry that holds the output, or None when nothing was written.
    ``indices``, ``share``: the files that hold the winners' positions and shares, or None.
    ``notes``: what did not go on with the output, a sentence each.
    ``source``: the input, given where it can be drawn beside its result: where nothing is written.
    """

    label: str
    plan: OperationPlan
    output: NDArray[Any] | None
    kind: str
    written: str | None = None
    indices: str | None = None
    source: Readable | None = None
    notes: tuple[str, ...] = ()
    share: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may be other than it was meant, a sentence each."""
        doubt = self.plan.warning
        return self.notes if doubt is None else (doubt, *self.notes)

    @property
    def array(self) -> NDArray[Any]:
        """The pooled array, where it is in memory."""
        if self.output is None:
            raise ValueError(f"{self.label}: the result went to {self.written} block by block")
        return self.output


class Stopped(Exception):
    """The run is over before its time; a job that was waiting or at work ends without a result."""


class Failed(NamedTuple):
    """A job that ended with an error; there may have been results before."""

    job: Job
    error: PoolError


class Skipped(NamedTuple):
    """A job whose outputs are there already."""

    job: Job


Outcome = Result | Failed | Skipped


def without_arrays(outcome: Outcome) -> Outcome:
    """Let go of the arrays of a result that was written: nobody will look at them."""
    return outcome._replace(output=None, source=None) if isinstance(outcome, Result) else outcome


class Settings(NamedTuple):
    """How the jobs are done, which changes nothing of what they give.

    ``at_once``: how many jobs at a time (None: as many as processors). ``max_bytes`` bounds their
    memory, all together (None: half of what is free). ``fail_fast``: after a failure begin no
    more. ``in_order``: give outcomes in the order of the jobs, rather than as they come.
    """

    at_once: int | None = None
    max_bytes: int | None = None
    fail_fast: bool = False
    in_order: bool = True


class Watch:
    """Is told how the work goes on. This one does not care."""

    def tick(self, job: Job, part: float) -> None:
        """Part of a job's input was pooled since last told; called by any thread."""

    def end(self, job: Job, how: type[Outcome]) -> None:
        """A job has ended: with results, with an error, or by being skipped."""
