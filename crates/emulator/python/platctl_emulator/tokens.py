"""Client tokens: the same request twice is answered once."""

import hashlib
import json

from .answers import Refused


class Tokens:
    """What was answered to which token."""

    def __init__(self):
        self._answers = {}

    def clear(self):
        """Forgets all tokens."""
        self._answers.clear()

    def earlier(self, call):
        """The answer to an earlier request of the same token; another request of that token is refused."""
        key = self._key(call)
        if key not in self._answers:
            return None
        digest, answer = self._answers[key]
        if digest != self._digest(call):
            message = "The client token has been used before, with other parameters."
            raise Refused("IdempotentParameterMismatch", message)
        return answer

    def keep(self, call, answer):
        """Remembers a successful answer."""
        key = self._key(call)
        if key and answer[0] < 300:
            self._answers[key] = (self._digest(call), answer)

    @staticmethod
    def _key(call):
        if call.service != "ec2" or not call.mutating:
            return None
        token = call.request.form.get("ClientToken")
        return token and (call.account, call.region, call.operation, token)

    @staticmethod
    def _digest(call):
        text = json.dumps(call.params, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
