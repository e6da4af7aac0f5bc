"""What comes of jobs, how they are done, and who is told."""

from __future__ import annotations

from typing import NamedTuple

from poolcli.batch.outputs import Job
from poolcli.errors import PoolError
from poolcli.images.options import ImageOptions
from poolcli.outcomes import Result


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
    images: ImageOptions = ImageOptions()


class Watch:
    """Is told how the work goes on. This one does not care."""

    def tick(self, job: Job, part: float) -> None:
        """Part of a job's input was pooled since last told; called by any thread."""

    def end(self, job: Job, how: type[Outcome]) -> None:
        """A job has ended: with results, with an error, or by being skipped."""
