"""Settings and helpers that all tests share."""

from __future__ import annotations

import signal

from hypothesis import settings

# The same examples on every machine and every day: a failure is never a matter of luck.
settings.register_profile("poolcli", derandomize=True, deadline=None)
settings.load_profile("poolcli")

# A shell that starts `make test &` has Ctrl-C ignored, which children inherit; what is handled they
# do not, so that programs under test begin as they would in a shell.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
