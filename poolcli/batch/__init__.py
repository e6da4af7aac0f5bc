"""Which inputs go to which outputs, checked before any work; then the work, failure by failure.

What few runs need is not handed out here but by its own module, loaded when a run needs it:
manifests, fingerprints, dry runs and templates of names.
"""

from poolcli.batch.conflicts import assign, check_target
from poolcli.batch.inputs import Input, Search, count_subfolders, find_inputs
from poolcli.batch.outputs import STDOUT, Job, Target, is_many
from poolcli.batch.run import processors, run
from poolcli.batch.worker import Worker

__all__ = [
    "STDOUT",
    "Input",
    "Job",
    "Search",
    "Target",
    "Worker",
    "assign",
    "check_target",
    "count_subfolders",
    "find_inputs",
    "is_many",
    "processors",
    "run",
]
