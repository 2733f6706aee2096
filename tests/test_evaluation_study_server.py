"""The study's server over real sockets: what it answers, what it refuses, and that votes outlive kill -9."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from small_study import METHODS, PHOTOS, make_study, serving

from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.study import server as server_module
from deepmatte.evaluation.study.plan import read_study
from deepmatte.evaluation.study.server import StudyServer, loopback_address
from deepmatte.evaluation.study.votes import read_votes

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture
def server(folder: Path) -> Iterator[StudyServer]:
    with serving(folder) as server:
        yield server


class Rater:
    """One rater's connection, kept open."""

    def __init__(self, port: int, code: str | None = None) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self.code = code or self.ask("POST", "/api/raters", {"name": ""})[1]["code"]

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, Any]:
        body = None
        if content is not None:
            body, headers = json.dumps(content), {"Content-Type": "application/json", **headers}
        if getattr(self, "code", None):
            headers["Rater"] = self.code
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json and content else content

    def pairs(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/api/session")[1]["pairs"]

    def vote(self, pair: int, choice: str) -> int:
        return self.ask("POST", "/api/votes", {"pair": pair, "choice": choice, "milliseconds": 10})[0]

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def rater(server: StudyServer) -> Iterator[Rater]:
    with contextlib.closing(Rater(server.server_port)) as rater:
        yield rater


def raw(server: StudyServer, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/", "text/html", b"page.js"),
        ("/page.js", "text/javascript", b"api/votes"),
        ("/page.css", "text/css", b"#stage"),
        ("/icon.svg", "image/svg+xml", b"<svg"),
    ],
)
def test_the_page_is_served_with_headers_that_shut_it_in(
    server: StudyServer, rater: Rater, path: str, kind: str, part: bytes
) -> None:
    rater.connection.request("GET", path)
    answer = rater.connection.getresponse()
    assert answer.status == 200
    assert answer.headers.get_content_type() == kind
    assert part in answer.read()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_nothing_comes_from_elsewhere() -> None:
    page = Path(server_module.__file__).parent / "page"
    assert {path.name for path in page.iterdir()} == {"index.html", "page.js", "page.css", "icon.svg"}
    for path in page.iterdir():
        text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "://" not in text
        assert "@import" not in text
        assert " style=" not in text


def test_pictures_are_served_to_be_kept(server: StudyServer, folder: Path, rater: Rater) -> None:
    pair = rater.pairs()[0]
    for name in (pair["left"], pair["right"], pair["photo"]):
        rater.connection.request("GET", f"/{name}")
        answer = rater.connection.getresponse()
        assert answer.read() == (folder / name).read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]
    rater.connection.request("HEAD", f"/{pair['left']}")
    answer = rater.connection.getresponse()
    assert int(answer.headers["Content-Length"]) == (folder / pair["left"]).stat().st_size
    assert answer.read() == b""


def test_a_picture_that_is_gone_is_not_found(folder: Path, rater: Rater) -> None:
    name = rater.pairs()[0]["left"]
    (folder / name).unlink()
    assert rater.ask("GET", f"/{name}")[0] == 404


def test_raters_learn_texts_and_pairs_but_no_names(server: StudyServer, rater: Rater) -> None:
    status, study = rater.ask("GET", "/api/study")
    assert status == 200
    assert set(study) == {"id", "title", "text", "question"}
    pairs = rater.pairs()
    assert len(pairs) == 12 + 2
    for pair in pairs:
        assert set(pair) == {"left", "right", "photo", "background", "width", "height", "choice"}
    told = json.dumps([study, pairs])
    assert not [name for name in (*METHODS, *PHOTOS, "check") if name in told.replace(study["text"], "")]


def test_a_rater_votes_changes_their_mind_and_goes_on_later(
    server: StudyServer, folder: Path, rater: Rater
) -> None:
    assert rater.vote(0, "left") == 200
    assert rater.vote(0, "left") == 200
    assert rater.vote(1, "none") == 200
    assert rater.vote(0, "right") == 200
    with contextlib.closing(Rater(server.server_port, rater.code)) as later:
        assert [pair["choice"] for pair in later.pairs()][:3] == ["right", "none", None]
    assert [vote.side for vote in read_votes(folder, read_study(folder))] == ["right", "none"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"pair": 14, "choice": "left", "milliseconds": 1}, 404),
        ({"pair": -1, "choice": "left", "milliseconds": 1}, 400),
        ({"pair": "0", "choice": "left", "milliseconds": 1}, 400),
        ({"pair": True, "choice": "left", "milliseconds": 1}, 400),
        ({"pair": 0, "choice": "zebrafinch", "milliseconds": 1}, 400),
        ({"pair": 0, "choice": ["left"], "milliseconds": 1}, 400),
        ({"pair": 0, "milliseconds": 1}, 400),
        ({"pair": 0, "choice": "left"}, 400),
        ({"pair": 0, "choice": "left", "milliseconds": 1.5}, 400),
        ({"pair": 10**30, "choice": "left", "milliseconds": 1}, 400),
        ([], 400),
        ("left", 400),
    ],
)
def test_votes_that_make_no_sense_are_refused(
    folder: Path, rater: Rater, content: Any, expected: int
) -> None:
    status, answer = rater.ask("POST", "/api/votes", content)
    assert status == expected
    assert answer["error"]
    assert read_votes(folder, read_study(folder)) == []
    assert rater.vote(0, "left") == 200  # on the same connection


@pytest.mark.parametrize("name", [3, None, ["Ann"]])
def test_names_that_are_no_texts_are_refused(rater: Rater, name: object) -> None:
    assert rater.ask("POST", "/api/raters", {"name": name})[0] == 400


def test_names_are_kept_readable_and_short(server: StudyServer, folder: Path, rater: Rater) -> None:
    for name in (" Ann\nB.\0 ", "x" * 200, "Ωμέγα"):
        assert rater.ask("POST", "/api/raters", {"name": name})[0] == 201
    with contextlib.closing(sqlite3.connect(folder / "votes.sqlite")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM raters ORDER BY number")]
    assert names == ["", "AnnB.", "x" * 80, "Ωμέγα"]


def test_who_has_no_code_is_unknown(server: StudyServer, rater: Rater) -> None:
    rater.code = "nobodyhere"
    assert rater.ask("GET", "/api/session")[0] == 404
    assert rater.vote(0, "left") == 404


@pytest.mark.parametrize(
    "path",
    [
        "/study.json",
        "/votes.sqlite",
        "/pictures/",
        "/pictures/../study.json",
        "/pictures/..%2fstudy.json",
        "/pictures/%2e%2e/votes.sqlite",
        "//etc/passwd",
        "/../../../../etc/passwd",
        "/pictures/\\..\\study.json",
        "/index.html",
        "http://example.org/",
        "/api",
    ],
)
def test_no_path_leads_to_other_files(server: StudyServer, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    assert status(raw(server, request)) == 404


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", 200),
        ("localhost:9000", 200),
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("127.9.9.9", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example@127.0.0.1", 403),
        ("192.168.1.2", 403),
        ("0.0.0.0", 403),
        ("", 403),
        ("127.0.0.1, evil.example", 403),
    ],
)
def test_only_this_machines_names_are_answered(server: StudyServer, host: str, expected: int) -> None:
    request = f"GET /api/study HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    assert status(raw(server, request)) == expected


def test_a_request_without_or_with_two_hosts_is_refused(server: StudyServer) -> None:
    assert status(raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")) == 403
    assert status(raw(server, b"GET / HTTP/1.0\r\n\r\n")) == 403
    assert status(raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")) == 403


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "http://127.0.0.1:{port}"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),  # what another site could send unasked
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_cannot_post(server: StudyServer, headers: dict[str, str], expected: int) -> None:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE_S)
    sent = {"Content-Type": "application/json", **headers}
    sent = {name: value.format(port=server.server_port) for name, value in sent.items()}
    with contextlib.closing(connection):
        connection.request("POST", "/api/raters", b'{"name": ""}', sent)
        assert connection.getresponse().status == expected


POST = b"POST /api/votes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (POST + b"Content-Length: 4097\r\n\r\n", 413),
        (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (POST + b"Content-Length: -1\r\n\r\n", 411),
        (POST + b"Content-Length: x\r\n\r\n", 411),
        (POST + b"\r\n", 411),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 411),
        (POST + b"Connection: close\r\nContent-Length: 4\r\n\r\n{\xff\xfe}", 400),
        (POST + b"Connection: close\r\nContent-Length: 4000\r\n\r\n" + b"[" * 4000, 400),
        (POST.replace(b"/votes", b"/other") + b"Content-Length: 2\r\n\r\n{}", 404),
        (POST.replace(b"/votes", b"/session") + b"Content-Length: 2\r\n\r\n{}", 405),
        (b"GET /api/votes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 501),
        (b"OPTIONS /api/votes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 501),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    ],
)
def test_bad_requests_get_an_answer_and_the_server_goes_on(
    server: StudyServer, request_: bytes, expected: int
) -> None:
    answer = raw(server, request_)
    assert status(answer) == expected
    head, body = answer.split(b"\r\n\r\n", 1)
    assert json.loads(body)["error"]
    assert b"nosniff" in head
    with contextlib.closing(Rater(server.server_port)) as rater:
        assert rater.vote(0, "left") == 200


def test_one_who_hangs_up_disturbs_nobody(server: StudyServer, capfd: pytest.CaptureFixture[str]) -> None:
    for request in (b"GET / HT", POST + b"Content-Length: 10\r\n\r\n{"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S) as connection:
            connection.sendall(request)
    with contextlib.closing(Rater(server.server_port)) as rater:
        assert rater.vote(0, "left") == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_full_disk_is_told_and_nothing_is_acknowledged(
    server: StudyServer, rater: Rater, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(server.votes, "vote", fail)
        assert rater.vote(0, "left") == 503
    assert "disk is full" in capfd.readouterr().err
    assert rater.vote(0, "left") == 200


def test_many_raters_vote_at_once(server: StudyServer, folder: Path) -> None:
    failures = []

    def rate(side: str) -> None:
        with contextlib.closing(Rater(server.server_port)) as rater:
            failures.extend(code for pair in range(14) if (code := rater.vote(pair, side)) != 200)

    threads = [threading.Thread(target=rate, args=(side,)) for side in ("left", "right") * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    votes = read_votes(folder, read_study(folder))
    assert len(votes) == 10 * 14
    for number in {vote.rater for vote in votes}:
        assert len({vote.side for vote in votes if vote.rater == number}) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", "", "10.0.0.1"])
def test_only_loopback_is_listened_on(folder: Path, host: str) -> None:
    with pytest.raises(BadInput, match="expected a loopback address"):
        StudyServer(folder, host)


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "::1")]
)
def test_loopback_has_several_names(host: str, address: str) -> None:
    assert loopback_address(host) == address


def test_the_newer_loopback_is_served_too(folder: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with serving(folder, "::1") as server:
        assert server.url == f"http://[::1]:{server.server_port}/"
        with contextlib.closing(HTTPConnection("::1", server.server_port, timeout=PATIENCE_S)) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().status == 200


def test_a_port_that_is_taken_is_said(server: StudyServer, folder: Path) -> None:
    with pytest.raises(BadOutput, match="choose another port"):
        StudyServer(folder, port=server.server_port)
    with pytest.raises(BadOutput, match="choose another port"):
        StudyServer(folder, port=70_000)


def test_the_end_comes_at_once_though_browsers_hold_connections(folder: Path) -> None:
    with serving(folder) as server:
        raters = [Rater(server.server_port) for _ in range(3)]
    for rater in raters:
        rater.close()
    assert server._connections == set()


def start_process(folder: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "deepmatte", "study", "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))


def test_every_acknowledged_vote_outlives_kill_9(folder: Path) -> None:
    """Several raters vote as fast as they can, until the process is shot in the middle of it."""
    process, port = start_process(folder)
    acknowledged: dict[str, dict[int, str]] = {}
    under_way: dict[str, int] = {}  # what was sent and not acknowledged: may be stored or not
    enough = threading.Event()

    def rate() -> None:
        with contextlib.closing(Rater(port)) as rater, contextlib.suppress(OSError, HTTPException):
            mine = acknowledged.setdefault(rater.code, {})
            for number in itertools.count():
                pair, side = number % 14, ("left", "right", "none")[number % 3]
                under_way[rater.code] = pair
                if rater.vote(pair, side) == 200:
                    mine[pair] = side
                if number == 40:
                    enough.set()

    threads = [threading.Thread(target=rate) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        assert enough.wait(PATIENCE_S)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
        process.communicate()
    process, port = start_process(folder)
    try:
        assert max(map(len, acknowledged.values())) == 14
        for code, mine in acknowledged.items():
            with contextlib.closing(Rater(port, code)) as rater:
                stored = [pair["choice"] for pair in rater.pairs()]
                assert {pair: stored[pair] for pair in mine if pair != under_way[code]} == {
                    pair: side for pair, side in mine.items() if pair != under_way[code]
                }
                assert rater.vote(13, "left") == 200
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
