"""Which addresses of schedulers are understood, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from poolcli.cluster.address import find_scheduler
from poolcli.errors import UsageError
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
ENVIRON = {"DASK_SCHEDULER_ADDRESS": "tls://there:8786"}


@pytest.mark.parametrize(
    ("wanted", "insecure", "found"),
    [
        ("tcp://127.0.0.1:8786", False, "tcp://127.0.0.1:8786"),
        ("tcp://localhost:1", False, "tcp://localhost:1"),
        ("tcp://[::1]:8786", False, "tcp://[::1]:8786"),
        ("tls://10.0.0.7:8786", False, "tls://10.0.0.7:8786"),
        ("tcp://10.0.0.7:8786", True, "tcp://10.0.0.7:8786"),
        ("auto", False, "tls://there:8786"),
        ("s.json", False, "tls://node:5"),
    ],
)
def test_addresses_that_are_understood(
    wanted: str, insecure: bool, found: str, tmp_path: Path
) -> None:
    Path("s.json").write_text('{"id": "x", "address": "tls://node:5"}')
    assert find_scheduler(wanted, insecure=insecure, environ=ENVIRON) == found


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("auto", "the variable DASK_SCHEDULER_ADDRESS is not set"),
        ("tcp://10.0.0.7:8786", "without TLS anybody on its way can read and change"),
        ("tcp://localhost.example:8786", "without TLS"),
        ("tcp://127.0.0.1", "no address; say tcp://HOST:PORT"),
        ("tcp://127.0.0.1:99999", "no address"),
        ("tcp://[::1:8786", "no address"),
        ("http://127.0.0.1:8787", "no address"),
        ("inproc://a:1", "no address"),
        ("tcp://", "no address"),
        ("", "No such file"),
        ("absent.json", "absent.json: No such file or directory"),
        (".", "Is a directory"),
        ("broken.json", "names no address"),
        ("list.json", "names no address"),
        ("number.json", "names no address"),
        ("plain.json", "without TLS"),
    ],
)
def test_addresses_that_are_refused(wanted: str, said: str, tmp_path: Path) -> None:
    Path("broken.json").write_text("{")
    Path("list.json").write_text("[1]")
    Path("number.json").write_text('{"address": 1}')
    Path("plain.json").write_text('{"address": "tcp://far:8786"}')
    with pytest.raises(UsageError, match=said):
        find_scheduler(wanted, environ={})


def test_the_command_says_flags(poolcli: Run) -> None:
    command = ("max", "-k", 2, "--matrix", "1 2; 3 4", "--scheduler", "tcp://10.0.0.7:8786")
    code, _, err = poolcli(*command)
    assert (code, err.endswith("use tls://, or allow it with --insecure\n")) == (2, True)
