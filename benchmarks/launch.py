"""Run one command as ``python -IS launch.py COMMAND…`` and print what it took as JSON.

A process inherits the peak memory of the one that started it, so commands are started from here,
an interpreter that has loaded next to nothing, and not from one that holds gigabytes of arrays.
"""

import json
import os
import sys
import time

quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
start = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - start
# Linux counts in KiB, macOS in bytes.
unit = 1 if sys.platform == "darwin" else 1024
peak = usage.ru_maxrss * unit
print(json.dumps({"seconds": seconds, "peak": peak, "code": os.waitstatus_to_exitcode(status)}))
