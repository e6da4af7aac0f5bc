"""From option values to results on standard output or in files."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from poolcli import batch, report
from poolcli.cli import messages
from poolcli.cli.batch_options import settings_of, target_of
from poolcli.cli.lazy import Values
from poolcli.cli.picture_options import pictures_of
from poolcli.cli.telling import Telling
from poolcli.cli.values import Levels
from poolcli.cli.variables import read_defaults
from poolcli.errors import PoolError, UsageError
from poolcli.geometry import Adaptive, Geometry
from poolcli.plan import Request

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest
    from poolcli.batch.sources import Read
    from poolcli.files import Loaded
    from poolcli.ops import Op
    from poolcli.pyramid import Pyramid


def ask(op: Op, geometry: Geometry, values: Values) -> Request:
    """Say in the library's words what the options ask for."""
    return Request(
        op=op.name,
        geometry=geometry,
        layout=values["layout"],
        like=read_defaults(values["like"]).like,
        nan=values["nan"].value,
        nodata=values["nodata"],
        min_valid=least_valid(values),
        count_include_pad=values.get("count_include_pad"),
        divisor=values.get("divisor"),
        index=values.get("index"),
        dtype=values["dtype"],
        fit="clip" if values["clip"] else "exact",
        keepdims=values.get("keepdims", True),
        threads=values["threads"],
        params={p.name: values[p.name] for p in op.params if values[p.name] is not None},
    )


def least_valid(values: Values) -> float:
    """Give the fraction of a window that must be there, where something can be missing."""
    if values["min_valid"] is not None and values["nan"] != "skip" and values["nodata"] is None:
        raise UsageError("--min-valid counts what is not missing: it needs --nan skip or --nodata")
    return values["min_valid"] or 0.0


def ask_for_pyramid(op: Op, levels: Levels, values: Values) -> Pyramid:
    """Say in the library's words what the options of a pyramid ask for."""
    from poolcli.pyramid import Pyramid

    level = ask(op, Adaptive(levels[0]), values)
    return Pyramid(replace(level, dtype=None, fit="exact"), levels, level.dtype, level.fit)


def run(asked: batch.Asked, values: Values, sources: Sequence[batch.Source] | None = None) -> int:
    """Do what is asked of every input, show or write each result, and give the exit code.

    ``sources`` are the inputs where they are not simply those that were named or typed.
    """
    target = target_of(values, getattr(asked, "op", "pooled"))
    _refuse_contradictions(values, target)
    batch.check_target(target)
    pictures = pictures_of(values, target)
    search = batch.Search(values.get("recursive", False), target.output)
    if sources is None:
        sources = find_sources(values, search)
    layouts = read_defaults(values["like"]).layouts
    is_batch = target.is_folder and batch.is_many(sources)
    manifest = None
    if is_batch or target.resume:
        from poolcli.batch.recipe import recipe_of

        recipe = recipe_of(asked, layouts, target.format, pictures)
        if values["arrays"]:
            recipe = {**recipe, "arrays": " ".join(values["arrays"])}
        manifest = _open_manifest(target, recipe)
    jobs = batch.assign(sources, target, manifest, search)
    if values.get("dry_run"):
        return _rehearse(jobs, batch.Worker(asked, layouts, pictures=pictures), values)
    settings = settings_of(values, in_order=not values["as_json"])._replace(pictures=pictures)
    with Telling(jobs, values, is_batch=is_batch) as telling:
        outcomes = batch.run(jobs, asked, layouts, settings, manifest=manifest, watch=telling)
        with closing(outcomes):
            for outcome in outcomes:
                telling.tell(outcome)
    return 1 if telling.failed else 0


def find_sources(
    values: Values,
    search: batch.Search = batch.Search(),  # noqa: B008 (it is immutable)
) -> list[batch.Source]:
    """Give every input that was named, listed or typed."""
    if not gc.isenabled():  # as cli.main has left it, so that modules load faster
        gc.freeze()  # they stay to the end, and need no looking at
        gc.enable()
    inputs, lists = values["inputs"] or [], values.get("files_from") or []
    sources = batch.find_sources(inputs, values["matrix"] or [], lists, search)
    if not sources:
        raise UsageError('no input: name a file or folder, - for standard input, or --matrix "1 2"')
    rows = (values["layout"] or "").upper() == "W"
    patterns = tuple(values["arrays"] or ())
    if patterns or rows:
        from poolcli.files import Members

        sources = [source.choosing(Members(patterns, small=rows)) for source in sources]
    if rows:
        return [source._replace(read=partial(_read_rows, source.read)) for source in sources]
    return sources


def _read_rows(read: Read, **settings: Any) -> Iterator[Loaded]:
    """Read text of one row or column as what it is meant to be where its only axis is W."""
    for loaded in read(**settings):
        if loaded.kind == "text" and len(loaded.shape) == 2 and 1 in loaded.shape:
            loaded = loaded._replace(content=loaded.array.reshape(-1))
        yield loaded


def _open_manifest(target: batch.Target, recipe: Mapping[str, str]) -> Manifest:
    from poolcli.batch.manifest import Manifest

    folder = str(target.output)
    manifest = Manifest(folder, recipe)
    difference = manifest.difference() if target.resume and not target.overwrite else None
    if difference is not None:
        raise UsageError(
            f"{folder}: holds results of other options ({difference}); name another folder, or "
            "say --overwrite to make them again with these"
        )
    return manifest


def _rehearse(jobs: Sequence[batch.Job], worker: batch.Worker, values: Values) -> int:
    """Say what would be done; give the exit code."""
    from poolcli.batch.rehearsal import rehearse

    failed, as_json = False, values["as_json"]
    for job in jobs:
        try:
            for came in [] if job.skip else rehearse(job, worker):
                if isinstance(came, PoolError):
                    messages.complain_of_input(job.source.label, came, as_json=as_json)
                    failed = True
                    continue
                if came.plan.warning is not None:
                    messages.warn(f"{came.label}: {came.plan.warning}")
                line = report.planned_json(came) if as_json else report.planned_line(came)
                print(line, file=messages.results())
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(job.source.label, error, as_json=as_json)
            failed = True
    return 1 if failed else 0


def _refuse_contradictions(values: Values, target: batch.Target) -> None:
    if target.is_stdout:
        if values["as_json"]:
            raise UsageError("--json and -o - both want standard output; write to a file instead")
        if target.is_binary and sys.stdout is not None and sys.stdout.isatty():
            raise UsageError("-o - would write binary to the terminal; redirect it or use -o FILE")
    if values.get("index") is not None and target.indices is None:
        raise UsageError("--index says how positions count: it needs --indices FILE")
    if target.output is None and values["format"] is not None:
        raise UsageError("--to and --format say how to write: they need --output")
    if values["clip"] and values["dtype"] is None and not target.may_be_picture:
        raise UsageError("--clip needs something to fit: --dtype, or a picture as --output")
