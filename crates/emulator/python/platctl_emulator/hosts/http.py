"""Requests to hosts, and their answers."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

# Status, headers, body.
Answer = tuple[int, dict[str, str], bytes]


class Refused(Exception):
    """The host says no."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


class Request:
    """A request below `/_platctl/hosts/HOST`: its path is in parts, in which `%2F` is a part of a name."""

    def __init__(self, environ: dict[str, Any]) -> None:
        parts = urlsplit(environ["REQUEST_URI"])
        self.method: str = environ["REQUEST_METHOD"]
        self.host, *path = parts.path.removeprefix("/_platctl/hosts/").split("/")
        self.path = [unquote(part) for part in path]
        self.query_string = parts.query
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        self.content_type: str = environ.get("CONTENT_TYPE", "")
        self.body: bytes = environ["wsgi.input"].read()

    def password(self) -> str:
        """What a client of Git gives, whatever it calls itself."""
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        try:
            return base64.b64decode(text).decode().partition(":")[2] if kind.lower() == "basic" else ""
        except ValueError:
            return ""

    def json(self) -> dict[str, Any]:
        """The body."""
        try:
            body = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refused(400, "Problems parsing JSON") from error
        if not isinstance(body, dict):
            raise Refused(400, "Body should be a JSON object")
        return body


def answer(status: int, body: object) -> Answer:
    """An answer in JSON."""
    return status, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(body).encode()
