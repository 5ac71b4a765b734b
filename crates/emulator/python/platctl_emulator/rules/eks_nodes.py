"""EKS: node groups and Fargate profiles."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..hostile import fails
from ..store import STORE
from . import eks
from .quotas import too_many_vcpus
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def node_group(call: Call) -> Any:
    """The node group that the call names."""
    name = call.params["nodegroupName"]
    groups = eks.of_cluster(call, "nodegroups")
    if name not in groups:
        raise eks.missing(f"No node group found for name: {name}.")
    return groups[name]


def ready(cluster: Any) -> None:
    """Nothing is made in a cluster that is not ready."""
    if cluster["status"] not in ("ACTIVE", "UPDATING"):
        raise Refused("InvalidRequestException", f"Cluster '{cluster['name']}' is not in ACTIVE status")


def newest_release(version: Any) -> str:
    """The newest release of all images for a version of Kubernetes."""
    return f"{version}.0-20261101"


IMAGE_PARAMETER = re.compile(
    r"/aws/service/eks/optimized-ami/(?P<version>1\.\d+)/"
    r"(amazon-linux-2|amazon-linux-2-gpu|amazon-linux-2-arm64|amazon-linux-2023/(x86_64|arm64)/(standard|nvidia|neuron))"
    r"/recommended/release_version"
)


@before("ssm:GetParameter")
def release_parameter(call: Call) -> Answer | None:
    """AWS publishes the newest release of each image for nodes."""
    name = call.params["Name"]
    found = IMAGE_PARAMETER.fullmatch(name)
    if found is None or found["version"] not in eks.VERSIONS:
        return None
    parameter = {
        "Name": name,
        "Type": "String",
        "Value": newest_release(found["version"]),
        "Version": 1,
        "LastModifiedDate": eks.now(),
        "ARN": f"arn:aws:ssm:{call.region}::parameter{name}",
        "DataType": "text",
    }
    return result(call, {"Parameter": parameter})


def is_arm(instance_type: str) -> bool:
    """Whether an instance type has processors of AWS's own."""
    found = re.fullmatch(r"([a-z]+)\d+([a-z0-9-]*)\..+", instance_type)
    return found is not None and (found[1] == "a" or "g" in found[2])


def fits_its_image(types: list[str], image: str) -> None:
    """An image is made for one architecture."""
    if image == "CUSTOM":
        return
    for one in types:
        if is_arm(one) != ("ARM_64" in image):
            raise eks.invalid(f"[{one}] is not a valid instance type for requested amiType {image}")


CNI_POLICY = "AmazonEKS_CNI_Policy"


def gives_addresses(call: Call, cluster: Any, arn: str) -> bool:
    """Whether pods on nodes with this role get addresses: the plugin has a role of its own, or that of its node may do
    it. What policies of the account allow, nobody looks at.
    """
    plugin = eks.of_cluster(call, "addons").get("vpc-cni")
    if plugin is None or plugin.get("serviceAccountRoleArn"):
        return True
    wanted = (cluster["name"], "kube-system", "aws-node")
    pods = STORE.of(call, "eks.pods").values()
    if wanted in [(pod["clusterName"], pod["namespace"], pod["serviceAccount"]) for pod in pods]:
        return True
    role = eks.role_of(call, arn)
    if role is None or role.policies:
        return True
    return any(CNI_POLICY in policy or ":aws:policy/" not in policy for policy in role.managed_policies)


@before("eks:CreateNodegroup")
def create(call: Call) -> Answer:
    """A node group and its auto scaling group."""
    cluster, params = eks.cluster_of(call), call.params
    name, template = params["nodegroupName"], params.get("launchTemplate")
    if name in eks.of_cluster(call, "nodegroups"):
        raise eks.taken(f"NodeGroup already exists with name {name} and cluster name {cluster['name']}")
    ready(cluster)
    eks.assumable(call, params["nodeRole"], "ec2.amazonaws.com")
    eks.subnets_of(backend(call, "ec2"), params["subnets"])
    if template and params.get("diskSize"):
        raise eks.invalid("Disk size must be specified within the launch template.")
    sizes = {"minSize": 1, "maxSize": 2, "desiredSize": 2, **(params.get("scalingConfig") or {})}
    if not sizes["minSize"] <= sizes["desiredSize"] <= sizes["maxSize"]:
        raise eks.invalid("desired capacity is not between minimum and maximum")
    image = params.get("amiType") or "AL2023_x86_64_STANDARD"
    fits_its_image(params.get("instanceTypes") or ["t3.medium"], image)
    number = uuid.uuid4()
    version = params.get("version") or cluster["version"]
    group = {
        "nodegroupName": name,
        "nodegroupArn": eks.arn(call, f"nodegroup/{cluster['name']}/{name}/{number}"),
        "clusterName": cluster["name"],
        "version": version,
        "releaseVersion": params.get("releaseVersion") or newest_release(version),
        "createdAt": eks.now(),
        "modifiedAt": eks.now(),
        "status": "CREATING",
        "capacityType": params.get("capacityType") or "ON_DEMAND",
        "scalingConfig": sizes,
        "instanceTypes": params.get("instanceTypes") or ["t3.medium"],
        "subnets": params["subnets"],
        "amiType": image,
        "nodeRole": params["nodeRole"],
        "labels": params.get("labels") or {},
        "taints": params.get("taints") or [],
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{number}"}]},
        "health": {"issues": []},
        "updateConfig": params.get("updateConfig") or {"maxUnavailable": 1},
        "tags": params.get("tags") or {},
    }
    if template:
        group["launchTemplate"] = resolved(call, template)
    else:
        group["diskSize"] = params.get("diskSize") or 20
    eks.put(call, "nodegroups", cluster["name"], name, group)
    issue = None
    if words := too_many_vcpus(call, group):
        issue = {"code": "AsgInstanceLaunchFailures", "message": words, "resourceIds": [f"eks-{name}-{number}"]}
    elif fails(call.profile["chaos"], call.name, name):
        issue = {
            "code": "NodeCreationFailure",
            "message": "Instances failed to join the kubernetes cluster",
            "resourceIds": ["i-0123456789abcdef0"],
        }
    elif not gives_addresses(call, cluster, params["nodeRole"]):
        issue = {
            "code": "NodeCreationFailure",
            "message": "Unhealthy nodes in the kubernetes cluster",
            "resourceIds": ["i-0123456789abcdef0"],
        }
    if issue:
        eks.later(eks.NODES, group, status="CREATE_FAILED", health={"issues": [issue]})
        return result(call, {"nodegroup": dict(group)})
    eks.later(eks.NODES, group, status="ACTIVE")
    return result(call, {"nodegroup": dict(group)})


def resolved(call: Call, wanted: Any) -> dict[str, Any]:
    """A launch template with id, name and number."""
    ec2 = backend(call, "ec2")
    number = wanted.get("id") or ec2.launch_template_name_to_ids.get(wanted.get("name"))
    template = ec2.launch_templates.get(number)
    if template is None:
        raise eks.invalid(f"Launch template {number} was not found")
    version = wanted.get("version") or str(template.default_version_number)
    if version.isdigit() and int(version) > len(template.versions):
        raise eks.invalid(f"Launch template {number} has no version {version}")
    return {"id": template.id, "name": template.name, "version": version}


@before("eks:DescribeNodegroup")
def describe(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"nodegroup": dict(node_group(call))})


@before("eks:ListNodegroups")
def names(call: Call) -> Answer:
    """All names."""
    return result(call, {"nodegroups": sorted(eks.of_cluster(call, "nodegroups"))})


@before("eks:UpdateNodegroupConfig")
def configure(call: Call) -> Answer:
    """Sizes, labels, taints and the pace of updates."""
    group, params = node_group(call), call.params
    eks.idle(group, "The node group")
    sizes = {**group["scalingConfig"], **(params.get("scalingConfig") or {})}
    if not sizes["minSize"] <= sizes["desiredSize"] <= sizes["maxSize"]:
        raise eks.invalid("desired capacity is not between minimum and maximum")
    labels, taints = params.get("labels") or {}, params.get("taints") or {}

    def same(one: Any, other: Any) -> bool:
        return (one["key"], one["effect"]) == (other["key"], other["effect"])

    def apply() -> None:
        group["scalingConfig"] = sizes
        group["updateConfig"] = params.get("updateConfig") or group["updateConfig"]
        kept = {key: value for key, value in group["labels"].items() if key not in (labels.get("removeLabels") or [])}
        group["labels"] = {**kept, **(labels.get("addOrUpdateLabels") or {})}
        new, gone = taints.get("addOrUpdateTaints") or [], taints.get("removeTaints") or []
        group["taints"] = [one for one in group["taints"] if not any(same(one, other) for other in new + gone)] + new

    return eks.update(call, group, "ConfigUpdate", eks.NODES_UPDATE, apply, scope=group["nodegroupName"])


@before("eks:UpdateNodegroupVersion")
def roll(call: Call) -> Answer:
    """New nodes in place of the old ones."""
    group, params, cluster = node_group(call), call.params, eks.cluster_of(call)
    eks.idle(group, "The node group")
    version = params.get("version") or group["version"]
    if version > cluster["version"]:
        raise eks.invalid(f"Nodegroup version {version} is newer than that of the cluster")
    # Whatever nodes are replaced for, they get the newest release if none is stated.
    changes = {"version": version, "releaseVersion": params.get("releaseVersion") or newest_release(version)}
    if params.get("launchTemplate"):
        changes["launchTemplate"] = resolved(call, params["launchTemplate"])
        if changes["launchTemplate"]["id"] != (group.get("launchTemplate") or {}).get("id"):
            raise eks.invalid("The launch template of a node group cannot be changed")
    return eks.update(
        call, group, "VersionUpdate", eks.NODES_ROLL, lambda: group.update(changes), scope=group["nodegroupName"]
    )


@before("eks:DeleteNodegroup")
def delete(call: Call) -> Answer:
    """Nodes are drained, then they go."""
    group = node_group(call)
    key = (group["clusterName"], group["nodegroupName"])
    eks.gone_or_failed(group, key[1], eks.NODES_DELETE, lambda: STORE.of(call, "eks.nodegroups").pop(key, None))
    return result(call, {"nodegroup": dict(group)})


def profile_of(call: Call) -> Any:
    """The profile that the call names."""
    name = call.params["fargateProfileName"]
    profiles = eks.of_cluster(call, "fargate")
    if name not in profiles:
        raise eks.missing(f"No Fargate Profile found with name: {name}.")
    return profiles[name]


@before("eks:CreateFargateProfile", "eks:DeleteFargateProfile")
def one_at_a_time(call: Call) -> None:
    """One profile of a cluster is made or deleted at a time."""
    for name, profile in eks.of_cluster(call, "fargate").items():
        if profile["status"] in ("CREATING", "DELETING"):
            verb = profile["status"].lower()
            raise eks.taken(f"Cannot change Fargate profiles: one is in progress, {name} is {verb}")


@before("eks:CreateFargateProfile")
def create_profile(call: Call) -> Answer:
    """A profile."""
    cluster, params = eks.cluster_of(call), call.params
    name = params["fargateProfileName"]
    if name in eks.of_cluster(call, "fargate"):
        raise eks.taken("A Fargate Profile already exists with this name in this cluster.")
    ready(cluster)
    eks.assumable(call, params["podExecutionRoleArn"], "eks-fargate-pods.amazonaws.com")
    subnets = params.get("subnets") or cluster["resourcesVpcConfig"]["subnetIds"]
    eks.subnets_of(backend(call, "ec2"), subnets)
    profile = {
        "fargateProfileName": name,
        "fargateProfileArn": eks.arn(call, f"fargateprofile/{cluster['name']}/{name}/{uuid.uuid4()}"),
        "clusterName": cluster["name"],
        "createdAt": eks.now(),
        "podExecutionRoleArn": params["podExecutionRoleArn"],
        "subnets": subnets,
        "selectors": params.get("selectors") or [],
        "status": "CREATING",
        "tags": params.get("tags") or {},
        "health": {"issues": []},
    }
    eks.put(call, "fargate", cluster["name"], name, profile)
    eks.later(eks.FARGATE, profile, status="ACTIVE")
    return result(call, {"fargateProfile": dict(profile)})


@before("eks:DescribeFargateProfile")
def describe_profile(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"fargateProfile": dict(profile_of(call))})


@before("eks:ListFargateProfiles")
def profile_names(call: Call) -> Answer:
    """All names."""
    return result(call, {"fargateProfileNames": sorted(eks.of_cluster(call, "fargate"))})


@before("eks:DeleteFargateProfile")
def delete_profile(call: Call) -> Answer:
    """Its pods go, then it goes."""
    profile = profile_of(call)
    key = (profile["clusterName"], profile["fargateProfileName"])
    eks.gone_or_failed(profile, key[1], eks.FARGATE_DELETE, lambda: STORE.of(call, "eks.fargate").pop(key, None))
    return result(call, {"fargateProfile": dict(profile)})
