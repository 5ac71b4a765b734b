"""Stands between platctl and the emulator: what is read gets members that nobody has stated, and what would change
something is recorded and refused, so that nothing ever changes.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import wire
from carried import READS
from members import Members, anchors

# What errors of S3 and EC2 stand in, and those of all other services that speak XML.
FORMS = {"s3": "<Error>{}</Error>", "ec2": "<Response><Errors><Error>{}</Error></Errors></Response>"}
FORM = "<ErrorResponse><Error>{}</Error></ErrorResponse>"
SAID = {"__type": "ValidationException", "message": "recorded"}

# Status, headers and body.
Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """One that clients may leave before they are answered: a trial that takes too long is ended."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Proxy:
    """The server, with what was asked since `begin`."""

    def __init__(self, endpoint: str) -> None:
        self.host = urlsplit(endpoint).netloc
        self.lock = threading.Lock()
        self.members: Members | None = None
        self.requests: list[wire.Message] = []
        self.updates: tuple[str, ...] = ()
        self.reads: tuple[str, ...] = ()
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def begin(self, members: Members, reads: tuple[str, ...], updates: tuple[str, ...]) -> None:
        """From now on, the members are added to the answers, and updates are recorded anew."""
        self.members, self.reads, self.updates, self.requests = members, reads, updates, []

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, message: wire.Message | None, forward: Callable[[], Answer]) -> Answer:
        """Status, headers and body."""
        members = self.members
        if message is None or members is None:
            return forward()
        if not READS.match(message.operation):
            with self.lock:
                self.requests.append(message)
            return refusal(message)
        status, headers, body = forward()
        if status == 200 and message.model.name == members.model.name and message.operation in self.reads:
            body = message.changed(body, headers, lambda answer: self._add(members, message, answer))
        return status, headers, body

    def _add(self, members: Members, message: wire.Message, answer: wire.Document) -> None:
        output = message.model.model["operations"][message.operation]["output"]["shape"]
        with self.lock:
            for update in self.updates:
                for anchor in anchors(message.model, self.reads, update):
                    if anchor.read == message.operation:
                        members.add(anchor, answer, output)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                message = wire.read(self.command, self.path, headers, body)

                def forward() -> Answer:
                    connection = http.client.HTTPConnection(proxy.host, timeout=60)
                    connection.request(self.command, self.path, body, {**headers, "Host": proxy.host})
                    answer = connection.getresponse()
                    got = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
                    connection.close()
                    return got

                status, sent, text = proxy.answer(message, forward)
                self.send_response_only(status)
                for name, value in sent.items():
                    if name not in ("content-length", "connection", "transfer-encoding", "keep-alive"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        return Handler


def refusal(message: wire.Message) -> Answer:
    """An error that nobody repeats, in the protocol of the request."""
    if message.protocol == wire.CBOR:
        return 400, {"content-type": "application/cbor", "smithy-protocol": wire.CBOR}, wire.cbor.encode(SAID)
    if message.protocol in ("json", "rest-json"):
        headers = {"content-type": "application/json", "x-amzn-errortype": SAID["__type"]}
        return 400, headers, json.dumps(SAID).encode()
    text = f"<Code>ValidationError</Code><Message>{SAID['message']}</Message>"
    return 400, {"content-type": "text/xml"}, FORMS.get(message.model.name, FORM).format(text).encode()
