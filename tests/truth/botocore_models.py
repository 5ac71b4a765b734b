"""AWS's own models of its services, as the package botocore has them: operations, values and waiters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import source
from deviations import Finding
from kinds import Field, Kind
from packages import folder, plain, read

# The names of the services, where they are others than the first part of a kind's name or the client in `Cloud`.
SERVICES = {"applicationautoscaling": "application-autoscaling", "autoscaling": "application-autoscaling"}
SERVICES |= {"asg": "autoscaling"}
# The types of the states of the kinds' objects; `Shape.Member` where the states stand in its documentation alone.
STATES = {
    "acm.Certificate": "CertificateStatus",
    "backup.Vault": "VaultState",
    "codebuild.Webhook": "WebhookStatus",
    "codeconnections.Connection": "ConnectionStatus",
    "ec2.FlowLog": "FlowLog.DeliverLogsStatus",
    "ec2.InternetGateway": "AttachmentStatus",
    "ec2.NatGateway": "NatGatewayState",
    "ec2.Route": "RouteState",
    "ec2.RouteTableAssociation": "RouteTableAssociationStateCode",
    "ec2.Subnet": "SubnetState",
    "ec2.Vpc": "VpcState",
    "ec2.VpcEndpoint": "State",
    "eks.Addon": "AddonStatus",
    "eks.Cluster": "ClusterStatus",
    "eks.FargateProfile": "FargateProfileStatus",
    "eks.NodeGroup": "NodegroupStatus",
    "elbv2.LoadBalancer": "LoadBalancerStateEnum",
    "iam.ServiceSpecificCredential": "statusType",
    "kms.Key": "KeyState",
    "rds.DbCluster": "MasterUserSecret.SecretStatus",
    "rds.DbClusterSnapshot": "DBClusterSnapshot.Status",
    "rds.DbInstance": "DBParameterGroupStatus.ParameterApplyStatus",
}
Shape = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Service:
    """The model of a service."""

    name: str
    model: dict[str, Any]
    waiters: dict[str, Any]

    @cached_property
    def operations(self) -> dict[str, str]:
        """The operations, by their names without spelling."""
        return {plain(name): name for name in self.model["operations"]}

    def input(self, operation: str) -> str | None:
        """The shape of what an operation takes. None where there is no such operation, or it takes nothing."""
        found = self.model["operations"].get(operation, {}).get("input", {})
        shape: str | None = found.get("shape")
        return shape

    def shape(self, name: str) -> Shape:
        shape: Shape = self.model["shapes"][name]
        return shape

    def members(self, name: str) -> Iterator[tuple[str, str]]:
        """The members of a structure and the names of their shapes; of a list, the members of its items."""
        shape = self.shape(name)
        if shape["type"] == "list":
            yield from self.members(shape["member"]["shape"])
        elif shape["type"] == "map":
            yield from self.members(shape["value"]["shape"])
        for member, inner in shape.get("members", {}).items():
            yield member, inner["shape"]

    def at(self, name: str, path: list[str]) -> set[str]:
        """The shapes at a path of members, in whatever spelling."""
        if not path:
            return {name}
        inner = [inner for member, inner in self.members(name) if plain(member) == plain(path[0])]
        return {shape for name in inner for shape in self.at(name, path[1:])}

    def within(self, name: str, path: list[str]) -> set[str]:
        """The shapes at a path of members that starts in a member of the shape."""
        return {shape for _, inner in self.members(name) for shape in self.at(inner, path)}

    def documented(self, name: str, member: str) -> set[str]:
        """The values that the documentation of a member names: `(SUCCESS | FAILED)` or `<code>active</code>`."""
        text = self.shape(name)["members"][member]["documentation"]
        alternatives = re.search(r"\((\w+(?: \| \w+)+)\)", text)
        return set(alternatives[1].split(" | ") if alternatives else re.findall(r"<code>([\w-]+)</code>", text))

    def values(self, name: str) -> set[str]:
        """The values of a shape, or of the items of a list."""
        shape = self.shape(name)
        return self.values(shape["member"]["shape"]) if shape["type"] == "list" else set(shape.get("enum", []))


@cache
def service(name: str) -> Service | None:
    """The newest model of a service. None where there is no such service."""
    name = SERVICES.get(name, name)
    versions = sorted((folder("botocore") / "data" / name).glob("*/service-2.json.gz"))
    if not versions:
        return None
    waiters = versions[-1].with_name("waiters-2.json")
    return Service(name, read(versions[-1]), read(waiters)["waiters"] if waiters.exists() else {})


def own(kind: Kind) -> Service | None:
    """The service of a kind."""
    return service(kind.name.split(".")[0])


def enumerated(kind: Kind) -> list[tuple[Field, set[str]]]:
    """The fields whose values AWS lists for the operations that create or update the object, and these values."""
    model = own(kind)
    if model is None:
        return []
    actions = kind.permissions["create"] + kind.permissions["update"]
    inputs = {shape for action in actions if (shape := model.input(action.split(":")[1]))}
    found = []
    for field in kind.fields:
        path = field.path.split(".")
        # What is a field of the spec with us is often inside of a structure with AWS.
        shapes = {shape for name in inputs for shape in model.at(name, path)}
        shapes = shapes or {shape for name in inputs for shape in model.within(name, path)}
        if listed := set().union(*(model.values(name) for name in shapes)):
            found.append((field, listed))
    return found


def values(kind: Kind) -> Iterator[Finding]:
    """Values that we name and AWS does not know."""
    for field, listed in enumerated(kind):
        if field.schema.get("type") != "boolean":
            for value in field.documented() - listed - kind.names():
                yield Finding("model-value", kind.name, f"{field.path} {value}", str(sorted(listed)))


@cache
def called(kind: Kind) -> dict[str, set[str]]:
    """The operations that the source of a kind calls, by service."""
    methods, of_clients = source.calls(kind)
    found: dict[str, set[str]] = {}
    if model := own(kind):
        found[model.name] = {model.operations[name] for name in methods & model.operations.keys()}
    for client, name in of_clients:
        if (model := service(client)) and name in model.operations:
            found.setdefault(model.name, set()).add(model.operations[name])
    return found


def is_passing(state: str) -> bool:
    """Whether a state ends by itself. What waits for a reboot does not."""
    return bool(re.search(r"ing$|in[-_]progress$|^pending(?!-reboot)|^resetting", state, re.I))


@cache
def final_states(kind: Kind) -> dict[str, set[str]]:
    """The states of the kind's objects that do not end by themselves: those with which waiters end that read the
    objects as the kind does, and those of the type of its status. With the name of who says so.
    """
    found: dict[str, set[str]] = {}
    model = own(kind)
    if model is None:
        return found
    for name, waiter in model.waiters.items():
        if waiter["operation"] in called(kind)[model.name]:
            ends = [end for end in waiter["acceptors"] if end["state"] != "retry" and end["matcher"].startswith("path")]
            states = {end["expected"] for end in ends if isinstance(end["expected"], str)}
            # Whoever waits for a deletion is told by all other states that it did not begin.
            found[name] = {state for state in states if not (name.endswith("Deleted") and is_passing(state))}
    if type := STATES.get(kind.name):
        shape, _, member = type.partition(".")
        states = model.documented(shape, member) if member else model.values(shape)
        found[type] = {state for state in states if not is_passing(state)}
    return {name: states for name, states in found.items() if states}


def unknown_states(kind: Kind) -> Iterator[Finding]:
    """States that do not end by themselves and that the source of a kind does not name."""
    for name, states in final_states(kind).items():
        for state in states:
            if plain(state) not in source.words(kind):
                yield Finding("state", kind.name, state, name)


def without_states(kind: Kind) -> Iterator[Finding]:
    """Kinds that wait for their objects though AWS's models tell nothing of their states."""
    if not final_states(kind) and re.search(r"Phase::(Settling|Failed)", source.source(kind)):
        yield Finding("states", kind.name, "its objects are waited for", "neither a waiter nor a type of states")
