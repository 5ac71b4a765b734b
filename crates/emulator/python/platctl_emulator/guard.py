"""Who may speak to this AWS: whoever can read its instance file. Everybody else on this machine, and every page in a
browser, can reach a port of the loopback address as well."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.iam import models as moto_iam

from . import answers
from .answers import Refused

# The header of control requests.
HEADER = "HTTP_X_PLATCTL_KEY"
# What an API server of EKS takes: a signed question to STS, in base64.
BEARER = "Bearer k8s-aws-v1."

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

ADVICE = "this emulator does not know the access key: use what `platctl emulator status --env` prints"


class Guard:
    """Knows the secret of this instance, and where it listens."""

    def __init__(self) -> None:
        self.key, self._port, self._hosts = "", 0, frozenset[str]()
        # The keys of builds that run, each with the role of its project.
        self._lent: dict[str, str] = {}

    def open(self, port: int) -> None:
        """A new secret for what listens at a port; the same one as long as it does."""
        if port != self._port:
            # An access key ID: letters and digits, 16 to 128 of them.
            self.key, self._port = f"PLATCTL{secrets.token_hex(20).upper()}", port
            self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    def wrong(self, environ: dict[str, Any]) -> str | None:
        """What no program of the owner sends. Browsers do: `Origin` and `Sec-Fetch-Site` are beyond a page's power,
        and a name that leads here is in `Host`."""
        if environ.get("HTTP_HOST", "") not in self._hosts:
            return "the emulator does not answer for this host"
        if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ:
            return "the emulator does not answer browsers"
        return None

    def knows(self, key: str) -> bool:
        """Whether this is the secret, or a key that this AWS has given out itself."""
        said = key.encode()
        # All are compared, so that the time tells nothing.
        known = (self.key, *list(self._lent), *issued())
        return any([hmac.compare_digest(one.encode(), said) for one in known])

    def lend(self, role: str) -> str:
        """A key for a build, which has this role."""
        key = f"PLATCTL{secrets.token_hex(20).upper()}"
        self._lent[key] = role
        return key

    def take_back(self, key: str) -> None:
        """The build has ended."""
        self._lent.pop(key, None)

    def lent(self, key: str) -> bool:
        """Whether a build that runs has this key."""
        return key in self._lent

    def controls(self, environ: dict[str, Any]) -> bool:
        """Whether a control request carries the secret."""
        return hmac.compare_digest(self.key.encode(), environ.get(HEADER, "").encode())

    def admits(self, authorization: str) -> bool:
        """Whether a token for an API server was made with a known key."""
        key = signed_with(authorization)
        return key is not None and self.knows(key)

    def role(self, authorization: str) -> str | None:
        """The role of the build that made a token; none where it was made by somebody else."""
        return self._lent.get(signed_with(authorization) or "")


def signed_with(authorization: str) -> str | None:
    """The key that a token for an API server was made with."""
    if not authorization.startswith(BEARER):
        return None
    text = authorization.removeprefix(BEARER)
    try:
        question = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        signed = parse_qs(urlsplit(question).query)["X-Amz-Credential"][0]
    except (binascii.Error, ValueError, KeyError):
        return None
    return signed.partition("/")[0]


def issued() -> Iterator[str]:
    """The access keys of users, and those of roles that were assumed."""
    for partitions in list(moto_iam.iam_backends.values()):
        for backend in list(dict.values(partitions)):
            yield from list(backend.access_keys)


def harder_to_guess() -> None:
    """Access keys of 80 random bits: moto's have few random characters, from a generator that can be foretold. It knows
    keys of 20 characters alone."""
    moto_iam.generate_access_key_id_from_account_id = lambda account_id, prefix, total_length=20: (
        prefix + "".join(secrets.choice(BASE32) for _ in range(total_length - len(prefix)))
    )


def refusal(reason: str) -> Any:
    """The answer to what is not even looked at."""
    return 403, {"Content-Type": "application/json"}, json.dumps({"error": reason}).encode()


def unknown_key(environ: dict[str, Any], service: str) -> Any:
    """What AWS answers to an unknown key. Nothing more of the request is read."""
    codes = {"s3": "InvalidAccessKeyId", "ec2": "AuthFailure"}
    code = "InvalidClientTokenId" if answers.speaks_xml(environ, service) else "UnrecognizedClientException"
    return answers.bare(environ, service, Refused(codes.get(service, code), ADVICE, 403))


GUARD = Guard()
