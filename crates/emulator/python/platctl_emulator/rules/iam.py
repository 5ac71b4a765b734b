"""IAM, and who may use a role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..timeline import TIMELINE
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


_born = {}


def role_of(call: Call, arn: str | None) -> Any:
    """The role of an ARN, if there is one."""
    return next((role for role in backend(call, "iam").roles.values() if role.arn == arn), None)


@before("iam:DeletePolicy")
def policy_is_detached(call: Call) -> None:
    """moto deletes a policy that roles still have."""
    policy = backend(call).managed_policies.get(call.params.get("PolicyArn"))
    if policy is not None and policy.attachment_count > 0:
        raise Refused("DeleteConflict", "Cannot delete a policy attached to entities.", 409)


@before("iam:CreateRole")
def names_differ_by_more_than_case(call: Call) -> None:
    """Names of roles are unique whatever their case."""
    name = call.params.get("RoleName", "")
    if any(role.name.lower() == name.lower() for role in backend(call).roles.values()):
        raise Refused("EntityAlreadyExists", f"Role with name {name} already exists.", 409)


@before("ec2:CreateFlowLogs")
def role_is_known(call: Call) -> None:
    """Other services know a role some seconds after it was made."""
    arn = call.params.get("DeliverLogsPermissionArn")
    role = role_of(call, arn)
    if arn and (role is None or age(role.name) < call.profile["propagation"]):
        raise Refused("InvalidParameter", f"Unable to assume given IAM role {arn}")


@after("iam:CreateRole")
def role_is_new(call: Call) -> None:
    """Notes when a role was made."""
    _born[call.params["RoleName"]] = TIMELINE.now()


def age(name: str) -> Any:
    """For how many seconds a role has been there."""
    return TIMELINE.now() - _born.get(name, float("-inf"))


@before("iam:DeletePolicy")
def versions_are_deleted(call: Call) -> None:
    """Only the default version goes with its policy."""
    policy = backend(call).managed_policies.get(call.params.get("PolicyArn"))
    if policy is not None and len(policy.versions) > 1:
        message = (
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions."
        )
        raise Refused("DeleteConflict", message, 409)


@before("iam:CreateServiceLinkedRole")
def service_has_no_role(call: Call) -> None:
    """One for each service and suffix."""
    params = call.params
    path, suffix = f"/aws-service-role/{params['AWSServiceName']}/", params.get("CustomSuffix")
    for role in backend(call).roles.values():
        if role.path == path and (not suffix or role.name.endswith(f"_{suffix}")):
            message = f"Service role name {role.name} has been taken in this account, please try a different suffix."
            raise Refused("InvalidInput", message)


def _provider(call: Call) -> Any:
    arn = call.params.get("OpenIDConnectProviderArn")
    provider = backend(call).open_id_providers.get(arn)
    if provider is None:
        raise Refused("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", 404)
    return provider


@before("iam:AddClientIDToOpenIDConnectProvider")
def client_is_added(call: Call) -> Answer:
    """moto does not know it."""
    provider, client = _provider(call), call.params["ClientID"]
    if client not in provider.client_id_list:
        provider.client_id_list.append(client)
    return result(call, {})


@before("iam:RemoveClientIDFromOpenIDConnectProvider")
def client_is_removed(call: Call) -> Answer:
    """moto does not know it."""
    provider, client = _provider(call), call.params["ClientID"]
    if client in provider.client_id_list:
        provider.client_id_list.remove(client)
    return result(call, {})


@before("iam:SimulatePrincipalPolicy")
def everything_is_allowed(call: Call) -> Answer:
    """The local AWS denies nobody anything."""
    names = call.params.get("ActionNames") or []
    return result(call, {"EvaluationResults": [{"EvalActionName": name, "EvalDecision": "allowed"} for name in names]})


@before("iam:CreateRole", "iam:UpdateAssumeRolePolicy")
def trust_is_a_policy(call: Call) -> None:
    """moto takes any trust policy."""
    text = call.params.get("AssumeRolePolicyDocument") or call.params.get("PolicyDocument") or ""
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("MalformedPolicyDocument", "This policy contains invalid Json") from error
    for statement in statements if isinstance(statements, list) else [statements]:
        if "Resource" in statement or not {"Effect", "Principal", "Action"} <= set(statement):
            raise Refused(
                "MalformedPolicyDocument", "Has prohibited field Resource, or lacks Effect, Principal or Action"
            )


@before("iam:UpdateAssumeRolePolicy")
def actions_have_no_case(call: Call) -> Answer | None:
    """moto knows `sts:AssumeRole` in this spelling only."""
    role = next((role for role in backend(call).roles.values() if role.name == call.params["RoleName"]), None)
    if role is None:
        return None
    role.assume_role_policy_document = call.params["PolicyDocument"]
    return result(call, {})
