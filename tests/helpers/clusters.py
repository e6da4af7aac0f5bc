"""A scheduler and its workers as processes on this machine, and workers that are only pretended."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from poolcli.cluster.scheduler import Began, Broken, ClusterError, Died, Finished, Message
from poolcli.cluster.work import Band, Batch, Common, Differs, Ways, check, do, runs
from poolcli.errors import PoolError
from tests.helpers.program import HANGS, PROJECT


class Processes:
    """A scheduler, and workers of one thread each, which can be killed."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self._started: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.workers = [self.start_worker() for _ in range(workers)]
        self._wait(lambda: self.file.exists() and self.file.stat().st_size > 0)

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        return str(json.loads(self.file.read_text())["address"])

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start one more worker, in a process that is not started again when it dies."""
        more = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder))
        return self._start("worker", *more)

    def kill(self, address: str) -> None:
        """End the worker of an address at once."""
        port = int(address.rpartition(":")[2])
        import psutil

        for worker in self.workers:
            if worker.poll() is None:
                listening = psutil.Process(worker.pid).net_connections()
                if port in {c.laddr.port for c in listening if c.status == psutil.CONN_LISTEN}:
                    worker.send_signal(signal.SIGKILL)
                    worker.wait()

    def stop(self) -> None:
        """End all that was started."""
        for process in self._started:
            process.kill()
            process.wait()

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{what}-{len(self._started)}.log", "wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dask", what, "--scheduler-file", str(self.file)),
                    *("--no-dashboard", *arguments),
                ],
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def _wait(self, until: Callable[[], bool]) -> None:
        end = time.monotonic() + HANGS
        while not until():
            assert time.monotonic() < end
            time.sleep(0.02)


class Pretended:
    """Stands in for a scheduler: does what is submitted in this process, as a worker would.

    ``kills`` says over which work a worker dies; ``before`` is then called first. The scheduler
    begins such work again, with others, until ``allowed`` workers have died over it.
    """

    kills: Callable[[Batch | Band], bool] = staticmethod(lambda _work: False)
    before: Callable[[Common, Batch | Band], None] = staticmethod(lambda _common, _work: None)
    allowed = 3
    threads = 2

    def __init__(self, address: str, run: str) -> None:
        self.address, self._run = address, run
        self._waiting: dict[int, bytes] = {}
        self._messages: deque[Message] = deque()
        self._deaths: dict[int, int] = {}
        self.submitted: list[Batch | Band] = []
        type(self).last = self

    last: Pretended

    def wait_for_workers(self) -> None:
        """There are some."""

    def check(self, common: Common) -> None:
        """Let the one process there is see what differs."""
        try:
            check(pickle.loads(pickle.dumps(common)))
        except Differs as error:
            raise ClusterError(f"tcp://pretended: {error}") from error

    def submit(self, number: int, common: Common, work: Batch | Band) -> None:
        """Have it done when nothing else is left to be told."""
        self._waiting[number] = pickle.dumps((common, work))
        self.submitted.append(work)

    def cancel(self, number: int) -> None:
        """Forget it."""
        self._waiting.pop(number, None)

    def message(self, seconds: float) -> Message | None:
        """Tell what was not told, or let a worker do something."""
        if not self._messages and self._waiting:
            self._go_on(next(iter(self._waiting)))
        return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        """Let the process forget the run."""
        runs.forget(self._run)

    def _go_on(self, number: int) -> None:
        pickled = self._waiting.pop(number)
        common, work = pickle.loads(pickled)
        self._messages.append(Began(number, "tcp://pretended", time.time()))
        if self.kills(work):
            self.before(common, work)
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if self._deaths[number] > self.allowed:
                self._messages.append(Died(number))
            else:
                self._waiting[number] = pickled
            return
        try:
            done = do(common, work, Ways(lambda _ended, _part: None, lambda: False))
        except PoolError as error:
            self._messages.append(Broken(error))
        else:
            self._messages.append(Finished(number, pickle.loads(pickle.dumps(done))))
