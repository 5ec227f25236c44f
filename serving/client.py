"""A running service as a door: studies are posted to it over HTTP.

Only ``cxr-bench load --url`` reaches it, and only for the host that its user names; nothing of the
runtime may import it (docs/decisions.md, tests/test_import_rules.py).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cxr_edge.errors import CxrEdgeError

_BLOCK = 1 << 20
"""Bytes of a study that are read and sent at once."""
_LONGEST = 200
"""Letters of an answer that stand in an error."""


class ServiceError(CxrEdgeError):
    """A service cannot be reached, or answered something else than a draft."""


def address(url: str) -> SplitResult:
    """The parts of a URL that studies can be posted to.

    Raises:
        ServiceError: it is none, or holds a password, which a record would show.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise ServiceError(f"{url} is no URL ({problem}); expected http://HOST:PORT/PATH") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ServiceError(f"{url}: expected http://HOST:PORT/PATH or https://HOST:PORT/PATH")
    if any(not letter.isprintable() or letter == " " for letter in url) or not url.isascii():
        raise ServiceError(f"{url!r}: expected a URL of printable ASCII letters without spaces")
    if parts.username is not None:
        raise ServiceError("--url holds a user name, which records would show; leave it out")
    return parts


class ServiceDoor:
    """One connection that is kept open; one study of a list after the other, and again."""

    def __init__(self, service: "Service") -> None:
        parts = address(service.url)
        self._service = service
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(
            parts.hostname or "", parts.port, timeout=service.timeout, blocksize=_BLOCK
        )
        self._says = ""

    @property
    def about(self) -> Mapping[str, object]:
        """Where it is and what it says it is."""
        return {"service": self._service.url, "server": self._says or None}

    def serve(self, number: int) -> None:
        """Post the study whose turn it is and read the whole answer.

        Raises:
            ServiceError: no answer within the time, or none of 200 to 299.
        """
        study = self._service.studies[number % len(self._service.studies)]
        kept_open = self._connection.sock is not None
        try:
            try:
                answer = self._post(study)
            except ConnectionError:
                if not kept_open:
                    raise
                # A service may close a connection that has been idle; a study is posted again.
                self._connection.close()
                answer = self._post(study)
            content = answer.read()
        except TimeoutError:
            self._connection.close()
            raise ServiceError(f"no answer within {self._service.timeout:g} s") from None
        except (OSError, HTTPException) as problem:
            self._connection.close()
            said = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
            raise ServiceError(
                f"no answer from {self._service.url}: {_shown(said)}; start the service or correct "
                "--url"
            ) from None
        self._says = _shown(answer.headers.get("Server", ""))
        if not 200 <= answer.status < 300:
            first = content.strip().partition(b"\n")[0].decode("utf-8", "replace")
            raise ServiceError(_shown(f"HTTP {answer.status} {answer.reason}: {first}"))

    def _post(self, study: Path) -> HTTPResponse:
        with study.open("rb") as body:
            headers = {
                "Content-Type": "application/dicom",
                "Content-Length": str(os.fstat(body.fileno()).st_size),
            }
            self._connection.request("POST", self._target, body, headers)
            return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass(frozen=True)
class Service:
    """An ``Opener`` of ``ServiceDoor``: every worker has a connection of its own."""

    url: str
    studies: Sequence[Path]
    """Files."""
    timeout: float = 60.0
    """Seconds that connecting, sending and each part of an answer may take."""

    def __call__(self) -> ServiceDoor:
        """Prepare a connection; it is opened with the first study."""
        return ServiceDoor(self)


def _shown(text: str) -> str:
    """What another program said, on one line of printable letters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:_LONGEST].rstrip(" :")
