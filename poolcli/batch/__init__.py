"""Which inputs go to which outputs, checked before any work; then the work, failure by failure."""

from poolcli.batch.asked import Asked
from poolcli.batch.manifest import Manifest
from poolcli.batch.names import FIELDS, Template, parse_template
from poolcli.batch.outcomes import Failed, Outcome, Settings, Skipped, Watch
from poolcli.batch.outputs import STDOUT, Job, Target, is_many
from poolcli.batch.pictures import Pictures
from poolcli.batch.places import assign
from poolcli.batch.recipe import recipe_of
from poolcli.batch.rehearsal import rehearse
from poolcli.batch.run import processors, run
from poolcli.batch.sources import Search, Source, find_sources
from poolcli.batch.work import Worker

__all__ = [
    "FIELDS",
    "STDOUT",
    "Asked",
    "Failed",
    "Job",
    "Manifest",
    "Outcome",
    "Pictures",
    "Search",
    "Settings",
    "Skipped",
    "Source",
    "Target",
    "Template",
    "Watch",
    "Worker",
    "assign",
    "find_sources",
    "is_many",
    "parse_template",
    "processors",
    "recipe_of",
    "rehearse",
    "run",
]
