"""Servers of objects in threads of this process: S3 as moto plays it, and the web with ranges."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fsspec
import pytest

from poolcli.formats import remote

BUCKET = "bucket"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Give the address of a server that speaks S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a file system with one empty bucket, which the program then has by its surroundings."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "who")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "knows")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    remote.forget()
    system = fsspec.filesystem(
        "s3", use_listings_cache=False, skip_instance_cache=True, endpoint_url=s3_server
    )
    system.mkdir(BUCKET)
    yield system
    system.rm(BUCKET, recursive=True)
    remote.forget()


class Web:
    """A web server: what it has, how it behaves, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.has_ranges = self.tells_length = True
        self.delay = 0.0
        """Seconds before it answers."""
        self.failures: list[int] = []
        """Answers that it gives before it works."""
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_HEAD(self) -> None:
                self._answer(send=False)

            def do_GET(self) -> None:
                self._answer(send=True)

            def _answer(self, *, send: bool) -> None:
                wanted = self.headers.get("Range")
                web.asked.append((self.command, self.path, wanted))
                time.sleep(web.delay)
                data = web.files.get(self.path.partition("?")[0])
                status = web.failures.pop(0) if web.failures else 200 if data is not None else 404
                data = data if status == 200 and data is not None else b""
                size = len(data)
                found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "")
                if found and web.has_ranges and status == 200:
                    status, first = 206, int(found[1])
                    data = data[first : int(found[2]) + 1]
                self.send_response(status)
                if status == 206:
                    self.send_header(
                        "Content-Range", f"bytes {first}-{first + len(data) - 1}/{size}"
                    )
                if web.has_ranges:
                    self.send_header("Accept-Ranges", "bytes")
                if web.tells_length:
                    self.send_header("Content-Length", str(len(data)))
                else:
                    self.send_header("Connection", "close")
                    self.close_connection = True
                self.send_header("ETag", f'"{hash(data)}"')
                self.end_headers()
                if send:
                    self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Web:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    """Give a web server."""
    remote.forget()
    with Web() as server:
        yield server
    remote.forget()
