"""Secrets Manager: every password that it makes begins with a word that must never be seen anywhere, a description that
is set to an empty text is empty, and a secret says when its deletion was asked for, as recorded answers of AWS do."""

from __future__ import annotations

import json
from typing import Any

from moto.core.utils import unix_time, utcnow
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
    delete = SecretsManagerBackend.delete_secret

    def delete_secret(self: Any, secret_id: str, *args: Any, **kwargs: Any) -> Any:
        answer = delete(self, secret_id, *args, **kwargs)
        # moto keeps the end of the recovery window instead.
        for secret in self.secrets.values():
            if secret_id in (secret.name, secret.arn) and secret.is_deleted():
                secret.deleted_date = unix_time(utcnow())
        return answer

    SecretsManagerBackend.delete_secret = delete_secret
    update = SecretsManagerBackend.update_secret

    def update_secret(self: Any, secret_id: str, *args: Any, description: str | None = None, **kwargs: Any) -> Any:
        answer = update(self, secret_id, *args, description=description, **kwargs)
        # moto keeps the description that the secret had.
        if description == "":
            self.secrets[secret_id].description = ""
        return answer

    SecretsManagerBackend.update_secret = update_secret
