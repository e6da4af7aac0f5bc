"""What the outputs in a folder were made of, so that an interrupted run can be taken up again.

``.poolcli.jsonl`` in the output folder gets a line when an output is complete, just before it gets
its name: its size and time, those of its input, and which recipe (what is done, with which
options) it was made by. An output is done when all of them still agree; whatever the moment of a
kill, the worst is a line for an output that is not there, which is then made again.

Each line begins with a line end, so that one that was torn by a kill or a full disk spoils none
but itself. Several runs may append at the same time.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, NamedTuple

from poolcli import formats
from poolcli.errors import OutputError
from poolcli.images.options import ImageOptions
from poolcli.operation import Operation

NAME = ".poolcli.jsonl"
# Below this many lines of outputs that were made again it is not worth to write the file anew.
FEW = 1000
# So many times a manifest that has been replaced is opened again before that is an error.
REOPENINGS = 100

APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT
# What opening says of links, folders, and pipes without a reader or sockets.
_NO_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}

Fingerprint = Mapping[str, str]


class Stamp(NamedTuple):
    """What tells one state of a file from another. Not its inode: a copy is as good."""

    size: int
    mtime_ns: int


class Entry(NamedTuple):
    """One output: its own state, its input's path and state, and the number of its recipe.

    ``array`` is the one of the input that was named, or None where all that it holds is meant.
    Not ``whole`` is an output that lacks arrays of its input, as they failed.
    """

    output: Stamp
    input: str
    input_stamp: Stamp
    fingerprint: str
    array: str | None = None
    whole: bool = True


class Manifest:
    """The manifest of one output folder, for a run with one recipe."""

    def __init__(self, folder: str, fingerprint: Fingerprint) -> None:
        self._folder, self._path = folder, os.path.join(folder, NAME)
        self._fingerprint = dict(fingerprint)
        self._digest = _digest(fingerprint)
        self._fingerprints: dict[str, Fingerprint] = {}
        # Where two runs make one output at the same time, the file may be of either.
        self._entries: dict[str, list[Entry]] = {}
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        self._lines = self._read_from = self._inode = 0
        self.refresh()

    def knows(self, path: str) -> bool:
        """Tell whether the output was made by a run that kept this manifest, or would have been."""
        return self._key(path) in self._entries

    def is_done(self, source: str | None, array: str | None, paths: Sequence[str]) -> bool:
        """Tell whether all outputs are as this recipe made them of the input as it is now."""
        if source is None or not paths:
            return False
        return all(self._is_done(source, array, path) for path in paths)

    def _is_done(self, source: str, array: str | None, path: str) -> bool:
        try:
            output, now = formats.status(path), formats.status(source)
        except OSError:
            return False
        for made in self._entries.get(self._key(path), []):
            same_input = made.input == os.path.abspath(source) and made.input_stamp == stamp(now)
            # An input that was replaced by its own output is no longer what it was, and is done.
            same_work = made.fingerprint == self._digest and made.array == array and made.whole
            if made.output == stamp(output) and same_work:
                return same_input or output[2:] == now[2:]
        return False

    def difference(self) -> str | None:
        """Say how the recipe of other outputs in the folder differs; None where none differs."""
        latest = {key: made[-1].fingerprint for key, made in self._entries.items()}
        others = {number: key for key, number in latest.items() if number != self._digest}
        for number, key in others.items():
            if os.path.lexists(os.path.join(self._folder, key)):
                other = self._fingerprints.get(number, {})
                return _difference(other, self._fingerprint)
        return None

    def refresh(self) -> None:
        """Take in what was appended since, by this run or another."""
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if inode != self._inode:  # written anew by another run
                    self._inode, self._read_from = inode, 0
                file.seek(self._read_from)
                data = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure(error) from error
        self._read_from += len(data)
        for line in data.split(b"\n"):
            self._take(line)

    def _take(self, line: bytes) -> None:
        # What is torn, or not ours, is passed over.
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            record = json.loads(line)
            if "recipe" in record and "options" in record:
                number, options = _text(record["recipe"]), record["options"]
                self._fingerprints[number] = {name: _text(options[name]) for name in options}
            else:
                key, made = _text(record["output"]), _entry(record)
                self._entries.setdefault(key, []).append(made)
            self._lines += 1

    def begin(self) -> None:
        """Make the manifest, if it is not there, and let outputs be noted.

        Raises OutputError where that cannot be.
        """
        try:
            formats.make_folders(self._folder)
            self._descriptor = self._open(APPENDING)
            if self._lines > 2 * len(self._entries) + FEW:
                self._write_anew()
            if self._digest not in self._fingerprints:
                self._append({"recipe": self._digest, "options": self._fingerprint})
        except OSError as error:
            raise self._failure(error) from error

    def note(
        self,
        path: str,
        source: str,
        array: str | None,
        before: formats.Status,
        output: formats.Status,
        *,
        whole: bool = True,
    ) -> None:
        """Note an output that is complete. ``before`` is its input's state before it was read.

        Raises OutputError where it cannot be noted; the output should then not get its name.
        """
        state, of = stamp(output), stamp(before)
        entry = Entry(state, os.path.abspath(source), of, self._digest, array, whole)
        try:
            self._append(_record(self._key(path), entry))
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the file, if it was opened."""
        with self._lock:  # a job that was left behind may be at work
            self._replace_descriptor(None)

    def _append(self, record: Mapping[str, Any]) -> None:
        line = _line(record)
        with self._lock, self._locked() as descriptor:
            # In one piece: a part, as on a full disk, is as good as nothing.
            if os.write(descriptor, line) != len(line):
                os.write(descriptor, line)  # raises what is the matter

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Lock the file that has the manifest's name now: another run may have written it anew."""
        for _ in range(REOPENINGS):
            if self._descriptor is None:
                raise OutputError(f"{self._path}: the run that kept it is over")
            with formats.locked(self._descriptor):
                if self._has_name(self._descriptor):
                    yield self._descriptor
                    return
            self._replace_descriptor(self._open(APPENDING))
        raise OutputError(f"{self._path}: something else replaces it again and again")

    def _replace_descriptor(self, new: int | None) -> None:
        """Let go of the file for another, which is open already.

        So there is no moment at which the number of a closed descriptor is kept: the system gives
        it to the next file that is opened, such as an output, and lines would be written into that.
        """
        old, self._descriptor = self._descriptor, new
        if old is not None:
            with suppress(OSError):  # it is closed all the same; what was written told its errors
                os.close(old)

    def _has_name(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self._path))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESTALE):
                return False
            raise

    def _open(self, flags: int) -> int:
        """Open the manifest and nothing else that may have been put in its place.

        A link is not followed, as what it points at would be appended to, and a named pipe is not
        waited for. Raises OSError, or OutputError where it is no regular file.
        """
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(self._path, flags, 0o666)
        except OSError as error:
            if error.errno in _NO_FILE and os.path.lexists(self._path):
                raise self._refusal() from error
            raise
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            raise self._refusal()
        except BaseException:
            os.close(descriptor)
            raise

    def _refusal(self) -> OutputError:
        return OutputError(f"{self._path}: is no regular file; remove it")

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"{self._path}: {error.strerror or error}")

    def _write_anew(self) -> None:
        """Leave out what is said of outputs that were made again since."""
        with self._locked():
            self.refresh()
            made = {key: self._current(key) for key in self._entries}
            used = {entry.fingerprint for entry in made.values()}
            with formats.atomic_target(self._path, overwrite=True) as file:
                for number, options in self._fingerprints.items():
                    if number in used:
                        file.write(_line({"recipe": number, "options": options}))
                for key, entry in made.items():
                    file.write(_line(_record(key, entry)))

    def _current(self, key: str) -> Entry:
        """Give the entry of the file that is there, or else the latest."""
        entries = self._entries[key]
        with suppress(OSError):
            now = stamp(formats.status(os.path.join(self._folder, key)))
            return next((entry for entry in entries if entry.output == now), entries[-1])
        return entries[-1]

    def _key(self, path: str) -> str:
        # Relative to the folder, so that it may be moved with all that is in it.
        return os.path.relpath(path, self._folder)


def _difference(then: Fingerprint, now: Fingerprint) -> str:
    names = [name for name in sorted({**then, **now}) if then.get(name) != now.get(name)]
    missing = "not given"
    return ", ".join(
        f"{name.rpartition('.')[2]} {then.get(name, missing)}, now {now.get(name, missing)}"
        for name in names
    )


def stamp(info: formats.Status) -> Stamp:
    """Give what tells this state of a file from another."""
    return Stamp(info.st_size, info.st_mtime_ns)


def _line(record: Mapping[str, Any]) -> bytes:
    return b"\n" + json.dumps(record).encode("ascii")


def _entry(record: Mapping[str, Any]) -> Entry:
    array = record.get("array")
    return Entry(
        output=_stamp(record["state"]),
        input=_text(record["input"]),
        input_stamp=_stamp(record["of"]),
        fingerprint=_text(record["by"]),
        array=None if array is None else _text(array),
        whole=record.get("whole", True) is True,
    )


def _stamp(value: object) -> Stamp:
    if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int for n in value):
        raise TypeError(value)
    return Stamp(*value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _record(key: str, entry: Entry) -> dict[str, Any]:
    record: dict[str, Any] = {
        "output": key,
        "state": entry.output,
        "input": entry.input,
        "of": entry.input_stamp,
        "by": entry.fingerprint,
    }
    if entry.array is not None:
        record["array"] = entry.array
    if not entry.whole:
        record["whole"] = False
    return record


def _digest(fingerprint: Fingerprint) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()[:16]


# How the work is shared out changes no byte of the results.
NOT_FINGERPRINTED = {"threads", "max_pixels"}


def fingerprint_of(
    operation: Operation,
    layouts: Mapping[int, str],
    format: str | None,
    images: ImageOptions = ImageOptions(),  # noqa: B008 (it is immutable)
) -> Fingerprint:
    """Give everything that the bytes of the results depend on, beside the inputs.

    >>> from poolcli.geometry import Sliding
    >>> from poolcli.request import Request
    >>> fingerprint_of(Request("max", Sliding(2)), {}, ".npy")["geometry.size"]
    '2'
    """
    words = dict(_words("", operation)) | dict(_words("images", images))
    words |= {f"layout of {axes} axes": letters for axes, letters in layouts.items()}
    return words if format is None else {**words, "format": format}


def _words(name: str, value: Any) -> Iterator[tuple[str, str]]:
    fields = _fields(value)
    if fields is not None:
        yield name or "operation", type(value).__name__
        for field in fields:
            if field not in NOT_FINGERPRINTED:
                yield from _words(_below(name, field), getattr(value, field))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _words(_below(name, str(key)), item)
    elif isinstance(value, (tuple, list)) and any(_fields(item) is not None for item in value):
        for number, item in enumerate(value, 1):
            yield from _words(_below(name, str(number)), item)
    elif hasattr(value, "tobytes"):  # an array, such as the positions that unpooling goes by
        import hashlib  # late: few recipes hold arrays

        digest = hashlib.sha256(value.tobytes()).hexdigest()
        yield name, f"{value.dtype} {value.shape} {digest}"
    elif isinstance(value, Enum):
        yield name, str(value.value)
    elif value is not None:
        yield name, str(value)


def _fields(value: Any) -> Sequence[str] | None:
    """The names of what a record holds; None for what is no record."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return getattr(value, "_fields", None)  # as a NamedTuple has them


def _below(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part
