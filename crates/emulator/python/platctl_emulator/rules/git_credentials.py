"""IAM: user names and passwords for Git. moto has none."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..store import STORE
from ..things import now
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


MOST = 2


def of_user(call: Call) -> Any:
    """The credentials of the user that the call names."""
    name = call.params["UserName"]
    if name not in backend(call).users:
        raise Refused("NoSuchEntity", f"The user with name {name} cannot be found.", 404)
    return STORE.of(call, "git-credentials", "").setdefault(name, {})


@before("iam:CreateServiceSpecificCredential")
def create(call: Call) -> Answer:
    """At most two for a service; the password is told once."""
    known, service = of_user(call), call.params["ServiceName"]
    if sum(one["ServiceName"] == service for one in known.values()) >= MOST:
        raise Refused("LimitExceeded", f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {MOST}", 409)
    number = "ACCA" + secrets.token_hex(9).upper()[:17]
    one = {
        "CreateDate": now(),
        "ServiceName": service,
        "ServiceUserName": f"{call.params['UserName']}-at-{call.account}",
        "ServiceSpecificCredentialId": number,
        "UserName": call.params["UserName"],
        "Status": "Active",
    }
    known[number] = one
    return result(call, {"ServiceSpecificCredential": {**one, "ServicePassword": "canary" + secrets.token_urlsafe(24)}})


@before("iam:ListServiceSpecificCredentials")
def listing(call: Call) -> Answer:
    """Those of a service, or all; without passwords."""
    service = call.params.get("ServiceName")
    shown = [one for one in of_user(call).values() if service in (None, one["ServiceName"])]
    return result(call, {"ServiceSpecificCredentials": shown})


@before("iam:DeleteServiceSpecificCredential")
def delete(call: Call) -> Answer:
    """By its id."""
    if of_user(call).pop(call.params["ServiceSpecificCredentialId"], None) is None:
        raise Refused("NoSuchEntity", "The specified service specific credential does not exist.", 404)
    return result(call, {})


@before("iam:DeleteUser")
def user_has_none(call: Call) -> None:
    """moto does not know that these hold a user."""
    if call.params["UserName"] in backend(call).users and of_user(call):
        raise Refused("DeleteConflict", "Cannot delete entity, must remove referenced objects first.", 409)
