"""How arrays of Zarr are stored, so that results are stored alike; and the library that does it."""

from __future__ import annotations

import dataclasses
import threading
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poolcli.formats.description import NewArray
from poolcli.formats.guard import need

if TYPE_CHECKING:
    from types import ModuleType

    import zarr

NAMES_2 = "_ARRAY_DIMENSIONS"
"""The attribute that names the axes in version 2."""

NEWEST = 3
# Codecs before the compressor that change no value; others are for values of another kind.
_LOSSLESS = {"delta", "shuffle", "bitshuffle", "transpose"}


class Storage(NamedTuple):
    """How an array is stored, for its result to be stored alike."""

    version: int
    dtype: np.dtype[Any]
    axes: int
    filters: tuple[Any, ...]
    compressors: tuple[Any, ...]
    serializer: Any
    fill_value: Any
    order: str
    chunk_keys: Any

    @classmethod
    def of(cls, array: zarr.Array[Any]) -> Storage:
        """Look at an array."""
        metadata: Any = array.metadata
        is_new = metadata.zarr_format == NEWEST
        return cls(
            version=metadata.zarr_format,
            dtype=array.dtype,
            axes=len(array.shape),
            filters=tuple(array.filters),
            compressors=tuple(array.compressors),
            serializer=array.serializer if is_new else None,
            fill_value=array.fill_value,
            order=array.order,
            chunk_keys=metadata.chunk_key_encoding
            if is_new
            else {"name": "v2", "separator": metadata.dimension_separator},
        )

    def options(self, new: NewArray) -> dict[str, Any]:
        """What ``zarr.create_array`` is told for a result, whose dtype and axes may be others."""
        is_alike = new.dtype == self.dtype and len(new.shape) == self.axes
        options: dict[str, Any] = {
            "zarr_format": self.version,
            "compressors": [_fitted(codec, new.dtype) for codec in self.compressors] or None,
            "chunk_key_encoding": self.chunk_keys,
            "fill_value": _kept_fill(self.fill_value, new.dtype),
        }
        if is_alike and all(_name(codec) in _LOSSLESS for codec in self.filters):
            options["filters"] = list(self.filters) or None
        else:
            options["filters"] = None
        if self.version == NEWEST:
            if is_alike and _name(self.serializer) == "bytes":
                options["serializer"] = self.serializer
        else:
            options["order"] = self.order
        return options


def _fitted(codec: Any, dtype: np.dtype[Any]) -> Any:
    """A compressor that shuffles bytes does so by the size of the new type."""
    names = (
        {field.name for field in dataclasses.fields(codec)}
        if dataclasses.is_dataclass(codec)
        else ()
    )
    return dataclasses.replace(codec, typesize=dtype.itemsize) if "typesize" in names else codec


def _name(codec: Any) -> str:
    """The name of a codec of either version, without the library's own prefix."""
    said = (
        codec.to_dict().get("name") if hasattr(codec, "to_dict") else codec.get_config().get("id")
    )
    return str(said).removeprefix("numcodecs.")


def _kept_fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """The value of missing chunks, where the new type has it, else 0."""
    with np.errstate(all="ignore"):
        try:
            kept = np.asarray(value).astype(dtype)
        except (TypeError, ValueError, OverflowError):
            return dtype.type(0)
    same = kept == value or (kept != kept and value != value)
    return kept[()] if same else dtype.type(0)


def library() -> ModuleType:
    """The library. Raises InputError where it is not installed."""
    zarr = need("zarr", "zarr", "Zarr")
    # What it says of metadata is for those who write programs with it.
    warnings.filterwarnings("ignore", module=r"zarr(\.|$)")
    return zarr


def new_store(folder: str) -> Any:
    """A store to write into, whose ``stop`` returns when nothing is being written any more.

    Of several chunks that the library writes at the same time one may fail while others go on,
    which would make folders again that have been removed.
    """
    return _stoppable()(folder)


@cache
def _stoppable() -> Any:
    zarr = library()

    class Stoppable(zarr.storage.LocalStore):  # type: ignore[misc, name-defined]  # loaded late
        def __init__(self, root: Any, *, read_only: bool = False) -> None:
            super().__init__(root, read_only=read_only)
            self._changed = threading.Condition()
            self._writing, self._is_over = 0, False

        async def set(self, key: str, value: Any) -> None:
            with self._changed:
                if self._is_over:
                    raise OSError("nothing is written any more")
                self._writing += 1
            try:
                await super().set(key, value)
            finally:
                with self._changed:
                    self._writing -= 1
                    self._changed.notify_all()

        def stop(self) -> None:
            with self._changed:
                self._is_over = True
                self._changed.wait_for(lambda: not self._writing)

    return Stoppable
