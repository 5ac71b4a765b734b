"""EKS: add-ons, access entries and pod identity."""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..hostile import fails
from ..kubernetes import KUBERNETES
from ..store import STORE
from ..timeline import TIMELINE
from . import eks
from .eks_nodes import ready
from .iam import role_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# For how many seconds pods may start without the role of an association that has changed.
SETTLES = 10


def one(call: Call, kind: str, name: str, what: str) -> Any:
    """A thing of a cluster by its name."""
    things = eks.of_cluster(call, kind)
    if name not in things:
        raise eks.missing(f"No {what} found: {name}")
    return things[name]


def addon_of(call: Call) -> Any:
    """The add-on that the call names."""
    return one(call, "addons", call.params["addonName"], "addon")


def version_of(call: Call, name: str, wanted: Any, otherwise: Any) -> Any:
    """A version that the add-on has."""
    if name not in eks.ADDONS:
        raise eks.invalid(f"Addon {name} specified is not supported")
    if wanted and not (wanted in eks.ADDONS[name] and eks.addon_fits(wanted, eks.cluster_of(call)["version"])):
        raise eks.invalid(f"Addon version {wanted} specified is not supported")
    return wanted or otherwise


def settled() -> Any:
    """When an association changed. Only its age says whether pods get the role when they start, which takes some
    seconds: where nothing takes time, they have passed, and one more, because times are told in whole seconds.
    """
    return eks.now() - timedelta(seconds=(SETTLES + 1) * (1 - min(TIMELINE.scale, 1)))


def associate(
    call: Call, cluster: Any, namespace: str, account: str, role: Any, tags: dict[str, Any], **more: Any
) -> Any:
    """Makes an association."""
    number = "a-" + secrets.token_hex(9)[:17]
    association = {
        "clusterName": cluster,
        "namespace": namespace,
        "serviceAccount": account,
        "roleArn": role,
        "associationArn": eks.arn(call, f"podidentityassociation/{cluster}/{number}"),
        "associationId": number,
        "tags": tags,
        "createdAt": settled(),
        "modifiedAt": settled(),
        **{key: value for key, value in more.items() if value is not None},
    }
    return eks.put(call, "pods", cluster, number, association)


def own(call: Call, addon: dict[str, Any], wanted: Any) -> None:
    """Gives an add-on these associations and no others."""
    pods = STORE.of(call, "eks.pods")
    for key in [key for key, pod in pods.items() if pod.get("ownerArn") == addon["addonArn"]]:
        del pods[key]
    made = [
        associate(
            call,
            addon["clusterName"],
            "kube-system",
            item["serviceAccount"],
            item["roleArn"],
            {},
            ownerArn=addon["addonArn"],
        )
        for item in wanted
    ]
    addon["podIdentityAssociations"] = [pod["associationArn"] for pod in made]


@before("eks:CreateAddon")
def create_addon(call: Call) -> Answer:
    """An add-on."""
    cluster, params = eks.cluster_of(call), call.params
    name = params["addonName"]
    if name in eks.of_cluster(call, "addons"):
        raise eks.taken("Addon already exists.")
    ready(cluster)
    addon = {
        "addonName": name,
        "clusterName": cluster["name"],
        "status": "CREATING",
        "addonVersion": version_of(call, name, params.get("addonVersion"), eks.addon_default(name, cluster["version"])),
        "health": {"issues": []},
        "addonArn": eks.arn(call, f"addon/{cluster['name']}/{name}/{uuid.uuid4()}"),
        "createdAt": eks.now(),
        "modifiedAt": eks.now(),
        "tags": params.get("tags") or {},
        "podIdentityAssociations": [],
    }
    for key in ("serviceAccountRoleArn", "configurationValues"):
        if params.get(key):
            addon[key] = params[key]
    eks.put(call, "addons", cluster["name"], name, addon)
    own(call, addon, params.get("podIdentityAssociations") or [])
    if fails(call.profile["chaos"], call.name, name):
        issue = {"code": "InternalFailure", "message": "The add-on could not be installed.", "resourceIds": []}
        eks.later(eks.ADDON, addon, status="CREATE_FAILED", health={"issues": [issue]})
    else:
        eks.later(eks.ADDON, addon, status="ACTIVE")
    return result(call, {"addon": dict(addon)})


@before("eks:DescribeAddon")
def describe_addon(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"addon": dict(addon_of(call))})


@before("eks:ListAddons")
def list_addons(call: Call) -> Answer:
    """All names."""
    return result(call, {"addons": sorted(eks.of_cluster(call, "addons"))})


@before("eks:UpdateAddon")
def update_addon(call: Call) -> Answer:
    """Version, settings and roles."""
    addon, params = addon_of(call), call.params
    eks.idle(addon, "The addon")
    version = version_of(call, addon["addonName"], params.get("addonVersion"), addon["addonVersion"])

    def apply() -> None:
        addon["addonVersion"] = version
        for key in ("serviceAccountRoleArn", "configurationValues"):
            if key in params:
                addon[key] = params[key]
        if "podIdentityAssociations" in params:
            own(call, addon, params["podIdentityAssociations"])

    return eks.update(call, addon, "AddonUpdate", eks.ADDON, apply, scope=addon["addonName"])


@before("eks:DeleteAddon")
def delete_addon(call: Call) -> Answer:
    """It goes, and its associations with it."""
    addon = addon_of(call)
    addon["status"] = "DELETING"
    key = (addon["clusterName"], addon["addonName"])

    def gone() -> None:
        own(call, addon, [])
        STORE.of(call, "eks.addons").pop(key, None)

    TIMELINE.after(eks.ADDON_DELETE, gone)
    return result(call, {"addon": dict(addon)})


@before("eks:DescribeAddonVersions")
def addon_versions(call: Call) -> Answer:
    """What can be installed."""
    wanted = call.params.get("addonName")
    version = call.params.get("kubernetesVersion")
    kept = [version] if version else list(eks.VERSIONS)

    def info(name: str, number: str) -> dict[str, Any]:
        fits = [
            {"clusterVersion": one, "platformVersions": ["*"], "defaultVersion": number == eks.addon_default(name, one)}
            for one in kept
            if eks.addon_fits(number, one)
        ]
        return {"addonVersion": number, "architecture": ["amd64", "arm64"], "compatibilities": fits}

    addons = [
        {
            "addonName": name,
            "type": "networking",
            "publisher": "eks",
            "owner": "aws",
            "addonVersions": [one for one in (info(name, number) for number in numbers) if one["compatibilities"]],
        }
        for name, numbers in sorted(eks.ADDONS.items())
        if wanted in (None, name)
    ]
    return result(call, {"addons": addons})


def entry_of(call: Call) -> Any:
    """The access entry that the call names."""
    name = call.params["principalArn"]
    entries = eks.of_cluster(call, "access")
    if name not in entries:
        raise eks.missing(
            "The specified principalArn could not be found. You can view your available access entries with "
            "'list-access-entries'."
        )
    return entries[name]


ADMIN = "cluster-access-policy/AmazonEKSClusterAdminPolicy"


def permits(endpoint: str, role: str) -> bool | None:
    """Whether a role is an administrator of the cluster; none where it has no access entry."""
    known = [things for kind, things in STORE.kinds() if kind == "eks.access"]
    clusters = [one for kind, things in STORE.kinds() if kind == "eks.clusters" for one in things.values()]
    names = [one["name"] for one in clusters if one.get("endpoint") == endpoint]
    entries = [things[name, role] for things in known for name in names if (name, role) in things]
    if not entries:
        return None
    return any(
        policy["policyArn"].endswith(ADMIN) and policy["accessScope"]["type"] == "cluster"
        for entry in entries
        for policy in entry["policies"].values()
    )


KUBERNETES.permits = permits


def shown(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as AWS shows it."""
    return {key: value for key, value in entry.items() if key != "policies"}


@before("eks:CreateAccessEntry")
def create_entry(call: Call) -> Answer:
    """An access entry of a principal that exists."""
    cluster, params = eks.cluster_of(call), call.params
    principal = params["principalArn"]
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        message = (
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
            "operation."
        )
        raise Refused("InvalidRequestException", message)
    if principal in eks.of_cluster(call, "access"):
        raise eks.taken("The specified access entry resource is already in use on this cluster.")
    if ":role/" in principal and role_of(call, principal) is None:
        raise eks.invalid("The specified principalArn is invalid: invalid principal.")
    name = principal.rpartition("/")[2]
    entry = {
        "clusterName": cluster["name"],
        "principalArn": principal,
        "kubernetesGroups": params.get("kubernetesGroups") or [],
        "accessEntryArn": eks.arn(call, f"access-entry/{cluster['name']}/role/{call.account}/{name}/{uuid.uuid4()}"),
        "createdAt": eks.now(),
        "modifiedAt": eks.now(),
        "tags": params.get("tags") or {},
        "username": params.get("username") or f"arn:aws:sts::{call.account}:assumed-role/{name}/{{{{SessionName}}}}",
        "type": params.get("type") or "STANDARD",
        "policies": {},
    }
    eks.put(call, "access", cluster["name"], principal, entry)
    return result(call, {"accessEntry": shown(entry)})


@before("eks:DescribeAccessEntry")
def describe_entry(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"accessEntry": shown(entry_of(call))})


@before("eks:ListAccessEntries")
def list_entries(call: Call) -> Answer:
    """All principals."""
    return result(call, {"accessEntries": sorted(eks.of_cluster(call, "access"))})


@before("eks:UpdateAccessEntry")
def update_entry(call: Call) -> Answer:
    """Groups and name."""
    entry = entry_of(call)
    for key in ("kubernetesGroups", "username"):
        if key in call.params:
            entry[key] = call.params[key]
    return result(call, {"accessEntry": shown(entry)})


@before("eks:DeleteAccessEntry")
def delete_entry(call: Call) -> Answer:
    """It goes at once."""
    entry = entry_of(call)
    del STORE.of(call, "eks.access")[(entry["clusterName"], entry["principalArn"])]
    return result(call, {})


@before("eks:AssociateAccessPolicy")
def associate_policy(call: Call) -> Answer:
    """A policy and its scope."""
    entry, params = entry_of(call), call.params
    policy = {
        "policyArn": params["policyArn"],
        "accessScope": params["accessScope"],
        "associatedAt": eks.now(),
        "modifiedAt": eks.now(),
    }
    entry["policies"][params["policyArn"]] = policy
    answer = {
        "clusterName": entry["clusterName"],
        "principalArn": entry["principalArn"],
        "associatedAccessPolicy": policy,
    }
    return result(call, answer)


@before("eks:DisassociateAccessPolicy")
def disassociate_policy(call: Call) -> Answer:
    """A policy goes."""
    if entry_of(call)["policies"].pop(call.params["policyArn"], None) is None:
        raise eks.missing("The specified policyArn is not associated")
    return result(call, {})


@before("eks:ListAssociatedAccessPolicies")
def list_policies(call: Call) -> Answer:
    """All policies of an entry."""
    entry = entry_of(call)
    policies = list(entry["policies"].values())
    answer = {
        "clusterName": entry["clusterName"],
        "principalArn": entry["principalArn"],
        "associatedAccessPolicies": policies,
    }
    return result(call, answer)


def association_of(call: Call) -> Any:
    """The association that the call names."""
    return one(call, "pods", call.params["associationId"], "association")


@before("eks:CreatePodIdentityAssociation")
def create_association(call: Call) -> Answer:
    """One for each service account."""
    cluster, params = eks.cluster_of(call), call.params
    key = (params["namespace"], params["serviceAccount"])
    for pod in eks.of_cluster(call, "pods").values():
        if (pod["namespace"], pod["serviceAccount"]) == key:
            raise eks.taken(f"Association already exists: {pod['associationId']}")
    association = associate(
        call,
        cluster["name"],
        *key,
        params["roleArn"],
        params.get("tags") or {},
        targetRoleArn=params.get("targetRoleArn"),
        disableSessionTags=bool(params.get("disableSessionTags")),
    )
    return result(call, {"association": dict(association)})


@before("eks:DescribePodIdentityAssociation")
def describe_association(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"association": dict(association_of(call))})


@before("eks:ListPodIdentityAssociations")
def list_associations(call: Call) -> Answer:
    """All of a cluster, a namespace, or a service account."""
    params, pods = call.params, eks.of_cluster(call, "pods").values()
    fits = [
        pod
        for pod in pods
        if params.get("namespace") in (None, pod["namespace"])
        and params.get("serviceAccount") in (None, pod["serviceAccount"])
    ]
    return result(call, {"associations": fits})


@before("eks:UpdatePodIdentityAssociation")
def update_association(call: Call) -> Answer:
    """Other roles."""
    association = association_of(call)
    for key in ("roleArn", "targetRoleArn", "disableSessionTags"):
        if key in call.params:
            association[key] = call.params[key]
    association["modifiedAt"] = settled()
    return result(call, {"association": dict(association)})


@before("eks:DeletePodIdentityAssociation")
def delete_association(call: Call) -> Answer:
    """It goes at once."""
    association = association_of(call)
    del STORE.of(call, "eks.pods")[(association["clusterName"], association["associationId"])]
    return result(call, {"association": dict(association)})
