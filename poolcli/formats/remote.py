"""The one door to object stores and the web, by fsspec: imported when there is an address.

What can be read by ranges is; everything else comes into a temporary file first. What is written is
made in a temporary file, goes up when it is complete, and appears when all of it is there.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from poolcli.errors import InputError, OutputError
from poolcli.formats.addresses import SCHEMES, scheme_of
from poolcli.formats.guard import need, one_line, size_text

T = TypeVar("T")

# Seconds to wait for a connection, and for the next bytes; tries, and seconds before the next one.
CONNECT, ANSWER = 10, 60
TRIES, PAUSE = 3, 0.25
PIECE = 1 << 23  # bytes that go up or come down at once
AHEAD = 1 << 18  # bytes that are read where few are asked for
# Ranges with so many bytes between them at most are asked for as one, up to so many in all.
GAP, MOST_JOINED = 1 << 16, 1 << 24


class Far(NamedTuple):
    """An address, with the file system of fsspec that it is of and its path there."""

    address: str
    system: Any
    path: str


class About(NamedTuple):
    """What is known of an object: its bytes, None where nobody says, and what tells its states.

    Not ``may_have_ranges``: it has to come as a whole.
    """

    size: int | None
    tag: str
    may_have_ranges: bool = True


class Item(NamedTuple):
    """An object of a listing, and the folder that it is in, below where the listing began."""

    address: str
    folder: str


def forget() -> None:
    """Connect anew at the next address: for tests, whose servers come and go."""
    _system.cache_clear()


@cache
def _system(scheme: str, *, asynchronous: bool = False) -> Any:
    fsspec = need("fsspec", "cloud", f"{scheme}://")
    need(SCHEMES[scheme].library, "cloud", f"{scheme}://")
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    options["asynchronous"] = asynchronous
    if scheme == "s3":
        options["config_kwargs"] = {
            "connect_timeout": CONNECT,
            "read_timeout": ANSWER,
            "retries": {"max_attempts": TRIES},
        }
    elif scheme in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=ANSWER)
        options["client_kwargs"] = {"timeout": timeout}
    return fsspec.filesystem(scheme, **options)


def located(address: str) -> Far:
    """Give the file system that an address is of, and its path there. Raises InputError."""
    scheme_of(address)
    system = _system(address.partition("://")[0].lower())
    return Far(address, system, system._strip_protocol(address))


def asked(act: Callable[[], T]) -> T:
    """Do what asks somebody, again where it may have been bad luck. Raises InputError."""
    for left in reversed(range(TRIES)):
        try:
            return act()
        except Exception as error:
            if left and _is_passing(error):
                time.sleep(PAUSE * (TRIES - left))
                continue
            raise InputError(_explained(error)) from error
    raise AssertionError


def _status_of(error: BaseException) -> int | None:
    """The number of HTTP's answer, where there was one."""
    for name in ("status", "code"):
        with suppress(TypeError, ValueError):
            return int(getattr(error, name, None))  # type: ignore[arg-type]  # then it is none
    return None


def _reason(error: BaseException) -> BaseException:
    """What is behind an error: fsspec calls all that goes wrong in the web a missing file."""
    cause = error.__cause__
    is_told = cause is not None and (_status_of(cause) is not None or _is_connecting(cause))
    return cause if is_told and cause is not None else error


def _is_passing(error: BaseException) -> bool:
    error = _reason(error)
    status = _status_of(error)
    if status is not None:
        return status == 429 or status >= 500
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError, InputError)):
        return False
    return _is_connecting(error)


def _is_connecting(error: BaseException) -> bool:
    """Whether nobody has answered, or not to the end."""
    names = {kind.__name__ for kind in type(error).__mro__}
    theirs = {"ClientConnectionError", "ClientPayloadError", "HTTPClientError", "TimeoutError"}
    return isinstance(error, (TimeoutError, ConnectionError)) or bool(names & theirs)


def _explained(error: BaseException) -> str:
    """Say in one line what went wrong far away."""
    if isinstance(error, (InputError, OutputError)):
        return str(error)
    error = _reason(error)
    status, name = _status_of(error), type(error).__name__
    if isinstance(error, FileNotFoundError) or status == 404:
        return "there is no such object"
    if isinstance(error, PermissionError) or status in (401, 403):
        return f"access is denied ({one_line(str(error)) or status})"
    if "Credential" in name or "ProfileNotFound" in name:
        return f"no credentials: {one_line(str(error))}"
    if isinstance(error, TimeoutError) or "Timeout" in name:
        return f"no answer in time, {TRIES} times"
    said = one_line(str(error)) or name
    if _is_connecting(error):
        return f"it cannot be reached: {said}"
    return said if status is None or str(status) in said else f"answer {status}: {said}"


def about(address: str) -> About:
    """Ask for what is known of an object. Raises InputError, without the address."""
    far = located(address)
    return known_of(asked(lambda: far.system.info(far.path)))


def known_of(info: Mapping[str, Any]) -> About:
    """What fsspec says of an object. Raises InputError for a folder."""
    if info.get("type") == "directory":
        raise InputError("it is a folder; end it with / to pool what is in it")
    tag = next(
        (str(info[key]) for key in ("ETag", "etag", "mtime", "created") if info.get(key)), ""
    )
    size = info.get("size")
    return About(size, tag.strip('"'), info.get("partial") is not False and size is not None)


def exists(address: str) -> bool:
    """Ask whether there is an object. Raises InputError, without the address."""
    far = located(address)

    def look() -> bool:
        try:
            return bool(far.system.info(far.path).get("type") != "directory")
        except FileNotFoundError as error:
            if _status_of(_reason(error)) in (None, 404) and not _is_connecting(_reason(error)):
                return False
            raise

    return asked(look)


def state(address: str) -> tuple[int, int]:
    """Ask for an object's size, and a number that another object there hardly has: of its ETag.

    Raises InputError, without the address.
    """
    size, tag, _ = about(address)
    return size or 0, number_of(tag)


def state_of_folder(address: str) -> tuple[int, int]:
    """As :func:`state`, of all that is in a folder."""
    far = located(address)
    if not scheme_of(address).lists:
        return 0, 0
    found = asked(lambda: far.system.find(far.path, detail=True))
    known = [(name, *known_of(info)[:2]) for name, info in sorted(found.items())]
    return sum(size or 0 for _, size, _ in known), number_of(repr(known))


def number_of(text: str) -> int:
    """Give a number that another text hardly has."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


class RangedFile(io.RawIOBase):
    """An object that is read by ranges; several threads may read boxes of it at once."""

    def __init__(self, far: Far, size: int) -> None:
        super().__init__()
        self._far, self._size, self._at = far, size, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next bytes are read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere, which asks nobody."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes. Raises InputError, without the address."""
        view = memoryview(buffer).cast("B")
        stop = min(self._at + len(view), self._size)
        if stop <= self._at:
            return 0
        data = self._fetched(self._at, stop)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read_runs(self, buffer: memoryview, runs: Sequence[tuple[int, int]]) -> None:
        """Fill ``buffer`` with runs, ``(offset, size)`` in order; near ones are asked for as one.

        Raises InputError, without the address.
        """
        done, first = 0, 0
        while first < len(runs):
            last = first
            start = runs[first][0]
            stop = start + runs[first][1]
            while last + 1 < len(runs):
                offset, size = runs[last + 1]
                if offset - stop > GAP or offset + size - start > MOST_JOINED:
                    break
                last, stop = last + 1, offset + size
            data = memoryview(self._fetched(start, stop))
            for offset, size in runs[first : last + 1]:
                buffer[done : done + size] = data[offset - start : offset - start + size]
                done += size
            first = last + 1

    def _fetched(self, start: int, stop: int) -> bytes:
        system, path = self._far.system, self._far.path
        data: bytes = asked(partial(system.cat_file, path, start=start, end=stop))
        if len(data) != stop - start:
            raise InputError(
                f"{stop - start} bytes from {start} on were asked for, and {len(data)} came; it has"
                " changed, or gives no ranges"
            )
        return data


def open_input(address: str) -> BinaryIO:
    """Open an object that is read by ranges; where nobody gives those, all of it is fetched.

    Raises InputError, without the address.
    """
    known, far = about(address), located(address)
    if known.size is not None and known.may_have_ranges and _has_ranges(far, known.size):
        return cast(BinaryIO, io.BufferedReader(RangedFile(far, known.size), AHEAD))

    def fetch() -> BinaryIO:
        # Streams: what has no length is read as it comes.
        with far.system.open(far.path, "rb", block_size=0) as stream:
            return _copied(stream, known.size)

    return asked(fetch)


def _has_ranges(far: Far, size: int) -> bool:
    """Whether a part of an object can be asked for: stores give it, and servers of the web may."""
    if scheme_of(far.address).lists:
        return True
    if size <= AHEAD:
        return False  # it comes as a whole as quickly

    def try_one() -> bool:
        # Of one who sends all in the place of a part no more than that is received.
        with far.system.open(far.path, block_size=AHEAD, size=size) as file:
            try:
                file._fetch_range(1, 2)
            except (AttributeError, ValueError):
                return False
        return True

    return asked(try_one)


def as_a_whole(file: BinaryIO) -> BinaryIO:
    """Fetch all of an object that was opened, and close that. Raises as :func:`open_input`."""
    if not isinstance(getattr(file, "raw", None), RangedFile):
        return file
    with file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        return _copied(file, size)


def _copied(stream: BinaryIO, size: int | None) -> BinaryIO:
    """Copy a stream into a temporary file, for which there has to be room."""
    import shutil

    room, count = shutil.disk_usage(tempfile.gettempdir()).free, 0
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - it is given on
    try:
        if (size or 0) <= room:
            for piece in iter(lambda: stream.read(PIECE), b""):
                count += len(piece)
                if count > room:
                    break
                file.write(piece)
        if max(count, size or 0) > room:
            what = f"{size_text(room)} are free in {tempfile.gettempdir()}"
            raise InputError(f"it has {size_text(size or count)} or more, and {what}")
        if size is not None and count != size:
            raise ConnectionError(f"it ended after {count} of {size} bytes")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def target(address: str, overwrite: bool, ready: Callable[[int], None]) -> Iterator[BinaryIO]:
    """Give a temporary file to write; when the block ends well it becomes the object.

    ``ready`` is told its size before that; by raising it keeps it from being one. Raises
    OutputError, without the address.
    """
    if not scheme_of(address).is_written:
        raise OutputError("it is only read; s3:// and gs:// are written")
    try:
        far = located(address)
        if not overwrite and exists(address):
            raise OutputError(EXISTS)
        with tempfile.TemporaryFile() as file:
            yield cast(BinaryIO, file)
            file.flush()
            ready(file.seek(0, io.SEEK_END))
            asked(lambda: _upload(far, cast(BinaryIO, file), overwrite))
    except InputError as error:
        raise OutputError(str(error)) from error


EXISTS = "it exists; say `overwrite` to replace it"


def _upload(far: Far, file: BinaryIO, overwrite: bool) -> None:
    """Write an object that appears with its last byte; when anything fails, it does not."""
    if file.seek(0, io.SEEK_END) <= PIECE:
        file.seek(0)
        data = file.read()
        if not overwrite and exists(far.address):
            raise OutputError(EXISTS)
        far.system.pipe_file(far.path, data)
        return
    file.seek(0)
    # Leaving a block by an error would publish what there is.
    stream = far.system.open(far.path, "wb", autocommit=False)
    try:
        for piece in iter(lambda: file.read(PIECE), b""):
            stream.write(piece)
        stream.close()
        if not overwrite and exists(far.address):  # made by somebody meanwhile
            raise OutputError(EXISTS)
        stream.commit()
    except BaseException:
        with suppress(Exception):
            stream.discard()
        stream.closed = True  # or its end would try to write what is left
        raise


def folders(address: str) -> list[str]:
    """List the names of the folders in a folder, in order.

    Raises InputError, without the address.
    """
    far = located(address)
    if not scheme_of(address).lists:
        raise InputError("it is a group, and the web has no lists; name an array's own address")
    found = asked(lambda: far.system.ls(far.path, detail=True))
    names = (info["name"] for info in found if info.get("type") == "directory")
    return sorted(name.rstrip("/").rpartition("/")[2] for name in names)


def for_zarr(address: str) -> tuple[Any, str]:
    """Give the file system as zarr wants it, which asks side by side, and the path there."""
    return _system(address.partition("://")[0].lower(), asynchronous=True), located(address).path


def listed(address: str, *, recursive: bool = False) -> list[Item]:
    """List the objects that match a pattern, or are in a folder, in the order of their names.

    Hidden ones, and with ``recursive`` those in hidden folders, are passed over. Raises InputError,
    without the address.
    """
    far = located(address)
    if not scheme_of(address).lists:
        raise InputError("the web has no lists; name files, or use s3:// or gs://")
    if address.endswith("/"):
        root = far.path.rstrip("/")
        ask = far.system.find if recursive else far.system.ls
        found = asked(lambda: ask(root, detail=True))
    else:
        root = far.path.partition("**")[0].rpartition("/")[0] if "**" in far.path else ""
        found = asked(lambda: far.system.glob(far.path, detail=True))
    infos = found.values() if isinstance(found, dict) else found
    names = sorted(info["name"] for info in infos if info.get("type") == "file")
    scheme = address.partition("://")[0]
    items = []
    for name in names:
        below = name.removeprefix(root).lstrip("/") if root else name.rpartition("/")[2]
        if below and not any(part.startswith(".") for part in below.split("/")):
            items.append(Item(f"{scheme}://{name.lstrip('/')}", below.rpartition("/")[0]))
    return items
