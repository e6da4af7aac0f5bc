"""Where a scheduler is, and whether it is safe to talk to it."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from poolcli.errors import UsageError

AUTO = "auto"
VARIABLE = "DASK_SCHEDULER_ADDRESS"
SCHEMES = ("tcp", "tls")


def find_scheduler(
    wanted: str, *, insecure: bool = False, environ: Mapping[str, str] = os.environ
) -> str:
    """Give the address of the scheduler that is meant: itself, that in a file, or Dask's own.

    Who reaches a scheduler can have any code run by its workers, so that one beyond this machine is
    refused without TLS, unless that is said to be well (``insecure``).

    Raises UsageError.

    >>> find_scheduler("tcp://127.0.0.1:8786")
    'tcp://127.0.0.1:8786'
    """
    address = wanted
    if wanted == AUTO:
        address = environ.get(VARIABLE, "")
        if not address:
            raise UsageError(f"`scheduler` auto: the variable {VARIABLE} is not set")
    elif "://" not in wanted:
        address = _in_file(wanted)
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in SCHEMES or not host or port is None:
        raise UsageError(
            f"`scheduler` {address}: no address; say tcp://HOST:PORT, tls://HOST:PORT, the"
            " scheduler's FILE.json, or auto"
        )
    if scheme != "tls" and not insecure and not _is_this_machine(host):
        raise UsageError(
            f"`scheduler` {address}: without TLS anybody on its way can read and change what is"
            " sent, code included; use tls://, or allow it with `insecure`"
        )
    return address


def _in_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            address = json.load(file)["address"]
    except OSError as error:
        raise UsageError(f"`scheduler` {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, RecursionError):
        address = None
    if not isinstance(address, str):
        raise UsageError(
            f"`scheduler` {path}: names no address; `dask scheduler --scheduler-file` writes such"
            " a file"
        )
    return address


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
