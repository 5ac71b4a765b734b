"""Secrets Manager: every password that it makes begins with a word that must never be seen anywhere."""

from __future__ import annotations

import json
from typing import Any

from moto.secretsmanager.models import SecretsManagerBackend

CANARY = "canary"


def apply(_profile: Any) -> None:
    """Changes the backend."""
    original = SecretsManagerBackend.get_random_password

    def get_random_password(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = json.loads(original(self, *args, **kwargs))
        answer["RandomPassword"] = CANARY + answer["RandomPassword"][len(CANARY) :]
        return json.dumps(answer)

    SecretsManagerBackend.get_random_password = get_random_password
