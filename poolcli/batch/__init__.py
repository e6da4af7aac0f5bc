"""Which inputs go to which outputs, checked before any work; then the work, failure by failure."""

from poolcli.batch.outputs import STDOUT, Job, Target, assign
from poolcli.batch.sources import Source, find_sources
from poolcli.batch.work import run

__all__ = ["STDOUT", "Job", "Source", "Target", "assign", "find_sources", "run"]
