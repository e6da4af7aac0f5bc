"""How much memory a job will take, told by the header of its input before it is read.

What the decoders, the engine and the encoders hold beside the arrays themselves was measured, with
photographs of 6 million pixels: it is a matter of the format far more than of the picture.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress

from poolcli import files
from poolcli.batch.formats import PICTURES
from poolcli.batch.outputs import Job
from poolcli.batch.work import Worker
from poolcli.errors import PoolError
from poolcli.plan import Plan

# Decoding takes so many times the pixels: its own, their bytes in pieces, and joined.
_DECODED = {".webp": 6.2}
_DECODED_ELSE = 3.5
# Writing takes so many times the result: a copy in the encoder's order, and the bytes of the file.
_ENCODED = {".tif": 4.0, ".tiff": 4.0}
_ENCODED_PICTURE, _ENCODED_ELSE = 3.5, 1.5
# Numbers as text become so many times the bytes of it.
_PARSED = 8
# Of arrays that are pooled as they are read, no more is in memory at once.
_READ_AT_ONCE = {"npy": 0, "npz": 1 << 25}
# One thread's blocks, and what goes with opening and writing any file.
_BLOCKS, _LEAST = 8 << 20, 1 << 18


def need_of(job: Job, worker: Worker) -> int:
    """Estimate the memory that a job takes at most, in bytes."""
    path = job.source.path
    if job.skip or path is None:
        return 0
    try:
        described = files.describe_at_most(path, worker.pictures.reading(job), job.source.members)
        if described is None:
            return _LEAST + _PARSED * os.path.getsize(str(job.source.file))
    except (PoolError, OSError):
        return 0  # reading it will fail, too
    need = _LEAST
    with suppress(PoolError):  # as will reading other arrays of it
        for one in described:
            with suppress(PoolError):  # as will pooling this one, and the others go on
                need += _need_of_array(one, job, worker)
    return need


def _need_of_array(described: files.Described, job: Job, worker: Worker) -> int:
    format = job.format or described.format
    plan = worker.plan(described, format)
    count: int = math.prod(plan.output_shape)
    result: int = count * plan.output_dtype.itemsize
    source = described.nbytes
    blocks: int = min(_BLOCKS, source + result)
    if isinstance(plan, Plan) and not worker.pictures.are_concerned(described):
        if described.kind == "npy" and format == ".npy" and job.output is not None:
            return blocks  # it goes from file to file
        source = min(source, _READ_AT_ONCE.get(described.kind, source))
    decoding = float(source)
    if described.kind == "image":
        decoding *= _DECODED.get(described.format, _DECODED_ELSE)
    pooling = blocks + result + worker.pictures.bytes_beside(described, plan)
    if job.indices is not None:
        pooling += 8 * count
    encoding = _ENCODED.get(format, _ENCODED_PICTURE if format in PICTURES else _ENCODED_ELSE)
    return math.ceil(max(decoding, source + pooling, source + encoding * result))
