"""A web server on this machine that speaks as much of the hub's protocol as huggingface_hub needs."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class HubServer(ThreadingHTTPServer):
    """Keeps repositories in memory; who has no token may only read.

    Attributes:
        commits: Repository → its commits, oldest first: the files at each, by name.
        blobs: What was uploaded beside commits, by its SHA-256.
        asked: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits: dict[str, list[dict[str, bytes]]] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self, repository: str, revision: str) -> dict[str, bytes] | None:
        """Those of a revision: main, or a commit."""
        commits = self.commits[repository]
        known = {commit_id(repository, number): files for number, files in enumerate(commits)}
        return commits[-1] if revision == "main" else known.get(revision)


def commit_id(repository: str, number: int) -> str:
    """Forty hexadecimal digits."""
    return hashlib.sha1(f"{repository} {number}".encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> HubServer:
        return cast(HubServer, self.server)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        """Files, at /USER/NAME/resolve/REVISION/FILE."""
        self.hub.asked.append(f"{self.command} {self.path}")
        parts = self.path.strip("/").split("/")
        repository = "/".join(parts[:2])
        if len(parts) != 5 or parts[2] != "resolve":
            return self.answer(404, {})
        if repository not in self.hub.commits:
            return self.answer(401, {"error": "Invalid username or password."}, {"X-Error-Code": "RepoNotFound"})
        files = self.hub.files(repository, parts[3])
        if files is None:
            return self.answer(404, {}, {"X-Error-Code": "RevisionNotFound"})
        if parts[4] not in files:
            return self.answer(404, {}, {"X-Error-Code": "EntryNotFound"})
        content = files[parts[4]]
        number = self.hub.commits[repository].index(files)
        about = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": commit_id(repository, number)}
        return self.answer(200, content, about)

    def do_PUT(self) -> None:
        content = self.body()
        self.hub.blobs[hashlib.sha256(content).hexdigest()] = content
        self.answer(200, {})

    def do_POST(self) -> None:
        self.hub.asked.append(f"{self.command} {self.path}")
        body, parts = self.body(), self.path.strip("/").split("/")
        if "Bearer right" not in self.headers.get("Authorization", ""):
            return self.answer(403, {"error": "You may not write."})
        match parts:
            case ["api", "validate-yaml"]:
                return self.answer(200, {"errors": [], "warnings": []})
            case ["api", "repos", "create"]:
                given = json.loads(body)
                name = f"{given['organization']}/{given['name']}"
                status = 409 if name in self.hub.commits else 200
                self.hub.commits.setdefault(name, [{}])
                return self.answer(status, {"url": f"{self.hub.address}/{name}"})
            case ["api", "models", _, _, "preupload", "main"]:
                files = [file["path"] for file in json.loads(body)["files"]]
                modes = {True: "lfs", False: "regular"}
                told = [
                    {"path": f, "uploadMode": modes[f.endswith(".safetensors")], "shouldIgnore": False} for f in files
                ]
                return self.answer(200, {"files": told})
            case [_, _, "info", "lfs", "objects", "batch"]:
                actions = {"upload": {"href": f"{self.hub.address}/blob"}}
                told = [{**one, "actions": actions} for one in json.loads(body)["objects"]]
                return self.answer(200, {"transfer": "basic", "objects": told})
            case ["api", "models", user, name, "commit", "main"]:
                return self.commit(f"{user}/{name}", [json.loads(line) for line in body.splitlines()])
            case _:
                return self.answer(404, {}, {"X-Error-Code": "RevisionNotFound"})

    def commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        files = dict(self.hub.commits[repository][-1])
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                files[line["value"]["path"]] = self.hub.blobs[line["value"]["oid"]]
        self.hub.commits[repository].append(files)
        made = commit_id(repository, len(self.hub.commits[repository]) - 1)
        address = f"{self.hub.address}/{repository}/commit/{made}"
        self.answer(200, {"success": True, "commitOid": made, "commitUrl": address})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while length := int(self.rfile.readline(), 16):
                content += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return content
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, content: bytes | dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """A server that runs within the block."""
    with HubServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
