"""IAM, and who may use a role."""

import time

from ..answers import Refused
from ..backends import backend
from .registry import after, before

_born = {}


def role_of(call, arn):
    """The role of an ARN, if there is one."""
    return next((role for role in backend(call, "iam").roles.values() if role.arn == arn), None)


@before("iam:DeletePolicy")
def policy_is_detached(call):
    """moto deletes a policy that roles still have."""
    policy = backend(call).managed_policies.get(call.params.get("PolicyArn"))
    if policy is not None and policy.attachment_count > 0:
        raise Refused("DeleteConflict", "Cannot delete a policy attached to entities.", 409)


@before("iam:CreateRole")
def names_differ_by_more_than_case(call):
    """Names of roles are unique whatever their case."""
    name = call.params.get("RoleName", "")
    if any(role.name.lower() == name.lower() for role in backend(call).roles.values()):
        raise Refused("EntityAlreadyExists", f"Role with name {name} already exists.", 409)


@before("ec2:CreateFlowLogs")
def role_is_known(call):
    """Other services know a role some seconds after it was made."""
    arn = call.params.get("DeliverLogsPermissionArn")
    role = role_of(call, arn)
    if arn and (role is None or age(role.name) < call.profile["propagation"]):
        raise Refused("InvalidParameter", f"Unable to assume given IAM role {arn}")


@after("iam:CreateRole")
def role_is_new(call):
    """Notes when a role was made."""
    _born[call.params["RoleName"]] = time.monotonic()


def age(name):
    """For how many seconds a role has been there."""
    return time.monotonic() - _born.get(name, float("-inf"))
