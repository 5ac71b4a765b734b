"""What programs in a cluster make in AWS, and what they do as long as they live. Only where a control request asks for
it: a cluster without users has nothing of this."""

from __future__ import annotations

import secrets
from typing import Any

from moto.backends import get_backend

from .kubernetes import KUBERNETES
from .store import STORE

FINALIZER = {"Ingress": "ingress.k8s.aws/resources", "NodePool": "karpenter.sh/termination"}
POOLS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "nodepools.karpenter.sh"},
    "spec": {
        "group": "karpenter.sh",
        "scope": "Cluster",
        "names": {"kind": "NodePool", "plural": "nodepools"},
        "versions": [{"name": "v1", "served": True}],
    },
    "status": {"conditions": [{"type": "Established", "status": "True"}]},
}
INGRESS = ("networking.k8s.io/v1", "ingresses", "web", "web")
CLAIM = ("v1", "persistentvolumeclaims", "web", "data-web-0")
POOL = ("karpenter.sh/v1", "nodepools", None, "general")


def running() -> dict[str, Any]:
    """The clusters with programs, by name."""
    return STORE.everywhere("controllers")


def _clusters() -> Any:
    for (account, region, kind), things in list(STORE._things.items()):
        if kind == "eks.clusters":
            for cluster in things.values():
                yield account, region, cluster


def start(name: str, zone: str | None = None, denied: bool = False, retains: bool = False) -> dict[str, Any]:
    """Programs begin in the cluster of this name; answers the IDs of what they make. With a zone, ExternalDNS makes a
    record in it. `denied`: the API server lets nobody in. `retains`: the volume stays when its claim goes."""
    account, region, cluster = next(one for one in _clusters() if one[2]["name"] == name)
    programs = Programs(account, region, cluster, retains)
    programs.make(zone)
    running()[name] = programs
    server = KUBERNETES.server(cluster["endpoint"])
    server.deleted, server.denied = programs.deleted, denied
    for key, kind in ((INGRESS, "Ingress"), (CLAIM, "PersistentVolumeClaim"), (POOL, "NodePool")):
        metadata = {"name": key[3], "finalizers": [FINALIZER[kind]] if kind in FINALIZER else []}
        if key[2]:
            metadata["namespace"] = key[2]
        server.objects[key] = {"apiVersion": key[0], "kind": kind, "metadata": metadata}
    server.objects[("v1", "persistentvolumes", None, "pvc-1")] = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pvc-1"},
        "spec": {
            "persistentVolumeReclaimPolicy": "Retain" if retains else "Delete",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": programs.made["volume"]},
        },
    }
    definition = ("apiextensions.k8s.io/v1", "customresourcedefinitions", None, "nodepools.karpenter.sh")
    server.objects[definition] = POOLS
    server.objects[("v1", "nodes", None, "node")] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    return dict(programs.made)


class Programs:
    """The programs of one cluster."""

    def __init__(self, account: str, region: str, cluster: dict[str, Any], retains: bool = False) -> None:
        self.region, self.cluster, self.name = region, cluster, cluster["name"]
        self.made: dict[str, str] = {}
        self._account, self._retains = account, retains
        self._late = 1

    def _of(self, service: str) -> Any:
        accounts = get_backend(service)[self._account]
        return accounts[self.region if self.region in accounts else "aws"]

    def alive(self) -> bool:
        """They run on the nodes of node groups."""
        groups = [things for kind, things in STORE.kinds() if kind == "eks.nodegroups"]
        return any(
            key[0] == self.name and group["status"] != "DELETING"
            for things in groups
            for key, group in things.items()
        )

    def make(self, zone: str | None) -> None:
        """All that they make."""
        network, ec2 = self.cluster["resourcesVpcConfig"], self._of("ec2")
        subnets = [ec2.get_subnet(name) for name in network["subnetIds"]]
        self._balancer(ec2, network, subnets)
        self._storage(ec2, subnets[0], network)
        self.launch()
        template = ec2.create_launch_template(f"karpenter-{secrets.token_hex(4)}", "", {}, {})
        template.add_tags({"karpenter.k8s.aws/cluster": self.name, "karpenter.sh/nodepool": "general"})
        self.made["template"] = template.id
        if zone:
            self._records(zone)
        self.write_logs()

    def _balancer(self, ec2: Any, network: dict[str, Any], subnets: list[Any]) -> None:
        tags = {"elbv2.k8s.aws/cluster": self.name}
        backend = ec2.create_security_group(f"k8s-traffic-{secrets.token_hex(5)}", "[k8s] backend", network["vpcId"])
        managed = ec2.create_security_group(f"k8s-web-web-{secrets.token_hex(5)}", "[k8s] managed", network["vpcId"])
        backend.add_tags({**tags, "elbv2.k8s.aws/resource": "backend-sg"})
        managed.add_tags({**tags, "ingress.k8s.aws/resource": "ManagedLBSecurityGroup"})
        for group, source in (
            (network["clusterSecurityGroupId"], backend.id),
            (backend.id, managed.id),
            (managed.id, backend.id),
        ):
            ec2.authorize_security_group_ingress(
                group, "tcp", "80", "80", [], source_groups=[{"GroupId": source}], vpc_id=network["vpcId"]
            )
        number, elb = secrets.token_hex(5), self._of("elbv2")
        balancer = elb.create_load_balancer(
            f"k8s-web-web-{number}",
            [managed.id, backend.id],
            [subnet.id for subnet in subnets],
            scheme="internal",
            loadbalancer_type="application",
            tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        target = elb.create_target_group(
            f"k8s-web-web-{number}",
            vpc_id=network["vpcId"],
            protocol="HTTP",
            port="80",
            target_type="ip",
            tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        self.made |= {"backend": backend.id, "managed": managed.id, "balancer": balancer.arn, "target": target.arn}

    def _storage(self, ec2: Any, subnet: Any, network: dict[str, Any]) -> None:
        volume = ec2.create_volume(20, subnet.availability_zone)
        volume.add_tags(
            {
                f"kubernetes.io/cluster/{self.name}": "owned",
                "ebs.csi.aws.com/cluster": "true",
                "kubernetes.io/created-for/pvc/namespace": "web",
                "kubernetes.io/created-for/pvc/name": "data-web-0",
            }
        )
        interface = ec2.create_network_interface(
            subnet,
            [],
            group_ids=[network["clusterSecurityGroupId"]],
            description="aws-K8S-i-0123456789abcdef0",
            tags={"cluster.k8s.amazonaws.com/name": self.name, "eks:eni:owner": "amazon-vpc-cni"},
        )
        self.made |= {"volume": volume.id, "interface": interface.id}

    def launch(self) -> None:
        """An instance of Karpenter's."""
        ec2, network = self._of("ec2"), self.cluster["resourcesVpcConfig"]
        reservation = ec2.run_instances(
            "ami-12c6146b",
            1,
            None,
            [],
            security_group_ids=[network["clusterSecurityGroupId"]],
            subnet_id=network["subnetIds"][0],
            instance_type="m6i.large",
            is_instance_type_default=False,
            region_name=self.region,
            tags={
                "instance": {
                    f"kubernetes.io/cluster/{self.name}": "owned",
                    "karpenter.sh/nodepool": "general",
                    "eks:eks-cluster-name": self.name,
                }
            },
        )
        self.made["instance"] = reservation.instances[0].id

    def _records(self, zone: str) -> None:
        route53 = self._of("route53")
        name = route53.get_hosted_zone(zone).name.rstrip(".")
        text = f'"heritage=external-dns,external-dns/owner={self.name},external-dns/resource=ingress/web/web"'
        records = ((f"_external-dns.a-shop.{name}.", "TXT", text), (f"shop.{name}.", "A", "192.0.2.1"))
        route53.change_resource_record_sets(
            zone,
            [
                {
                    "Action": "CREATE",
                    "ResourceRecordSet": {
                        "Name": record,
                        "Type": kind,
                        "TTL": "300",
                        "ResourceRecords": [{"Value": value}],
                    },
                }
                for record, kind, value in records
            ],
        )

    def write_logs(self) -> None:
        """Whoever writes makes the log group."""
        logs, group = self._of("logs"), f"/aws/eks/{self.name}/cluster"
        if group not in logs.groups:
            logs.create_log_group(group, {})

    def log_group_deleted(self) -> None:
        """As long as the cluster is there its log group comes back, and once more after that: events are late."""
        here = any(cluster["name"] == self.name for _, _, cluster in _clusters())
        if here or self._late > 0:
            self._late -= 0 if here else 1
            self.write_logs()

    def deleted(self, key: tuple[Any, ...]) -> bool:
        """An object of the cluster is to go. Answers whether its controller has let it go."""
        if not self.alive():
            return False
        if key == INGRESS:
            self._unbalance()
        elif key == CLAIM and not self._retains:
            self._of("ec2").volumes.pop(self.made["volume"], None)
        elif key == POOL:
            ec2 = self._of("ec2")
            for instance, _ in ec2.terminate_instances([self.made["instance"]]):
                for interface in instance.nics.values():
                    ec2.enis.pop(interface.id, None)
            self._of("ec2").delete_launch_template(None, self.made["template"])
        return True

    def _unbalance(self) -> None:
        elb, ec2 = self._of("elbv2"), self._of("ec2")
        elb.delete_load_balancer(self.made["balancer"])
        elb.delete_target_group(self.made["target"])
        both = (self.made["backend"], self.made["managed"])
        for groups in list(ec2.groups.values()):
            for group in list(groups.values()):
                kept = [rule for rule in group.ingress_rules if rule.source_group.get("GroupId") not in both]
                group.ingress_rules[:] = kept
                if group.id in both:
                    groups.pop(group.id, None)
