"""Addresses of what is stored far away: what they look like, and what each kind can do.

Nothing here asks anybody: that is the business of :mod:`poolcli.formats.remote`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from poolcli.errors import InputError, UsageError


class Scheme(NamedTuple):
    """One kind of addresses: the library that it needs, and whether it lists and is written to."""

    library: str
    lists: bool = True
    is_written: bool = True


SCHEMES = {
    "s3": Scheme("s3fs"),
    "gs": Scheme("gcsfs"),
    "https": Scheme("aiohttp", lists=False, is_written=False),
    "http": Scheme("aiohttp", lists=False, is_written=False),
}
UNDERSTOOD = "s3://, gs:// and https://"
_WILD = "*?["


def is_address(path: str) -> bool:
    """Tell whether this is an address and no path.

    >>> is_address("s3://bucket/x.npy"), is_address("a/b:c.npy")
    (True, False)
    """
    scheme, found, _ = path.partition("://")
    return bool(found) and scheme.replace("+", "").replace("-", "").isalnum()


def scheme_of(address: str) -> Scheme:
    """What addresses like this can do. Raises InputError for those that are not understood."""
    name = address.partition("://")[0]
    found = SCHEMES.get(name.lower())
    if found is None:
        raise InputError(f"addresses with {name}:// are not understood; {UNDERSTOOD} are")
    return found


def check_writable(address: str) -> None:
    """Refuse what nothing can be written to. Raises UsageError, one line."""
    try:
        scheme = scheme_of(address)
    except InputError as error:
        raise UsageError(f"{address}: {error}") from error
    if not scheme.is_written:
        raise UsageError(f"{address}: it is only read; s3:// and gs:// are written")


def is_pattern(address: str) -> bool:
    """Tell whether it names many; in a web address ``?`` begins a question.

    >>> is_pattern("s3://bucket/*.npy"), is_pattern("https://host/x.npy?version=2")
    (True, False)
    """
    scheme = SCHEMES.get(address.partition("://")[0].lower())
    return scheme is not None and scheme.lists and any(sign in address for sign in _WILD)


def is_far_store(address: str) -> bool:
    """Tell by its name whether an address is of a store, which is a folder: nobody is asked.

    >>> is_far_store("s3://bucket/x.zarr"), is_far_store("s3://bucket/x.npy")
    (True, False)
    """
    return address.rstrip("/").lower().endswith(".zarr")


def file_name(path: str) -> str:
    """Give what a file is called, of a path or an address.

    >>> file_name("https://host/in/x.npy?token=a/b"), file_name("in/x.npy")
    ('x.npy', 'x.npy')
    """
    if is_address(path) and not scheme_of(path).lists:
        path = path.partition("?")[0].partition("#")[0]
    return os.path.basename(path)


def absolute(path: str) -> str:
    """Give a path that means the same everywhere; an address does."""
    return path if is_address(path) else os.path.abspath(path)
