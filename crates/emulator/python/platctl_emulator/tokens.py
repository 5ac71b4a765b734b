"""Client tokens: the same request twice is answered once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from .answers import Refused

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call


class Tokens:
    """What was answered to which token."""

    def __init__(self) -> None:
        self._answers = {}

    def clear(self) -> None:
        """Forgets all tokens."""
        self._answers.clear()

    def earlier(self, call: Call) -> Any:
        """The answer to an earlier request of the same token; another request of that token is refused."""
        key = self._key(call)
        if key not in self._answers:
            return None
        digest, answer = self._answers[key]
        if digest != self._digest(call):
            message = "The client token has been used before, with other parameters."
            raise Refused("IdempotentParameterMismatch", message)
        return answer

    def keep(self, call: Call, answer: Answer) -> None:
        """Remembers a successful answer."""
        key = self._key(call)
        if key and answer[0] < 300:
            self._answers[key] = (self._digest(call), answer)

    @staticmethod
    def _key(call: Call) -> Any:
        if call.service != "ec2" or not call.mutating:
            return None
        token = call.request.form.get("ClientToken")
        return token and (call.account, call.region, call.operation, token)

    @staticmethod
    def _digest(call: Call) -> str:
        text = json.dumps(call.params, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
