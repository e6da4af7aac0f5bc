"""The manifest of outputs in an object store: small objects, as none there can be appended to.

What a run notes is an object each time, under ``.poolcli/`` beside the outputs. None is ever
changed; a run joins its own, some at a time and all at its end, and later runs those of others.
What is joined is written before it is removed where it was, so that whoever reads meanwhile reads
it twice or once, and never not at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from poolcli import formats
from poolcli.batch.manifest_file import END, FOLDER
from poolcli.errors import InputError, OutputError
from poolcli.formats import remote_objects

# A run joins its objects when they are so many.
MOST = 100


class ManifestObjects:
    """The objects of the manifest of one folder of outputs, which is an address."""

    def __init__(self, folder: str) -> None:
        self._folder = f"{folder.rstrip('/')}/{FOLDER}"

    def read_on(self, read: Mapping[str, int]) -> Iterator[tuple[str, bytes | None]]:
        """Give what each says that was not read; None for those that others have joined since.

        Raises OutputError.
        """
        with writing(self._folder):
            found = sorted(remote_objects.states(self._folder))
            new = [path for path in found if path.endswith(END) and path not in read]
            yield from zip(new, remote_objects.fetch(new), strict=True)

    def begin(self, writer: str, first: bytes) -> JoinedObjects:
        """Begin what one run notes. Raises OutputError."""
        return JoinedObjects(self._folder, writer, first)

    def is_over(self, _path: str) -> bool:
        """Whether one may be joined with others: each may, as none is changed any more."""
        return True

    def remove(self, paths: Sequence[str]) -> None:
        """Remove what was joined; what stays is only read once more."""
        with suppress(InputError):
            remote_objects.remove(paths)


class JoinedObjects:
    """What one run notes; any of its threads may append.

    ``first`` is in the object that it begins with, which stays by its ``path`` until the end.
    """

    def __init__(self, folder: str, writer: str, first: bytes) -> None:
        self._name = f"{folder}/{writer}-{formats.own_name()}"
        self._folder, self._lock, self._count = folder, threading.Lock(), 0
        self._single: dict[str, bytes] = {}
        self._joined: dict[str, bytes] = {}
        self._is_over = False
        self.path = self._put(first)
        self._joined[self.path] = self._single.pop(self.path)

    def append(self, data: bytes) -> None:
        """Write an object with a line, or several. Raises OutputError, also after its close."""
        if self._is_over:
            raise OutputError(f"{self._folder}: the run that kept it is over")
        self._put(data)
        with self._lock:
            if len(self._single) < MOST:
                return
            some, self._single = self._single, {}
        some = self._join(some)
        with self._lock:
            self._joined |= some

    def sync(self) -> None:
        """What is written there is there."""

    def close(self) -> None:
        """Join all, or remove the first where nothing followed."""
        with self._lock:
            is_over, self._is_over = self._is_over, True
            written = {**self._joined, **self._single}
        if len(written) > 1:
            self._join(written)
        elif not is_over:
            with suppress(InputError):
                remote_objects.remove(list(written))

    def _put(self, data: bytes) -> str:
        with self._lock:
            path = f"{self._name}-{self._count:07}{END}"
            self._count += 1
        with writing(self._folder):
            remote_objects.put(path, data)
        with self._lock:
            self._single[path] = data
        return path

    def _join(self, some: dict[str, bytes]) -> dict[str, bytes]:
        """Write several as one and remove them; where that cannot be they stay as they are."""
        path, data = f"{min(some).removesuffix(END)}-joined{END}", b"".join(some.values())
        try:
            remote_objects.put(path, data)
        except InputError:
            return some
        with suppress(InputError):
            remote_objects.remove(list(some))
        return {path: data}


@contextmanager
def writing(folder: str) -> Iterator[None]:
    """Name the folder in what goes wrong."""
    try:
        yield
    except InputError as error:
        raise OutputError(f"{folder}: {error}") from error
