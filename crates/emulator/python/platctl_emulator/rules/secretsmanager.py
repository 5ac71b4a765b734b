"""Secrets Manager: names stay taken until a secret is really gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused
from ..backends import backend
from .registry import before

if TYPE_CHECKING:
    from ..calls import Call


@before("secretsmanager:CreateSecret")
def name_is_free(call: Call) -> None:
    """moto says that it exists, AWS that it is waiting for its end."""
    secrets = backend(call).secrets
    name = call.params["Name"]
    known = next((secret for secret in secrets.values() if secret.name == name), None)
    if known is not None and known.is_deleted():
        text = "You can't create this secret because a secret with this name is already scheduled for deletion."
        raise Refused("InvalidRequestException", text)


@before(
    "secretsmanager:UpdateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:PutSecretValue",
    "secretsmanager:GetResourcePolicy",
    "secretsmanager:PutResourcePolicy",
)
def secret_stays(call: Call) -> None:
    """moto changes what waits for its end."""
    name = call.params.get("SecretId")
    for secret in backend(call).secrets.values():
        if name in (secret.name, secret.arn) and secret.is_deleted():
            text = "You can't perform this operation on the secret because it was marked for deletion."
            raise Refused("InvalidRequestException", text)
