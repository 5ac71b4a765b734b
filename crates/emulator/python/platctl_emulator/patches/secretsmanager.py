"""Secrets Manager: every password that it makes begins with a word that must never be seen anywhere."""

import json

from moto.secretsmanager.models import SecretsManagerBackend

CANARY = "canary"


def apply():
    """Changes the backend."""
    original = SecretsManagerBackend.get_random_password

    def get_random_password(self, *args, **kwargs):
        answer = json.loads(original(self, *args, **kwargs))
        answer["RandomPassword"] = CANARY + answer["RandomPassword"][len(CANARY) :]
        return json.dumps(answer)

    SecretsManagerBackend.get_random_password = get_random_password
