"""The page of a study and its few routes, on loopback only.

    GET  /                   the page (/page.js, /page.css, /icon.svg)
    GET  /pictures/NAME      a picture of the study
    GET  /api/study          title, text, question
    POST /api/raters         {"name": "..."} -> {"code": "..."}; the code stands for the rater from then on
    GET  /api/session        what this rater (header Rater: CODE) is asked, and has answered
    POST /api/votes          {"pair": 0, "choice": "left" | "right" | "none", "milliseconds": 1200}

A pair goes by its place in the rater's own order and a picture by its content, so nothing that is sent tells
a method's name, or which pairs are attention checks.

Other web pages open in the same browser are kept out: the Host header must name this machine (against DNS
rebinding), Origin must be our own, and what is posted must be JSON, which other origins may not send unasked.
"""

import contextlib
import ipaddress
import json
import re
import socket
import sqlite3
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.study.plan import PICTURE_FOLDER, Study, read_study
from deepmatte.evaluation.study.votes import Asked, Unknown, Votes
from deepmatte.version import __version__

MAX_BODY_BYTES = 4096
MAX_NAME_LETTERS = 80
IDLE_S = 60.0  # a connection on which nothing arrives for so long is closed

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
_PAGE = {"/": "index.html", "/page.js": "page.js", "/page.css": "page.css", "/icon.svg": "icon.svg"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?")
_FOREVER = "private, max-age=31536000, immutable"  # a picture's name changes with its content


class _Refused(Exception):
    """A request that is not answered as it hoped."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


class StudyServer(ThreadingHTTPServer):
    """Serves one study until `close`. Each connection has its thread; votes are stored one after another."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, directory: Path, host: str = "127.0.0.1", port: int = 0) -> None:
        """Read the study, open its votes and listen. port 0: any that is free.

        Raises BadInput for a host that is not loopback, and what `read_study` and `Votes` raise; BadOutput if
        the port is taken.
        """
        address = loopback_address(host)
        self.study: Study = read_study(directory)
        self.pictures = {
            f"/pictures/{name}": directory / PICTURE_FOLDER / name for name in self.study.pictures
        }
        page = resources.files("deepmatte.evaluation.study") / "page"
        self.page = {path: (page / name).read_bytes() for path, name in _PAGE.items()}
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self.votes = Votes(directory, self.study)
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            super().__init__((address, port), _Handler)
        except (OSError, OverflowError) as error:
            self.votes.close()
            reason = getattr(error, "strerror", None) or str(error)
            raise BadOutput(
                f"{host} port {port} cannot be listened on: {reason}; choose another port"
            ) from error

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as the base class does."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """Return the page's address."""
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, and remember the connection for `close`."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about browsers that hang up."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End all connections and close the votes. To be called once `serve_forever` has returned."""
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # has just ended by itself
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()  # waits for the threads
        self.votes.close()


def loopback_address(host: str) -> str:
    """Return the address of a loopback host. Raises BadInput for every other: a study has no passwords."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise BadInput(
        f"the host is {host!r}; expected a loopback address such as 127.0.0.1: a study is served to this"
        " machine only. Raters elsewhere can come in by ssh -L"
    )


def _is_this_machine(host: str) -> bool:
    """Say whether a Host header names this machine, with any port: ssh -L may have changed it."""
    parts = _HOST.fullmatch(host)
    try:
        return parts is not None and bool(loopback_address(parts[1].strip("[]")))
    except BadInput:
        return False


class _Handler(BaseHTTPRequestHandler):
    server: StudyServer
    protocol_version = "HTTP/1.1"  # keeps connections open
    server_version, sys_version = f"deepmatte/{__version__}", ""
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_HEAD(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, route: Any) -> None:
        try:
            self._check_origin()
            route(self._path())
        except _Refused as refusal:
            self._send_json({"error": str(refusal)}, refusal.status, **refusal.headers)
        except Unknown as error:
            self._send_json({"error": str(error)}, HTTPStatus.NOT_FOUND)
        except BadInput as error:
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except sqlite3.Error as error:  # such as a full disk
            sys.stderr.write(f"deepmatte: votes cannot be stored: {error}\n")
            self._send_json({"error": "the vote could not be stored"}, HTTPStatus.SERVICE_UNAVAILABLE)

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _check_origin(self) -> None:
        """Refuse requests that another site makes in this browser, or that came by another name."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not _is_this_machine(hosts[0]):
            raise _Refused(HTTPStatus.FORBIDDEN, "the Host header names another machine", Connection="close")
        origin = self.headers.get("Origin")
        if origin not in (None, f"http://{hosts[0]}", f"https://{hosts[0]}"):
            raise _Refused(HTTPStatus.FORBIDDEN, "the request comes from another site", Connection="close")

    def _get(self, path: str) -> None:
        if path in self.server.page:
            self._send(self.server.page[path], _TYPES[Path(_PAGE[path]).suffix], cache="no-cache")
        elif path in self.server.pictures:
            self._send_picture(self.server.pictures[path])
        elif path == "/api/study":
            study = self.server.study
            self._send_json(
                {"id": study.id, "title": study.title, "text": study.text, "question": study.question}
            )
        elif path == "/api/session":
            turns = self.server.votes.turns(self.headers.get("Rater", ""))
            self._send_json({"pairs": [_shown(self.server.study, turn) for turn in turns]})
        else:
            raise self._no_such_page(path, {"/api/raters", "/api/votes"}, "POST")

    def _send_picture(self, file: Path) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise _Refused(HTTPStatus.NOT_FOUND, "this picture is gone from the study's folder") from error
        self._send(content, _TYPES[file.suffix], cache=_FOREVER)

    def _post(self, path: str) -> None:
        if path not in ("/api/raters", "/api/votes"):
            known = {*self.server.page, *self.server.pictures, "/api/study", "/api/session"}
            raise self._no_such_page(path, known, "GET, HEAD")
        content = self._body()
        if path == "/api/raters":
            name = content.get("name", "")
            if not isinstance(name, str):
                raise BadInput("the name is wrong; expected a text")
            name = "".join(letter for letter in name if letter.isprintable()).strip()[:MAX_NAME_LETTERS]
            self._send_json({"code": self.server.votes.enrol(name)}, HTTPStatus.CREATED)
            return
        pair, spent = (_whole_number(content, name) for name in ("pair", "milliseconds"))
        choice = str(content.get("choice"))
        self.server.votes.vote(self.headers.get("Rater", ""), pair, choice, spent)
        self._send_json({"pair": pair, "choice": choice})

    def _no_such_page(self, path: str, others: set[str], allowed: str) -> _Refused:
        close = {} if self.command in ("GET", "HEAD") else {"Connection": "close"}  # the body is not read
        if path in others:
            message = f"this page takes {allowed} only"
            return _Refused(HTTPStatus.METHOD_NOT_ALLOWED, message, Allow=allowed, **close)
        return _Refused(HTTPStatus.NOT_FOUND, "there is no such page", **close)

    def _body(self) -> dict[str, Any]:
        """Return the posted JSON object. What is wrong closes the connection, as its body may be unread."""
        close = {"Connection": "close"}
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json", **close)
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length", **close)
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MAX_BODY_BYTES} bytes", **close
            )
        try:
            content = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise BadInput("the body is no JSON object")
        return content

    def _send_json(self, content: object, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self._send(body, "application/json", status, "no-store", **headers)

    def _send(
        self,
        body: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        cache: str = "no-store",
        **headers: str,
    ) -> None:
        self.send_response(status)
        sent = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": cache}
        for name, value in {**_HEADERS, **sent, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses as the routes do, in JSON."""
        self.request_version = self.protocol_version  # else no header is sent where the first line is wrong
        status = HTTPStatus(code)
        self._send_json({"error": status.phrase}, status, Connection="close")

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: raters are not to be watched, and errors are told to the page."""


def _whole_number(content: dict[str, Any], name: str) -> int:
    value = content.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise BadInput(f"{name} is wrong; expected a whole number from 0")
    return value


def _shown(study: Study, turn: Asked) -> dict[str, Any]:
    """Return what a rater's page may know of a pair."""
    pair = study.by_key[turn.pair]
    photo = study.photo(pair.photo)
    sides = (pair.first_picture, pair.second_picture)
    left, right = reversed(sides) if turn.is_flipped else sides
    return {
        "left": f"pictures/{left}",
        "right": f"pictures/{right}",
        "photo": f"pictures/{photo.picture}",
        "background": pair.background,
        "width": photo.width,
        "height": photo.height,
        "choice": turn.side,
    }
