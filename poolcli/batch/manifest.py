"""What the outputs in a folder were made of, so that an interrupted run can be taken up again.

The manifest gets a line when an output is complete, just before that gets its name: its size and
time, those of its input, and the fingerprint (what is done, with which options) of its run. An
output is done when all of them still agree; whatever the moment of a kill, the worst is a line for
an output that is not there, which is then made again.

Several runs may work into one folder at the same time, on several machines: each writes a file of
its own, and all files are read (:mod:`poolcli.batch.manifest_file`). Each line begins with a line
end, so that one that was torn by a kill or a full disk spoils none but itself.

Outputs in an object store are noted beside them in objects (:mod:`poolcli.batch.manifest_objects`),
and twice: what state one has shows only when it is there. One that is there and was noted only
before may not be what was noted, and is made again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple, Protocol

from poolcli import formats
from poolcli.batch.manifest_file import ManifestFiles
from poolcli.errors import InputError, OutputError
from poolcli.images.options import ImageOptions
from poolcli.operation import Operation

# Below this many lines of outputs that were made again, and this many files, it is not worth to
# write all anew.
FEW, FEW_FILES = 1000, 16
# So many times the files are looked for again that others have merged meanwhile.
LOOKS = 100

Fingerprint = Mapping[str, str]


class Stamp(NamedTuple):
    """What tells one state of a file from another. Not its inode: a copy is as good."""

    size: int
    mtime_ns: int


class Entry(NamedTuple):
    """One output: its own state, its input's path and state, and the digest of its fingerprint.

    ``array`` is the one of the input that was named, or None where all that it holds is meant.
    Not ``whole`` is an output that lacks arrays of its input, as they failed. ``when`` it was noted
    is said where the state of an output does not say when it was made.
    """

    output: Stamp
    input: str
    input_stamp: Stamp
    fingerprint: str
    array: str | None = None
    whole: bool = True
    when: int | None = None

    @property
    def age(self) -> int:
        """What is larger for an output that was made later."""
        return self.output.mtime_ns if self.when is None else self.when


class Writer(Protocol):
    """What one run notes its outputs in, which lies at ``path``."""

    @property
    def path(self) -> str: ...

    def append(self, data: bytes) -> None:
        """Add lines. Raises OSError or OutputError."""

    def sync(self) -> None:
        """Let what was added outlast a failure of the machine."""

    def close(self) -> None:
        """Nothing more is added."""


class Place(Protocol):
    """Where the notes of all runs lie, in files or objects; what each says only grows."""

    def read_on(self, read: Mapping[str, int]) -> Iterator[tuple[str, bytes | None]]:
        """Give what each says beyond so many bytes; None for those that have vanished."""

    def begin(self, writer: str, first: bytes) -> Writer:
        """Begin what one run notes, by a line."""

    def is_over(self, path: str) -> bool:
        """Whether nobody adds to it any more."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove what was said once more elsewhere."""


class Manifest:
    """The manifest of one output folder, for a run with one fingerprint.

    ``writer`` is what the file that this run writes is called, before what makes its name unique.
    ``read``: what it says is read at once.
    """

    def __init__(
        self, folder: str, fingerprint: Fingerprint, writer: str = "run", *, read: bool = True
    ) -> None:
        self._folder, self._writer = folder, writer
        self._fingerprint = dict(fingerprint)
        self._digest = _digest(fingerprint)
        self._fingerprints: dict[str, Fingerprint] = {}
        # Where two runs make one output at the same time, the file may be of either.
        self._entries: dict[str, list[Entry]] = {}
        self._place = _place_of(folder)
        self._file: Writer | None = None
        self._statuses = formats.Statuses()
        self._lock = threading.Lock()
        self._lines = 0
        self._read: dict[str, int] = {}
        if read:
            self.refresh()

    @property
    def file(self) -> str:
        """The file of this run, which there is from its beginning on."""
        assert self._file is not None
        return self._file.path

    @property
    def kept_for(self) -> tuple[str, Fingerprint]:
        """The folder, by a name that is good everywhere, and the fingerprint."""
        return formats.absolute(self._folder), self._fingerprint

    def knows(self, path: str) -> bool:
        """Tell whether the output was made by a run that kept this manifest, or would have been."""
        return self._key(path) in self._entries

    def is_done(self, source: str | None, array: str | None, paths: Sequence[str]) -> bool:
        """Tell whether all outputs are as this fingerprint made them of the input as it is now."""
        if source is None or not paths:
            return False
        return all(self._is_done(source, array, path) for path in paths)

    def _is_done(self, source: str, array: str | None, path: str) -> bool:
        try:
            output, now = self._statuses.status(path), self._statuses.status(source)
        except (OSError, InputError):
            return False
        for made in self._entries.get(self._key(path), []):
            same_input = made.input == formats.absolute(source) and made.input_stamp == stamp(now)
            # An input that was replaced by its own output is no longer what it was, and is done.
            same_work = made.fingerprint == self._digest and made.array == array and made.whole
            # Of objects with the same bytes several notes may say the same: it takes one that fits.
            if (
                made.output == stamp(output)
                and same_work
                and (same_input or output.is_of(path, now, source))
            ):
                return True
        return False

    def difference(self) -> str | None:
        """Say how the fingerprint of other outputs there differs; None where none differs."""
        for key, made in self._entries.items():
            number = _latest(made).fingerprint
            if number != self._digest and self._is_there(self._path(key)):
                other = self._fingerprints.get(number, {})
                return _difference(other, self._fingerprint)
        return None

    def refresh(self) -> None:
        """Take in what was added since, by this run or another. Raises OutputError."""
        with self._lock:
            self._statuses = formats.Statuses()
            try:
                for _ in range(LOOKS):
                    vanished = False
                    for path, data in self._place.read_on(self._read):
                        vanished |= data is None
                        self._take_on(path, data or b"")
                    if not vanished:
                        return
            except OSError as error:
                raise self._failure(error) from error

    def _take_on(self, path: str, data: bytes) -> None:
        """Take in what a file says beyond what was read."""
        *lines, last = data.split(b"\n")
        for line in lines:
            self._take(line)
        # The last line may still be being written.
        more = len(data) - (0 if self._take(last) else len(last))
        self._read[path] = self._read.get(path, 0) + more

    def _take(self, line: bytes) -> bool:
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
            return True
        return False

    def begin(self, *, merge: bool = True) -> None:
        """Make the file of this run, and let outputs be noted.

        ``merge``: what runs that are over have left is taken into it where that is much.
        Raises OutputError where that cannot be.
        """
        first = _line({"recipe": self._digest, "options": self._fingerprint})
        try:
            self._file = self._place.begin(self._writer, first)
            over = [path for path in self._read if merge and self._place.is_over(path)]
            if len(over) > FEW_FILES or self._lines > 2 * len(self._entries) + FEW:
                self._merge(self._file, over)
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
        when = time.time_ns() if formats.is_address(path) else None
        entry = Entry(state, formats.absolute(source), of, self._digest, array, whole, when)
        assert self._file is not None
        try:
            self._file.append(_line(_record(self._key(path), entry)))
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the file of this run, if there is one."""
        if self._file is not None:
            self._file.close()

    def _merge(self, file: Writer, over: Sequence[str]) -> None:
        """Say all that is known once more, but for outputs that were made again, and at one place.

        Files whose writers are at work stay; what is read twice is known all the same.
        """
        self.refresh()
        made = {key: self._current(key) for key in self._entries}
        used = {entry.fingerprint for entry in made.values()}
        for number, options in self._fingerprints.items():
            if number in used and number != self._digest:
                file.append(_line({"recipe": number, "options": options}))
        file.append(b"".join(_line(_record(key, entry)) for key, entry in made.items()))
        file.sync()
        self._place.remove(over)

    def _failure(self, error: OSError) -> OutputError:
        where = error.filename or self._folder
        return OutputError(f"{os.fsdecode(where)}: {error.strerror or error}")

    def _current(self, key: str) -> Entry:
        """Give the entry of the file that is there, or else the latest."""
        entries = self._entries[key]
        with suppress(OSError, InputError):
            now = stamp(self._statuses.status(self._path(key)))
            return next((entry for entry in entries if entry.output == now), _latest(entries))
        return _latest(entries)

    def _key(self, path: str) -> str:
        # Relative to the folder, so that it may be moved with all that is in it.
        if formats.is_address(path):
            return path.removeprefix(f"{self._folder.rstrip('/')}/")
        if formats.is_address(self._folder):
            return os.path.abspath(path)
        return os.path.relpath(path, self._folder)

    def _path(self, key: str) -> str:
        return key if formats.is_address(key) else os.path.join(self._folder, key)

    def _is_there(self, path: str) -> bool:
        if not formats.is_address(path):
            return os.path.lexists(path)
        with suppress(InputError):  # who does not answer is asked again soon
            return self._statuses.is_there(path)
        return True


def _place_of(folder: str) -> Place:
    if not formats.is_address(folder):
        return ManifestFiles(folder)
    from poolcli.batch.manifest_objects import ManifestObjects  # late: few outputs are far away

    return ManifestObjects(folder)


def _latest(made: Sequence[Entry]) -> Entry:
    """The entry of the file that was made last: those of several runs come in any order."""
    return max(made, key=lambda entry: entry.age)


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
        when=record["when"] if type(record.get("when")) is int else None,
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
    if entry.when is not None:
        record["when"] = entry.when
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
