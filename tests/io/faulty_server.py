"""A web server on this machine that has the faults of distant ones."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

PIECE = 4096


class FaultyServer(ThreadingHTTPServer):
    """Serves files from memory, and keeps account of what it was asked for.

    Attributes:
        files: Path → content.
        moved: Path → path to which it redirects.
        headers: Sent with every file: an ETag, a date, or nothing.
        ranges: Whether it knows them.
        length: Of the whole file, as it says; None for the true one, empty for saying nothing.
        statuses: Of the next answers, which are errors.
        cuts: Bytes after which the next answers end.
        resets: Whether they end in a reset of the connection, rather than in peace.
        holds: Bytes after which the next answers wait for `release`.
        asked: The Range header of each request, empty where there was none.
        served: Bytes of files sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.headers = {"ETag": '"1"'}
        self.ranges = True
        self.length: str | None = None
        self.statuses: list[int] = []
        self.cuts: list[int] = []
        self.resets = False
        self.holds: list[int] = []
        self.release = threading.Event()
        self.asked: list[str] = []
        self.served = 0

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the plan."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = cast(FaultyServer, self.server)
        asked = self.headers.get("Range", "")
        server.asked.append(asked)
        if server.statuses:
            self.send_error(server.statuses.pop(0))
        elif self.path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[self.path])
            self.end_headers()
        elif self.path not in server.files:
            self.send_error(404)
        else:
            content = server.files[self.path]
            known = self.headers.get("If-Range") in (None, *server.headers.values())
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and known and server.ranges else 0
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
            else:
                self.send_file(content, start)

    def send_file(self, content: bytes, start: int) -> None:
        server = cast(FaultyServer, self.server)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in server.headers.items():
            self.send_header(name, value)
        length = str(len(content) - start) if server.length is None else server.length
        if length:
            self.send_header("Content-Length", length)
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        hold = server.holds.pop(0) if server.holds else None
        body = content[start:][:cut]
        for position in range(0, len(body), PIECE):
            if hold is not None and position >= hold:
                server.release.wait()
                hold = None
            piece = body[position : position + PIECE]
            self.wfile.write(piece)
            server.served += len(piece)
        if cut is not None and server.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Runs while the block does."""
    with FaultyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()
