"""From option values to what the library is asked: the one place where they are translated.

The other way, from the library's words to options, is :mod:`poolcli.cli.flags`.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from poolcli import batch
from poolcli.cli import messages
from poolcli.cli.command import Values
from poolcli.cli.declare import long_flag
from poolcli.cli.env import read_defaults
from poolcli.errors import InputError, UsageError
from poolcli.families import SLIDING, Family, WindowParam
from poolcli.notation import shorten
from poolcli.ops import Op
from poolcli.outcomes import Settings
from poolcli.request import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.batch.shards import Shard
    from poolcli.chains import Chain
    from poolcli.cluster.run import Cluster
    from poolcli.images.options import ImageOptions
    from poolcli.multiscale import Overviews
    from poolcli.unpooling import Unpool

_SIZE = r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?)(?:i?B)?"
_LIKELY_BYTES = 1 << 20  # less was hardly meant
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def windows_of(family: Family, values: Values, command: str) -> Mapping[str, Any]:
    """Read the options that place windows, by the names of the family's parameters.

    ``command`` is what messages call who needs them.
    """
    read: dict[str, Any] = {}
    for param in family.params:
        typed = values.get(param.name)
        if typed is None and param.examples and values.get(param.instead) is None:
            raise UsageError(f"{command} needs {param.meaning}: {_example(param, values)}")
        read[param.name] = param.read(typed, long_flag(param)) if isinstance(typed, str) else typed
    return read


def _example(param: WindowParam, values: Values) -> str:
    """Show how to give it, with the number that was typed among the inputs if there is any."""
    flag = long_flag(param)
    numbers = [name for name in values["inputs"] or () if re.fullmatch(r"\d+(x\d+)*", name)]
    stray = [name for name in numbers if not os.path.lexists(name)]
    return ", ".join(f"{flag} {example}" for example in stray[:1] or param.examples)


def request_of(op: Op, family: Family, values: Values) -> Request:
    """Say in the library's words what the options of a command that pools ask for."""
    return Request(
        op=op.name,
        geometry=family.make_geometry(windows_of(family, values, op.name)),
        layout=values["layout"],
        like=read_defaults(values["like"]).like,
        nan=values["nan"].value,
        nodata=values["nodata"],
        min_valid=least_valid(values),
        count_include_pad=values.get("count_include_pad"),
        divisor=values.get("divisor"),
        index=values.get("index"),
        dtype=values["dtype"],
        fit=_fit(values),
        keepdims=values.get("keepdims", True),
        threads=values["threads"],
        params=_own_params(op, values),
        mask=None if (mask := _beside(values, "mask")) is None else mask != 0,
        weights=None if (weights := _beside(values, "weights")) is None else weights.astype(float),
    )


def chain_of(values: Values) -> Chain:
    """Say what the options ask of a chain of stages."""
    from dataclasses import replace

    from poolcli.chain_syntax import parse_chain

    chain = parse_chain(
        values["stages"],
        layout=values["layout"],
        like=read_defaults(values["like"]).like,
        nan=values["nan"].value,
        nodata=values["nodata"],
        min_valid=least_valid(values),
        threads=values["threads"],
    )
    return replace(chain, dtype=values["dtype"], fit=_fit(values))


def overviews_of(op: Op, values: Values) -> Overviews:
    """Say what the options ask of overviews."""
    from poolcli.multiscale import Overviews

    factors = SLIDING.params[0].read(values["size"], "--size")
    return Overviews.of(
        op.name,
        factors,
        values["levels"],
        layout=values["layout"],
        like=read_defaults(values["like"]).like,
        nan=values["nan"].value,
        nodata=values["nodata"],
        min_valid=least_valid(values),
        dtype=values["dtype"],
        fit="clip" if values["clip"] else "round",
        threads=values["threads"],
        params=_own_params(op, values),
    )


def _own_params(op: Op, values: Values) -> dict[str, Any]:
    return {p.name: values[p.name] for p in op.params if values[p.name] is not None}


def unpool_of(values: Values, indices: NDArray[Any], params: Sequence[WindowParam]) -> Unpool:
    """Say what the options ask of unpooling; ``params`` are those that tell of the pooling."""
    from poolcli.unpooling import Unpool

    windows = {
        param.name: param.read(values[param.name], long_flag(param))
        for param in params
        if values[param.name] is not None
    }
    return Unpool(
        indices,
        **windows,
        layout=values["layout"],
        like=read_defaults(values["like"]).like,
        index=values["index"],
        dtype=values["dtype"],
        fit=_fit(values),
    )


def only_array(item: batch.Input) -> NDArray[Any]:
    """The array of a file that must hold one."""
    arrays = item.read()
    loaded = next(arrays)
    if next(arrays, None) is not None:
        raise InputError(f"{item.label}: holds several arrays; name one, such as FILE.npz:name")
    return loaded.array


def _beside(values: Values, what: str) -> NDArray[Any] | None:
    """The numbers of the file of a mask or of weights, where one is named."""
    name = values.get(what)
    if name is None:
        return None
    nothing = dict.fromkeys(("matrix", "arrays", "files_from"))
    inputs = find_inputs({**values, **nothing, "inputs": [name]})
    if len(inputs) != 1 or inputs[0].from_folder:
        raise UsageError(f"--{what} takes one file")
    found = only_array(inputs[0])
    if found.dtype.kind not in "biuf":
        raise InputError(f"{inputs[0].label}: {what} of {found.dtype}; numbers are meant")
    return found


def _fit(values: Values) -> str:
    return "clip" if values["clip"] else "exact"


def least_valid(values: Values) -> float:
    """Give the fraction of a window that must be there, where something can be missing."""
    if values["min_valid"] is not None and values["nan"] != "skip" and values["nodata"] is None:
        raise UsageError("--min-valid counts what is not missing: it needs --nan skip or --nodata")
    return values["min_valid"] or 0.0


def target_of(values: Values, op: str, inputs: Sequence[batch.Input]) -> batch.Target:
    """Say where results of ``inputs`` go. ``op`` is what a name template calls what is done.

    Raises UsageError where options contradict each other.
    """
    format, named = values["format"], values.get("name_template")
    template = None
    if named is not None:
        from poolcli.batch.outputs import parse_template

        template = parse_template(named)
    target = batch.Target(
        output=values["output"],
        format=None if format is None else "." + format.lower().removeprefix("."),
        overwrite=values["overwrite"],
        indices=values.get("indices"),
        share=values.get("share"),
        template=template,
        op=op,
        skip_existing=values.get("skip_existing", False),
        resume=values.get("resume", False),
    ).for_inputs(inputs)
    if target.skip_existing and (target.overwrite or target.resume):
        other = "--overwrite" if target.overwrite else "--resume"
        raise UsageError(f"--skip-existing and {other} contradict each other; say one of them")
    if target.skip_existing and (target.output is None or target.is_stdout):
        raise UsageError("--skip-existing needs outputs that can exist: --output FILE or DIR/")
    if target.resume and not target.is_folder:
        raise UsageError("--resume goes on with a folder of results: it needs --output DIR/")
    return target


def shard_of(values: Values) -> Shard | None:
    """Say which part of the inputs is meant; None: all of them. Raises UsageError."""
    if values.get("shard") is None:
        return None
    from poolcli.batch.shards import parse_shard

    return parse_shard(values["shard"])


def cluster_of(values: Values, target: batch.Target) -> Cluster | None:
    """Say which cluster does the work; None: this machine. Raises UsageError."""
    wanted = values.get("scheduler")
    if wanted is None:
        for name in ("mixed", "insecure"):
            if values.get(name):
                raise UsageError(f"--{name} is about workers elsewhere: it needs --scheduler")
        return None
    if values.get("jobs") is not None:
        raise UsageError("--jobs is for this machine; with --scheduler each worker says for itself")
    if target.is_stdout:
        raise UsageError("-o - is written by one process; with --scheduler name a file or folder")
    from importlib.util import find_spec

    from poolcli.cluster.address import find_scheduler

    address = find_scheduler(wanted, insecure=values["insecure"])
    if find_spec("distributed") is None:
        raise UsageError("--scheduler needs Dask: pip install 'poolcli[dask]'")
    from poolcli.cluster.run import Cluster

    return Cluster(address, values["mixed"])


def settings_of(values: Values) -> Settings:
    """Say how the work is to be shared out."""
    limit = values.get("max_memory")
    if limit is not None and limit.isdigit() and int(limit) < _LIKELY_BYTES:
        messages.hint(f"--max-memory {limit} is {limit} bytes; {limit}M is as many megabytes")
    return Settings(
        at_once=values.get("jobs"),
        max_bytes=None if limit is None else parse_size(limit),
        fail_fast=values.get("fail_fast", False),
        in_order=not values.get("unordered", False),
    )


def parse_size(text: str) -> int:
    """Read a number of bytes: ``500M``, ``1.5G``, ``2GiB``; the units are powers of 1024.

    >>> parse_size("1.5K")
    1536
    """
    matched = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    size = 0 if matched is None else int(float(matched[1]) * 2 ** _UNITS[matched[2].upper()])
    if size < 1:
        raise UsageError(f"--max-memory {shorten(text)}: give bytes, such as 500M or 2G")
    return size


def images_of(values: Values, target: batch.Target) -> ImageOptions:
    """Say in the library's words what the options ask of pictures.

    Raises UsageError for what is meaningless whatever the input.
    """
    from poolcli.formats.settings import DEFAULT_PACKING, Packing
    from poolcli.images.options import ImageOptions

    linear, by = values.get("linear", False), values.get("by")
    if by is not None:
        from poolcli.images.whole_pixels import check_key

        check_key(by)
        if values.get("method") is not None:
            raise UsageError("--by takes a pixel as it is, and --method is between two; leave one")
    if (linear or by is not None) and values.get("nodata") is not None:
        raise UsageError(f"--nodata is a value of one channel, and {_which(linear)} changes it")
    rendering = None
    wished = [values.get(name) for name in ("colormap", "normalize", "grid")]
    if any(wish is not None for wish in wished):
        if target.output is None:
            raise UsageError("--colormap, --normalize and --grid make a picture: say -o FILE.png")
        from poolcli.images.render import Rendering, parse_normalize

        normalize = None if wished[1] is None else parse_normalize(wished[1])
        rendering = Rendering(wished[0], normalize, wished[2])
        rendering.check()
    background = None
    if values.get("background") is not None:
        if target.output is None:
            raise UsageError("--background is for pictures that are written: say -o FILE.jpg")
        from poolcli.formats.colours import parse_colour

        background = parse_colour(values["background"])
    packing = Packing(values.get("quality"), values.get("compression"))
    extension = _extension(target)
    if extension is not None and packing != DEFAULT_PACKING:
        from poolcli.formats.limits import meaningless

        if problem := meaningless(extension, packing):
            raise UsageError(problem)
    return ImageOptions(linear, by, rendering, values.get("max_pixels"), packing, background)


def _which(linear: bool) -> str:
    return "--linear" if linear else "--by"


def _extension(target: batch.Target) -> str | None:
    """Give the extension that all results will have, where that is known."""
    if target.format is not None or target.output is None or target.is_folder:
        return target.format
    return os.path.splitext(target.output)[1].lower() or None


def refuse_contradictions(values: Values, target: batch.Target) -> None:
    """Raise UsageError where options contradict each other or lead nowhere."""
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


def _hint_at_subfolders(names: Sequence[str]) -> None:
    """Say what folders hold that is left out."""
    for name in filter(os.path.isdir, names):
        count = batch.count_subfolders(name)
        if count:
            some = "1 sub-folder" if count == 1 else f"{count} sub-folders"
            messages.hint(f"{name}: {some} left out; -r takes what is below, too")


HOW_READ = ("arrays", "delimiter", "skip_header", "missing")
"""Keywords of what changes the arrays that are read."""


def named_inputs(values: Values) -> Sequence[str]:
    """Give the names of inputs as they were typed; where nothing is, - for a pipe, as sort does."""
    if any(values.get(name) for name in ("inputs", "matrix", "files_from")):
        return values["inputs"] or []
    from poolcli.batch.inputs import STDIN, comes_through_stdin

    def waiting() -> None:
        if not values.get("quiet"):
            messages.hint("no input is named: waiting for standard input")

    return [STDIN] if comes_through_stdin(waiting) else []


def find_inputs(
    values: Values,
    search: batch.Search = batch.Search(),  # noqa: B008 (it is immutable)
) -> list[batch.Input]:
    """Give every input that was named, listed or typed."""
    if not gc.isenabled():  # as cli.main has left it, so that modules load faster
        gc.freeze()  # they stay to the end, and need no looking at
        gc.enable()
    lists = values.get("files_from") or []
    names = named_inputs(values)
    if not all(map(os.path.lexists, names)):
        from poolcli.cli import misplaced

        misplaced.refuse(names, values)
    found = batch.find_inputs(names, values["matrix"] or [], lists, search, "--matrix")
    if not found:
        raise UsageError('no input: name a file or folder, - for standard input, or --matrix "1 2"')
    if not search.recursive and "recursive" in values and not values.get("quiet"):
        _hint_at_subfolders(names)
    rows = (values["layout"] or "").upper() == "W"
    patterns = tuple(values["arrays"] or ())
    table = [values["delimiter"], values["skip_header"], values["missing"]]
    if not patterns and not rows and table == [None] * 3:
        return found
    from poolcli.formats.dialect import dialect_of
    from poolcli.formats.settings import Members

    dialect = dialect_of(*table)
    return [item.reading(Members(patterns, small=rows), dialect) for item in found]
