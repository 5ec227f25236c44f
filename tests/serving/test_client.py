"""``cxr-bench load --url`` against a real HTTP server that drafts with a real pipeline."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from cxr_edge.benchmarks.cli import bench
from cxr_edge.benchmarks.load.workers import WARM_UP
from cxr_edge.benchmarks.record import read_record
from cxr_edge.errors import CxrEdgeError
from cxr_edge.pipeline import Pipeline
from cxr_edge.serving.client import Service, ServiceError, address
from cxr_edge.writers import get_writer

ROOT = Path(__file__).resolve().parents[2]


class Drafting(ThreadingHTTPServer):
    """Drafts what is posted to /draft; remembers bodies and connections."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.folder, self.lock = folder, threading.Lock()
        self.pipeline = Pipeline.load(engine="cpu", threads=1)
        self.seen: list[tuple[str, bytes, str]] = []
        self.connections: set[tuple[str, int]] = set()
        self.busy_after: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/draft"


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "drafts/1"
    server: Drafting

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.connections.add(self.client_address)
            self.server.seen.append((self.path, body, self.headers["Content-Type"]))
            number = len(self.server.seen)
            if self.server.busy_after is not None and number > self.server.busy_after:
                return self.answer(503, b"no more \x1b[31mtoday\nask tomorrow")
            study = self.server.folder / f"{number}.dcm"
            study.write_bytes(body)
            try:
                report = self.server.pipeline.run(study)
            except CxrEdgeError as problem:
                return self.answer(422, str(problem).encode())
        if self.path.endswith("?leaves"):
            # As a service does that closes idle connections: said in no header.
            self.close_connection = True
        return self.answer(200, get_writer("text").render(report))

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Drafting]:
    with Drafting(tmp_path) as running:
        serving = threading.Thread(target=running.serve_forever, daemon=True)
        serving.start()
        yield running
        running.shutdown()
        serving.join()
        running.pipeline.close()


def test_every_study_is_posted_whole_over_one_connection_a_worker(
    server: Drafting, phantom: Path, tmp_path: Path
) -> None:
    out = tmp_path / "load.json"
    done = CliRunner().invoke(
        bench,
        [
            *("load", str(phantom), "--url", server.url, "--rate", "10", "--requests", "6"),
            *("--workers", "2", "--json", str(out)),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    assert {body for _, body, _ in server.seen} == {phantom.read_bytes()}
    assert {(path, kind) for path, _, kind in server.seen} == {("/draft", "application/dicom")}
    assert len(server.seen) == 2 * WARM_UP + 6
    assert len(server.connections) == 2
    record = read_record(out)
    schema = json.loads((ROOT / "docs" / "benchmark.schema.json").read_text())
    jsonschema.validate(record, schema)
    assert record["subject"]["service"] == server.url
    assert record["subject"]["server"].startswith("drafts/1")
    (step,) = record["results"]["steps"]
    assert (step["requests"], step["failed"], step["errors"]) == (6, 0, {})


def test_an_answer_of_another_status_is_an_error_with_its_first_line(
    server: Drafting, phantom: Path
) -> None:
    server.busy_after = WARM_UP + 1
    done = CliRunner().invoke(
        bench,
        [
            *("load", str(phantom), "--url", server.url, "--rate", "50", "--requests", "5"),
            *("--workers", "1", "--as", "threads"),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    said = "4 of 4 failed at 50 a second: HTTP 503 Service Unavailable: no more [31mtoday"
    assert said in done.stdout.splitlines()
    assert "Saturated below every rate" in done.stdout, "what is refused is not kept up with"


def test_a_connection_that_was_closed_while_idle_is_opened_again(
    server: Drafting, phantom: Path
) -> None:
    door = Service(f"{server.url}?leaves", (phantom,))()
    for number in range(3):
        door.serve(number)
    door.close()
    assert len(server.connections) == 3
    assert [path for path, _, _ in server.seen] == ["/draft?leaves"] * 3


def test_what_the_service_cannot_read_ends_the_run_in_its_own_words(
    server: Drafting, tmp_path: Path
) -> None:
    study = tmp_path / "study.dcm"
    study.write_bytes(b"no picture")
    given = ["load", str(study), "--url", server.url, "--as", "threads", "--workers", "1"]
    with pytest.raises(CxrEdgeError, match="HTTP 422 Unprocessable") as caught:
        CliRunner().invoke(bench, given, catch_exceptions=False)
    assert "\n" not in str(caught.value)


def test_nobody_there_is_one_line(phantom: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as unserved:  # never accepts
        url = f"http://127.0.0.1:{unserved.server_address[1]}/"
        with pytest.raises(ServiceError, match=r"no answer within 0\.2 s"):
            Service(url, (phantom,), 0.2)().serve(0)
    with pytest.raises(ServiceError, match=r"no answer from .*refused; start the service"):
        Service(url, (phantom,), 5)().serve(0)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/x", "expected http://HOST:PORT/PATH"),
        ("host:80/x", "expected http://HOST:PORT/PATH"),
        ("http://", "expected http://HOST:PORT/PATH"),
        ("http://host:99999/", "is no URL"),
        ("http://host/a b", "without spaces"),
        ("http://host/\r\nX: y", "expected"),
        ("http://who:secret@host/", "holds a user name"),
    ],
)
def test_other_urls_are_refused(url: str, says: str, phantom: Path) -> None:
    with pytest.raises(ServiceError, match=says) as caught:
        address(url)
    assert "secret" not in str(caught.value)
    done = CliRunner().invoke(bench, ["load", str(phantom), "--url", url])
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--engine", "cpu", "--threads", "2"], "--threads, --engine: with --url the service"),
        ([str(ROOT / "examples")], "is no file"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_wrong_use(arguments: list[str], says: str, phantom: Path) -> None:
    given = ["load", str(phantom), "--url", "http://127.0.0.1:9/", *arguments]
    done = CliRunner().invoke(bench, given)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
