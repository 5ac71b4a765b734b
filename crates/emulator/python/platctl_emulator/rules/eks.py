"""EKS, all of it: moto knows a part, without states, and answers some of that in other shapes."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..kubernetes import KUBERNETES
from ..store import STORE
from ..timeline import TIMELINE
from .iam import age, role_of
from .network import in_use
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds, as usually seen.
CLUSTER, CLUSTER_UPDATE, CLUSTER_UPGRADE, CLUSTER_DELETE = 600, 120, 540, 180
NODES, NODES_UPDATE, NODES_ROLL, NODES_DELETE = 180, 30, 600, 360
ADDON, ADDON_DELETE, FARGATE, FARGATE_DELETE = 60, 30, 120, 120
INSIGHTS = 120

# For how long after an upgrade a cluster can be taken back.
ROLLBACK_WINDOW = 7 * 24 * 3600
VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
DEFAULT_VERSION = "1.35"
LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
ADDONS = {
    "vpc-cni": ("v1.21.1-eksbuild.1", "v1.20.4-eksbuild.1"),
    "coredns": ("v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1"),
    "kube-proxy": tuple(f"v{version}.0-eksbuild.2" for version in reversed(VERSIONS)),
    "eks-pod-identity-agent": ("v1.3.9-eksbuild.3", "v1.3.8-eksbuild.2"),
    "aws-ebs-csi-driver": ("v1.52.1-eksbuild.1", "v1.51.0-eksbuild.1"),
    "aws-efs-csi-driver": ("v2.1.13-eksbuild.1", "v2.1.12-eksbuild.1"),
    "metrics-server": ("v0.8.0-eksbuild.2", "v0.7.2-eksbuild.4"),
    "amazon-cloudwatch-observability": ("v4.6.0-eksbuild.1", "v4.5.0-eksbuild.1"),
    "snapshot-controller": ("v8.3.0-eksbuild.1", "v8.2.0-eksbuild.1"),
}


MESSAGES = {
    "PodEvictionFailure": "Reached max retries while trying to evict pods from nodes in node group {}",
    "Ec2SecurityGroupDeletionFailure": "DependencyViolation - resource has a dependent object of {}",
}


def endings() -> Any:
    """How the next update or deletion ends: by "update" or "deletion" and the name of the thing, the code."""
    return STORE.everywhere("eks.endings")


def ending(what: str, name: str) -> tuple[str, str] | None:
    """The code and the message with which it is to fail, once."""
    code = endings().pop((what, name), None)
    return (code, MESSAGES.get(code, "{} failed").format(name)) if code else None


def gone_or_failed(thing: dict[str, Any], name: str, seconds: float, gone: Any) -> None:
    """A deletion that ends, or fails."""
    thing["status"] = "DELETING"
    failure = ending("deletion", name)
    if failure is None:
        TIMELINE.after(seconds, gone)
        return
    issue = {"code": failure[0], "message": failure[1], "resourceIds": []}
    TIMELINE.after(seconds, lambda: thing.update(status="DELETE_FAILED", health={"issues": [issue]}))


def addon_fits(number: str, version: str) -> bool:
    """Whether a version of an add-on is one for a version of Kubernetes: kube-proxy must not be newer than the API."""
    return number not in ADDONS["kube-proxy"] or number <= f"v{version}.0-eksbuild.2"


def addon_default(name: str, version: Any) -> Any:
    """What EKS takes by default for a version of Kubernetes: the newest from its own default on."""
    numbers = [number for number in ADDONS.get(name, ("",)) if addon_fits(number, version)]
    return numbers[0] if name == "kube-proxy" or version >= DEFAULT_VERSION else numbers[-1]


def now() -> Any:
    """The present time."""
    return datetime.now(timezone.utc)


def clusters(call: Call) -> Any:
    """The clusters of the call's account and region."""
    return STORE.of(call, "eks.clusters")


def of_cluster(call: Call, kind: str) -> dict[str, Any]:
    """What of a kind is in the cluster that the call names."""
    name = cluster_of(call)["name"]
    things = STORE.of(call, f"eks.{kind}")
    return {key[1]: thing for key, thing in things.items() if key[0] == name}


def put(call: Call, kind: str, cluster: Any, name: str, thing: Any) -> Any:
    """Keeps a thing of a cluster."""
    STORE.of(call, f"eks.{kind}")[(cluster, name)] = thing
    return thing


def cluster_of(call: Call) -> Any:
    """The cluster that the call names."""
    name = call.params.get("clusterName") or call.params.get("name")
    if name not in clusters(call):
        raise missing(f"No cluster found for name: {name}.")
    return clusters(call)[name]


def missing(message: str) -> Refused:
    """AWS's answer for what is not there."""
    return Refused("ResourceNotFoundException", message, 404)


def taken(message: str) -> Refused:
    """AWS's answer for a name that is taken, for what is under way, and for what is held."""
    return Refused("ResourceInUseException", message, 409)


def invalid(message: str) -> Refused:
    """AWS's answer for wrong parameters."""
    return Refused("InvalidParameterException", message)


def arn(call: Call, rest: Any) -> str:
    """An ARN of EKS."""
    return f"arn:aws:eks:{call.region}:{call.account}:{rest}"


def assumable(call: Call, role_arn: str, service: str) -> None:
    """The role exists, is known by now, and trusts the service."""
    role = role_of(call, role_arn)
    trust = json.dumps(json.loads(role.assume_role_policy_document)) if role else ""
    if role is None or age(role.name) < call.profile["propagation"] or service not in trust:
        message = (
            f"The role with name {str(role_arn).rpartition('/')[2]} could not be assumed because it does not "
            "exist or the trusted entity is not correct"
        )
        raise invalid(message)


def later(seconds: float, thing: Any, **changes: Any) -> None:
    """Changes a thing when its time has come, unless it is going by then."""

    def change() -> None:
        if thing["status"] != "DELETING":
            thing.update(changes)

    TIMELINE.after(seconds, change)


def update(
    call: Call, thing: Any, kind: str, seconds: float, apply: Any, status: str = "UPDATING", scope: str = ""
) -> Answer:
    """Notes an update, and makes it when its time has come, or gives it up."""
    failure = ending("update", scope or cluster_of(call)["name"])
    if failure and failure[0] == "PodEvictionFailure" and call.params.get("force"):
        failure = None
    entry = {
        "id": str(uuid.uuid4()),
        "status": "InProgress",
        "type": kind,
        "params": [],
        "createdAt": now(),
        "errors": [],
    }
    STORE.of(call, "eks.updates")[entry["id"]] = (cluster_of(call)["name"], scope, entry)
    thing["status"] = status

    def done() -> None:
        if failure:
            entry["errors"] = [{"errorCode": failure[0], "errorMessage": failure[1], "resourceIds": []}]
            thing["status"] = "ACTIVE"
        elif thing["status"] == status:
            apply()
            thing["status"] = "ACTIVE"
        entry["status"] = "Failed" if failure else "Successful"

    TIMELINE.after(seconds, done)
    return result(call, {"update": dict(entry)})


def idle(thing: Any, what: str) -> None:
    """One update at a time."""
    if thing["status"] != "ACTIVE":
        raise taken(f"{what} is not available for an update: one is in progress (status {thing['status']})")


@before("eks:CreateCluster")
def create_cluster(call: Call) -> Answer:
    """The cluster, its OIDC issuer and its security group."""
    params, ec2 = call.params, backend(call, "ec2")
    name, network = params["name"], params["resourcesVpcConfig"]
    if name in clusters(call):
        raise taken(f"Cluster already exists with name: {name}")
    if params.get("version") not in (None, *VERSIONS):
        raise invalid("unsupported Kubernetes version")
    assumable(call, params["roleArn"], "eks.amazonaws.com")
    subnets = subnets_of(ec2, network.get("subnetIds") or [])
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    zones_are_served(call, name, subnets)
    groups_exist(ec2, network)
    vpc = subnets[0].vpc_id
    tags = {"kubernetes.io/cluster/" + name: "owned", "aws:eks:cluster-name": name}
    group = ec2.create_security_group(
        f"eks-cluster-sg-{name}-{secrets.randbelow(10**9)}", "EKS created security group", vpc, force=True
    )
    group.add_tags(tags)
    access = params.get("accessConfig") or {}
    issuer = f"https://oidc.eks.{call.region}.amazonaws.com/id/{secrets.token_hex(16).upper()}"
    cluster = {
        "name": name,
        "arn": arn(call, f"cluster/{name}"),
        "createdAt": now(),
        "version": params.get("version") or DEFAULT_VERSION,
        "roleArn": params["roleArn"],
        "resourcesVpcConfig": {
            "subnetIds": network.get("subnetIds") or [],
            "securityGroupIds": network.get("securityGroupIds") or [],
            "clusterSecurityGroupId": group.id,
            "vpcId": vpc,
            "endpointPublicAccess": network.get("endpointPublicAccess", True),
            "endpointPrivateAccess": network.get("endpointPrivateAccess", False),
            "publicAccessCidrs": network.get("publicAccessCidrs") or ["0.0.0.0/0"],
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": "172.20.0.0/16",
            "ipFamily": "ipv4",
            **(params.get("kubernetesNetworkConfig") or {}),
        },
        "logging": logging((params.get("logging") or {}).get("clusterLogging") or [], set()),
        "status": "CREATING",
        "platformVersion": "eks.1",
        "tags": params.get("tags") or {},
        "encryptionConfig": params.get("encryptionConfig") or [],
        "accessConfig": {
            "bootstrapClusterCreatorAdminPermissions": access.get("bootstrapClusterCreatorAdminPermissions", True),
            "authenticationMode": access.get("authenticationMode") or "CONFIG_MAP",
        },
        "upgradePolicy": {"supportType": "EXTENDED", **(params.get("upgradePolicy") or {})},
        "deletionProtection": bool(params.get("deletionProtection")),
        "health": {"issues": []},
    }
    auto_mode(call, params, cluster)
    clusters(call)[name] = cluster
    later(
        CLUSTER,
        cluster,
        status="ACTIVE",
        endpoint=KUBERNETES.begin(),
        certificateAuthority={"data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"},
        identity={"oidc": {"issuer": issuer}},
    )
    return result(call, {"cluster": dict(cluster)})


AUTO = ("computeConfig", "kubernetesNetworkConfig", "storageConfig")
AUTO_POOLS = ("general-purpose", "system")


def auto_parts(params: Any) -> dict[str, bool]:
    """What a request says of each part of EKS Auto Mode."""
    network, storage = params.get("kubernetesNetworkConfig") or {}, params.get("storageConfig") or {}
    said = {
        "computeConfig": (params.get("computeConfig") or {}).get("enabled"),
        "kubernetesNetworkConfig": (network.get("elasticLoadBalancing") or {}).get("enabled"),
        "storageConfig": (storage.get("blockStorage") or {}).get("enabled"),
    }
    return {part: bool(enabled) for part, enabled in said.items() if enabled is not None}


def auto_mode(call: Call, params: Any, cluster: Any) -> None:
    """Compute, storage and load balancing are enabled together or not at all; writes them into the cluster."""
    said = auto_parts(params)
    if not said:
        return
    if len(said) < len(AUTO) or len(set(said.values())) > 1:
        raise invalid(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, "
            "kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled."
        )
    compute, enabled = params["computeConfig"], said["computeConfig"]
    pools, role = compute.get("nodePools") or [], compute.get("nodeRoleArn")
    before = cluster.get("computeConfig") or {}
    if enabled and params.get("bootstrapSelfManagedAddons", "roleArn" in params):
        raise invalid("When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false.")
    if enabled and cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise invalid("EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP.")
    if pools and not role:
        raise invalid("When Compute Config nodeRoleArn is null or empty, nodePool list cannot be populated.")
    if role and enabled and not pools:
        raise invalid("When Compute Config nodeRoleArn is not null or empty, nodePool list cannot be empty.")
    if unknown := [pool for pool in pools if pool not in AUTO_POOLS]:
        raise invalid(f"Unsupported node pool: {unknown[0]}")
    if enabled and before.get("enabled") and before.get("nodeRoleArn") not in (None, role):
        raise invalid("The nodeRoleArn of EKS Auto Mode cannot be changed after compute is enabled.")
    if role and enabled:
        assumable(call, role, "ec2.amazonaws.com")
    cluster["computeConfig"] = {"enabled": enabled, "nodePools": pools if enabled else []}
    if role and enabled:
        cluster["computeConfig"]["nodeRoleArn"] = role
    cluster["storageConfig"] = {"blockStorage": {"enabled": enabled}}
    network = dict(cluster["kubernetesNetworkConfig"])
    cluster["kubernetesNetworkConfig"] = {**network, "elasticLoadBalancing": {"enabled": enabled}}


def subnets_of(ec2: Any, wanted: Any) -> list[Any]:
    """The subnets of these ids."""
    known = ec2.subnets_by_id()
    for subnet in wanted:
        if subnet not in known:
            raise invalid(f"The subnet ID '{subnet}' does not exist")
    return [known[subnet] for subnet in wanted]


# The zones without a control plane, by the ids that they have in all accounts.
UNSERVED = ("use1-az3", "usw1-az2", "cac1-az3")


def zones_are_served(call: Call, name: str, subnets: Any) -> None:
    """A cluster cannot be in every zone."""
    zone = next((one.availability_zone for one in subnets if one.availability_zone_id in UNSERVED), None)
    if zone is None:
        return
    zones = backend(call, "ec2").zones.get(call.region, [])
    others = ", ".join(one.name for one in zones if one.zone_id not in UNSERVED)
    text = (
        f"Cannot create cluster '{name}' because {zone}, the targeted availability zone, does not currently have "
        f"sufficient capacity to support the cluster. Retry and choose from these availability zones: {others}"
    )
    raise Refused("UnsupportedAvailabilityZoneException", text)


def groups_exist(ec2: Any, network: Any) -> None:
    """The security groups are there."""
    for group in network.get("securityGroupIds") or []:
        if ec2.get_security_group_from_id(group) is None:
            raise invalid(f"The security group '{group}' does not exist")


def logging(setups: Any, enabled: Any) -> dict[str, Any]:
    """Logging with some setups applied."""
    enabled = set(enabled)
    for setup in setups:
        change = enabled.update if setup.get("enabled") else enabled.difference_update
        change(setup.get("types") or [])
    off = [kind for kind in LOGS if kind not in enabled]
    both = [{"types": [kind for kind in LOGS if kind in enabled], "enabled": True}, {"types": off, "enabled": False}]
    return {"clusterLogging": [setup for setup in both if setup["types"]]}


@before("eks:DescribeCluster")
def describe_cluster(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"cluster": dict(cluster_of(call))})


@before("eks:ListClusters")
def list_clusters(call: Call) -> Answer:
    """All names."""
    return result(call, {"clusters": sorted(clusters(call))})


@before("eks:UpdateClusterConfig")
def update_cluster_config(call: Call) -> Answer:
    """One kind of change at a time."""
    cluster, params = cluster_of(call), call.params
    idle(cluster, "The cluster")
    kinds = [key for key in params if key not in ("name", "clientRequestToken")]
    if kinds and set(kinds) <= set(AUTO):
        return update_auto_mode(call, cluster)
    if len(kinds) != 1:
        raise invalid("The type for cluster update was not provided, or there was more than one.")
    kind, value = kinds[0], params[kinds[0]]
    new, update_type = dict(cluster), "EndpointAccessUpdate"
    if kind == "resourcesVpcConfig":
        if (
            len({"subnetIds", "securityGroupIds"} & set(value))
            + bool({"endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"} & set(value))
            != 1
        ):
            raise invalid("Only one kind of VPC configuration can be updated at a time.")
        subnets_of(backend(call, "ec2"), value.get("subnetIds") or [])
        groups_exist(backend(call, "ec2"), value)
        new[kind] = {**cluster[kind], **value}
        update_type = "EndpointAccessUpdate" if "endpointPublicAccess" in value else "VpcConfigUpdate"
    elif kind == "logging":
        present = {one for setup in cluster["logging"]["clusterLogging"] if setup["enabled"] for one in setup["types"]}
        new[kind], update_type = logging(value.get("clusterLogging") or [], present), "LoggingUpdate"
    elif kind == "accessConfig":
        modes = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
        wanted, mode = value["authenticationMode"], cluster[kind]["authenticationMode"]
        if modes.index(wanted) < modes.index(mode):
            raise invalid(f"Unsupported authentication mode update from {mode} to {wanted}")
        new[kind], update_type = {**cluster[kind], "authenticationMode": wanted}, "AccessConfigUpdate"
    elif kind == "upgradePolicy":
        new[kind], update_type = value, "UpgradePolicyUpdate"
    else:
        new[kind], update_type = value, "DeletionProtectionUpdate"
    if new[kind] == cluster[kind]:
        raise invalid(f"No changes needed for the {kind} config provided")
    return update(call, cluster, update_type, CLUSTER_UPDATE, lambda: cluster.update({kind: new[kind]}))


def update_auto_mode(call: Call, cluster: Any) -> Answer:
    """The three parts of EKS Auto Mode in one update."""
    new = dict(cluster)
    auto_mode(call, call.params, new)
    changed = {key: new[key] for key in AUTO if new.get(key) != cluster.get(key)}
    if not changed:
        raise invalid("No changes needed for the EKS Auto Mode config provided")
    return update(call, cluster, "AutoModeUpdate", CLUSTER_UPDATE, lambda: cluster.update(changed))


@before("eks:UpdateClusterVersion")
def update_cluster_version(call: Call) -> Answer:
    """One minor at a time."""
    cluster, version = cluster_of(call), call.params["version"]
    idle(cluster, "The cluster")
    order = list(VERSIONS)
    if version in order and order.index(version) == order.index(cluster["version"]) - 1:
        return roll_back(call, cluster, version)
    if version not in order or order.index(version) != order.index(cluster["version"]) + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {cluster['version']} to {version}")

    def done() -> None:
        cluster.update(version=version)
        STORE.of(call, "eks.upgraded")[cluster["name"]] = TIMELINE.now()

    return update(call, cluster, "VersionUpdate", CLUSTER_UPGRADE, done)


def roll_back(call: Call, cluster: Any, version: Any) -> Answer:
    """Back to the version before, within seven days of an upgrade, and not below the nodes and add-ons."""
    name = cluster["name"]
    upgraded = STORE.of(call, "eks.upgraded").get(name)
    window = ROLLBACK_WINDOW * TIMELINE.scale
    if upgraded is None or 0 < window < TIMELINE.now() - upgraded:
        raise invalid(f"Cluster {name} cannot be rolled back to {version}: it was not upgraded within the last 7 days")
    newer = [key for key, group in of_cluster(call, "nodegroups").items() if group["version"] > version]
    addons = of_cluster(call, "addons").items()
    unfit = [key for key, addon in addons if not addon_fits(addon["addonVersion"], version)]
    failed = [f"Kubelet version skew (node groups {', '.join(newer)})"] if newer else []
    failed += [f"add-on version compatibility ({', '.join(unfit)})"] if unfit else []
    if failed and not call.params.get("force"):
        raise Refused("InvalidRequestException", f"Rollback readiness checks failed: {'; '.join(failed)}")

    def done() -> None:
        cluster.update(version=version)
        STORE.of(call, "eks.upgraded").pop(name, None)

    return update(call, cluster, "VersionRollback", CLUSTER_UPGRADE, done)


@before("eks:AssociateEncryptionConfig")
def associate_encryption(call: Call) -> Answer:
    """Once, and for good."""
    cluster = cluster_of(call)
    idle(cluster, "The cluster")
    if cluster["encryptionConfig"]:
        raise invalid("Encryption is already enabled for the cluster")
    config = call.params["encryptionConfig"]
    return update(
        call, cluster, "AssociateEncryptionConfig", CLUSTER_UPDATE, lambda: cluster.update(encryptionConfig=config)
    )


@before("eks:DeleteCluster")
def delete_cluster(call: Call) -> Answer:
    """Nodes and profiles first; the rest goes with it."""
    cluster = cluster_of(call)
    name = cluster["name"]
    if of_cluster(call, "nodegroups"):
        raise taken("Cluster has nodegroups attached")
    if of_cluster(call, "fargate"):
        raise taken("Cluster has Fargate profiles attached")
    if cluster["deletionProtection"]:
        raise Refused("InvalidRequestException", "Deletion protection is enabled for the cluster")
    if cluster["status"] in ("CREATING", "UPDATING"):
        raise taken(f"Cluster has an update in progress (status {cluster['status']})")
    cluster["status"] = "DELETING"
    ec2 = backend(call, "ec2")

    def gone() -> None:
        clusters(call).pop(name, None)
        STORE.of(call, "eks.upgraded").pop(name, None)
        KUBERNETES.end(cluster.get("endpoint"))
        for kind in ("addons", "access", "pods"):
            things = STORE.of(call, f"eks.{kind}")
            for key in [key for key in things if key[0] == name]:
                del things[key]
        network = cluster["resourcesVpcConfig"]
        own = network["clusterSecurityGroupId"]
        # An interface that is left keeps the group, and nobody deletes it any more.
        if not any(group.id == own for interface in ec2.enis.values() for group in interface.group_set):
            ec2.groups.get(network["vpcId"], {}).pop(own, None)

    TIMELINE.after(CLUSTER_DELETE, gone)
    return result(call, {"cluster": dict(cluster)})


@before("eks:DescribeClusterVersions")
def cluster_versions(call: Call) -> Answer:
    """The versions that EKS has."""
    wanted = call.params.get("clusterVersions") or VERSIONS
    versions = [
        {
            "clusterVersion": version,
            "clusterType": "eks",
            "defaultVersion": version == DEFAULT_VERSION,
            "status": "standard-support" if version >= "1.34" else "extended-support",
            "versionStatus": "STANDARD_SUPPORT" if version >= "1.34" else "EXTENDED_SUPPORT",
        }
        for version in reversed(VERSIONS)
        if version in wanted
    ]
    return result(call, {"clusterVersions": versions})


def against() -> Any:
    """What speaks against upgrades: by the cluster's name, the texts."""
    return STORE.everywhere("eks.against")


def insights_of(cluster: Any) -> list[Any]:
    """What EKS knows of upgrades of a cluster: two checks for each later version, and what was made to fail."""
    later = [version for version in VERSIONS if version > cluster["version"]]

    def insight(name: str, version: str, status: str, reason: str, **more: Any) -> Any:
        known = uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster['arn']}/{name}/{version}")
        return {
            "id": str(known),
            "name": name,
            "category": "UPGRADE_READINESS",
            "kubernetesVersion": version,
            "lastRefreshTime": cluster.get("insightsRefreshed", cluster["createdAt"]),
            "lastTransitionTime": cluster["createdAt"],
            "description": f"Checks whether the cluster is ready for Kubernetes {version}.",
            "insightStatus": {"status": status, "reason": reason},
            **more,
        }

    known = []
    for version in later:
        for name in ("Kubelet version skew", "EKS add-on version compatibility"):
            known.append(insight(name, version, "PASSING", "Nothing was found."))
        for text in against().get(cluster["name"], []):
            more = {"recommendation": "Update the clients before you upgrade.", "resources": []}
            name = f"Deprecated APIs removed in Kubernetes v{version}"
            known.append(insight(name, version, "ERROR", text, **more))
    return known


@before("eks:ListInsights")
def insights(call: Call) -> Answer:
    """What is known, without the details."""
    wanted = call.params.get("filter") or {}
    fields = (("categories", "category"), ("kubernetesVersions", "kubernetesVersion"))

    def fits(one: Any) -> bool:
        kept = all(not wanted.get(many) or one[field] in wanted[many] for many, field in fields)
        return kept and (not wanted.get("statuses") or one["insightStatus"]["status"] in wanted["statuses"])

    details = ("recommendation", "resources", "additionalInfo", "categorySpecificSummary")
    found = [one for one in insights_of(cluster_of(call)) if fits(one)]
    return result(call, {"insights": [{key: one[key] for key in one if key not in details} for one in found]})


@before("eks:DescribeInsight")
def describe_insight(call: Call) -> Answer:
    """One of them, with its details."""
    for one in insights_of(cluster_of(call)):
        if one["id"] == call.params["id"]:
            return result(call, {"insight": one})
    raise missing("No insight found for id: " + call.params["id"] + ".")


@before("eks:StartInsightsRefresh")
def start_refresh(call: Call) -> Answer:
    """EKS looks again; this takes a moment."""
    cluster = cluster_of(call)
    if cluster.get("refresh") == "IN_PROGRESS":
        raise Refused("InvalidRequestException", "An insights refresh is already in progress for this cluster.", 400)
    cluster.update(refresh="IN_PROGRESS", refreshBegun=now())

    def done() -> None:
        cluster.update(refresh="COMPLETED", insightsRefreshed=now())

    TIMELINE.after(INSIGHTS, done)
    return result(call, {"message": "Insights refresh has started.", "status": "IN_PROGRESS"})


@before("eks:DescribeInsightsRefresh")
def describe_refresh(call: Call) -> Answer:
    """How far it is."""
    cluster = cluster_of(call)
    if "refresh" not in cluster:
        raise missing("No insights refresh found for cluster: " + cluster["name"] + ".")
    answer = {"status": cluster["refresh"], "startedAt": cluster["refreshBegun"], "message": "Insights refresh."}
    if cluster["refresh"] == "COMPLETED":
        answer["endedAt"] = cluster["insightsRefreshed"]
    return result(call, answer)


@before("eks:DescribeUpdate")
def describe_update(call: Call) -> Answer:
    """An update, by its id."""
    cluster_of(call)
    found = STORE.of(call, "eks.updates").get(call.params["updateId"])
    if found is None:
        raise missing("No update found for ID: " + call.params["updateId"])
    return result(call, {"update": dict(found[2])})


@before("eks:ListUpdates")
def list_updates(call: Call) -> Answer:
    """The ids of all updates of a thing."""
    name = cluster_of(call)["name"]
    scope = call.params.get("nodegroupName") or call.params.get("addonName") or ""
    ids = [key for key, (cluster, of, _) in STORE.of(call, "eks.updates").items() if (cluster, of) == (name, scope)]
    return result(call, {"updateIds": ids})


def tagged(call: Call) -> Any:
    """The tags of what an ARN names."""
    wanted = call.params["resourceArn"]
    for kind in ("nodegroups", "addons", "access", "pods", "fargate"):
        for thing in STORE.of(call, f"eks.{kind}").values():
            if wanted in (
                thing.get("nodegroupArn"),
                thing.get("addonArn"),
                thing.get("accessEntryArn"),
                thing.get("associationArn"),
                thing.get("fargateProfileArn"),
            ):
                return thing["tags"]
    for cluster in clusters(call).values():
        if cluster["arn"] == wanted:
            return cluster["tags"]
    raise Refused("NotFoundException", f"Resource was not found: {wanted}", 404)


@before("eks:TagResource")
def tag(call: Call) -> Answer:
    """Sets tags."""
    tagged(call).update(call.params["tags"])
    return result(call, {})


@before("eks:UntagResource")
def untag(call: Call) -> Answer:
    """Removes tags."""
    tags = tagged(call)
    for key in call.params["tagKeys"]:
        tags.pop(key, None)
    return result(call, {})


@before("eks:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """All tags."""
    return result(call, {"tags": dict(tagged(call))})


@before("ec2:DeleteSubnet")
def subnet_is_free(call: Call) -> None:
    """Clusters and nodes have network interfaces in subnets."""
    subnet = call.params.get("SubnetId")
    used = [cluster["resourcesVpcConfig"]["subnetIds"] for cluster in clusters(call).values()]
    used += [group["subnets"] for kind in ("nodegroups", "fargate") for group in STORE.of(call, f"eks.{kind}").values()]
    if any(subnet in ids for ids in used):
        raise in_use("subnet", subnet)


@before("ec2:DeleteSecurityGroup")
def group_is_free(call: Call) -> None:
    """A cluster's network interfaces carry its groups."""
    group = call.params.get("GroupId")
    for cluster in clusters(call).values():
        network = cluster["resourcesVpcConfig"]
        if group in (network["clusterSecurityGroupId"], *network["securityGroupIds"]):
            raise Refused("DependencyViolation", f"resource {group} has a dependent object")
