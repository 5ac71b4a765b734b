"""moto's handlers, called directly. They are not safe to be called side by side, so one runs at a time."""

from __future__ import annotations

import os
import re
import threading
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import Call


# Without it AWS's managed policies do not exist.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto import backend_index
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core import responses as moto_responses
from moto.core import utils as moto_utils
from moto.core.exceptions import HTTPException
from moto.core.utils import method_names_from_class
from moto.iam import models as moto_iam
from moto.moto_api._internal import moto_api_backend

# moto looks its handlers up anew for every request, which takes as long as the request itself.
moto_responses.method_names_from_class = lru_cache(maxsize=None)(method_names_from_class)
# A new loader looks through all of botocore's folders, for each service that is called for the first time.
moto_utils.create_loader = lru_cache(maxsize=None)(moto_utils.create_loader)

LOCK = threading.RLock()
WARM = ("ec2", "iam", "kms", "logs", "s3", "sts")


def account_of(key: str) -> Any:
    """The account of an access key. moto makes an IAM of every partition of the world, to look into it."""
    for account, partitions in list(moto_iam.iam_backends.items()):
        if any(key in backend.access_keys for backend in dict.values(partitions)):
            return account
    return DEFAULT_ACCOUNT_ID


moto_iam.get_account_id_from = account_of


class Moto:
    """All of moto's services."""

    def __init__(self) -> None:
        self.lock = LOCK

    def warm_up(self) -> None:
        """The first call of a service loads it, which takes a second or two."""
        for service in WARM:
            with self.lock:
                routes(f"https://{service}.us-east-1.amazonaws.com/")

    def answer(self, request: Any) -> Any:
        """Status, headers and body of moto's answer. To be called under the lock."""
        url = f"{request.url_root.rstrip('/')}{request.raw_path}"
        for pattern, handler in routes(request.url_root):
            if pattern.match(url):
                try:
                    return plain(handler(request, request.raw_url, request.headers))
                except HTTPException as error:
                    return plain((error.code, error.get_headers(), error.get_body()))
        raise NotImplementedError

    def reset(self) -> None:
        """Forgets every resource. To be called under the lock."""
        moto_api_backend.reset()


@cache
def routes(root: Any) -> list[Any]:
    """The handlers behind a host, as pairs of pattern and function."""
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(root):
            accounts = get_backend(service)[DEFAULT_ACCOUNT_ID]
            backend = accounts["us-east-1" if "us-east-1" in accounts else "aws"]
            return [(re.compile(url), handler) for url, handler in backend.urls.items()]
    return []


def plain(answer: Any) -> Any:
    """An answer with a body of bytes."""
    status, headers, body = answer
    if hasattr(body, "read"):
        body = body.read()
    return int(status), dict(headers), body.encode() if isinstance(body, str) else bytes(body or b"")


def backend(call: Call, service: str | None = None, region: str | None = None) -> Any:
    """moto's store of a service, in the account of a call, and in its region or another one."""
    accounts = get_backend(service or call.service)[call.account]
    region = region or call.region
    return accounts[region if region in accounts else "aws"]
