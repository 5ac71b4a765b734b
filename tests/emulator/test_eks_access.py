"""EKS: add-ons, access entries, pod identity, and the API servers of clusters."""

import base64
import json
from datetime import datetime, timezone

import pytest
from platctl_emulator.guard import GUARD

from things import NOWHERE, eks_cluster, role

ABOUT = {"clusterName": "one"}


def addon(aws, name="coredns"):
    return aws.eks.describe_addon(**ABOUT, addonName=name)["addon"]


def test_an_addon(aws):
    eks_cluster(aws)
    aws.slow()
    aws.pass_by(1)
    with aws.refused("InvalidParameterException"):
        aws.eks.create_addon(**ABOUT, addonName="no-such-addon")
    with aws.refused("InvalidParameterException"):
        aws.eks.create_addon(**ABOUT, addonName="coredns", addonVersion="v0.0.1")
    aws.eks.create_addon(**ABOUT, addonName="coredns")
    with aws.refused("ResourceInUseException"):
        aws.eks.create_addon(**ABOUT, addonName="coredns")
    assert addon(aws)["status"] == "CREATING"
    with aws.refused("ResourceInUseException"):
        aws.eks.update_addon(**ABOUT, addonName="coredns", configurationValues="{}")
    aws.pass_by(61)
    assert addon(aws)["status"] == "ACTIVE"
    aws.eks.update_addon(**ABOUT, addonName="coredns", addonVersion="v1.12.3-eksbuild.1", configurationValues="{}")
    aws.pass_by(61)
    assert (addon(aws)["addonVersion"], addon(aws)["configurationValues"]) == ("v1.12.3-eksbuild.1", "{}")
    aws.eks.delete_addon(**ABOUT, addonName="coredns")
    assert aws.eks.list_addons(**ABOUT)["addons"] == ["coredns"]
    aws.pass_by(31)
    with aws.refused("ResourceNotFoundException"):
        addon(aws)


def test_the_versions_of_an_addon(aws):
    found = aws.eks.describe_addon_versions(addonName="kube-proxy", kubernetesVersion="1.34")["addons"]
    assert [one["addonName"] for one in found] == ["kube-proxy"]
    versions = {
        one["addonVersion"]: [fit["defaultVersion"] for fit in one["compatibilities"]]
        for one in found[0]["addonVersions"]
    }
    older = {f"v1.{minor}.0-eksbuild.2": [False] for minor in (33, 32, 31)}
    assert versions == {"v1.34.0-eksbuild.2": [True], **older}, "kube-proxy is not newer than the API server"
    eks_cluster(aws, version="1.34")
    with aws.refused("InvalidParameterException", "not supported"):
        aws.eks.create_addon(**ABOUT, addonName="kube-proxy", addonVersion="v1.35.0-eksbuild.2")
    assert aws.eks.create_addon(**ABOUT, addonName="kube-proxy")["addon"]["addonVersion"] == "v1.34.0-eksbuild.2"


def test_an_addon_has_associations_of_its_own(aws):
    eks_cluster(aws)
    own = [{"serviceAccount": "ebs", "roleArn": role(aws, "pods.eks.amazonaws.com")}]
    aws.eks.create_addon(**ABOUT, addonName="aws-ebs-csi-driver", podIdentityAssociations=own)
    pods = aws.eks.list_pod_identity_associations(**ABOUT)["associations"]
    assert [(one["namespace"], one["serviceAccount"]) for one in pods] == [("kube-system", "ebs")]
    assert addon(aws, "aws-ebs-csi-driver")["podIdentityAssociations"] == [pods[0]["associationArn"]]
    aws.eks.update_addon(**ABOUT, addonName="aws-ebs-csi-driver", podIdentityAssociations=[])
    assert aws.eks.list_pod_identity_associations(**ABOUT)["associations"] == []


def test_access_entries(aws):
    eks_cluster(aws)
    arn = role(aws, "ec2.amazonaws.com")
    with aws.refused("InvalidParameterException"):
        aws.eks.create_access_entry(**ABOUT, principalArn=NOWHERE)
    aws.eks.create_access_entry(**ABOUT, principalArn=arn)
    with aws.refused("ResourceInUseException"):
        aws.eks.create_access_entry(**ABOUT, principalArn=arn)
    aws.eks.update_access_entry(**ABOUT, principalArn=arn, kubernetesGroups=["viewers"])
    seen = aws.eks.describe_access_entry(**ABOUT, principalArn=arn)["accessEntry"]
    assert (seen["kubernetesGroups"], seen["type"]) == (["viewers"], "STANDARD")
    assert aws.eks.list_access_entries(**ABOUT)["accessEntries"] == [arn]
    aws.eks.delete_access_entry(**ABOUT, principalArn=arn)
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_access_entry(**ABOUT, principalArn=arn)


def test_access_entries_need_a_mode_that_has_them(aws):
    eks_cluster(aws, mode="CONFIG_MAP")
    with aws.refused("InvalidRequestException"):
        aws.eks.create_access_entry(**ABOUT, principalArn=role(aws, "ec2.amazonaws.com"))


def test_access_policies(aws):
    eks_cluster(aws)
    arn = role(aws, "ec2.amazonaws.com")
    about = {**ABOUT, "principalArn": arn}
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    with aws.refused("ResourceNotFoundException"):
        aws.eks.associate_access_policy(**about, policyArn=view, accessScope={"type": "cluster"})
    aws.eks.create_access_entry(**about)
    aws.eks.associate_access_policy(**about, policyArn=view, accessScope={"type": "cluster"})
    known = aws.eks.list_associated_access_policies(**about)["associatedAccessPolicies"]
    assert [(one["policyArn"], one["accessScope"]["type"]) for one in known] == [(view, "cluster")]
    aws.eks.disassociate_access_policy(**about, policyArn=view)
    with aws.refused("ResourceNotFoundException"):
        aws.eks.disassociate_access_policy(**about, policyArn=view)


def test_a_service_account_has_one_association(aws):
    eks_cluster(aws)
    about = {"namespace": "web", "serviceAccount": "app", "roleArn": role(aws, "pods.eks.amazonaws.com")}
    made = aws.eks.create_pod_identity_association(**ABOUT, **about)["association"]
    with aws.refused("ResourceInUseException"):
        aws.eks.create_pod_identity_association(**ABOUT, **about)
    aws.eks.create_pod_identity_association(**ABOUT, **{**about, "serviceAccount": "other"})
    of_one = aws.eks.list_pod_identity_associations(**ABOUT, namespace="web", serviceAccount="app")["associations"]
    assert [one["associationId"] for one in of_one] == [made["associationId"]]
    number = {**ABOUT, "associationId": made["associationId"]}
    aws.eks.update_pod_identity_association(**number, roleArn=NOWHERE)
    assert aws.eks.describe_pod_identity_association(**number)["association"]["roleArn"] == NOWHERE
    aws.eks.delete_pod_identity_association(**number)
    with aws.refused("ResourceNotFoundException"):
        aws.eks.describe_pod_identity_association(**number)


def test_the_age_of_an_association_says_whether_pods_know_of_it(aws):
    eks_cluster(aws)
    about = {"namespace": "web", "roleArn": role(aws, "pods.eks.amazonaws.com")}

    def age(account):
        made = aws.eks.create_pod_identity_association(**ABOUT, **about, serviceAccount=account)["association"]
        return (datetime.now(timezone.utc) - made["modifiedAt"]).total_seconds()

    assert age("quick") >= 10
    aws.slow()
    assert age("slow") < 10


def token_of(key):
    """What `aws eks get-token` makes of an access key."""
    url = f"https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Credential={key}%2F20260101%2Feu-west-1"
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


class Api:
    """The API server of a cluster."""

    def __init__(self, aws):
        eks_cluster(aws)
        self.aws = aws
        self.endpoint = (
            "http://127.0.0.1:9" + aws.eks.describe_cluster(name="one")["cluster"]["endpoint"].rpartition(":9")[2]
        )

    def call(self, method, path, body=None, token=None):
        """Status and answer."""
        headers = {"Authorization": f"Bearer {token or token_of(GUARD.key)}"}
        status, _, text, _ = self.aws.raw(method, self.endpoint + path, headers, json.dumps(body or {}).encode())
        return status, json.loads(text)

    def apply(self, path, body, manager="me"):
        """By the server."""
        return self.call("PATCH", f"{path}?fieldManager={manager}&force=true", body)


MAPS = "/api/v1/namespaces/web/configmaps"


def named(kind, name, **more):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more}


@pytest.fixture
def api(aws):
    return Api(aws)


def test_a_cluster_answers_with_a_token_alone(api):
    assert api.call("GET", "/api/v1/namespaces")[0] == 200
    for token in ("another", "k8s-aws-v1.x", "k8s-aws-v1.!", token_of("test"), token_of(GUARD.key[:-1])):
        assert api.call("GET", "/api/v1/namespaces", token=token)[0] == 401
    api.endpoint += "x"
    assert api.call("GET", "/api/v1/namespaces")[0] == 503


def test_the_token_of_a_build_is_good_for_what_its_role_may_do(api):
    arn = role(api.aws, "codebuild.amazonaws.com")
    key = GUARD.lend(arn)

    def status():
        return api.call("GET", "/api/v1/namespaces", token=token_of(key))[0]

    assert status() == 401
    about = {**ABOUT, "principalArn": arn}
    api.aws.eks.create_access_entry(**about)
    assert status() == 403
    admin = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    api.aws.eks.associate_access_policy(**about, policyArn=admin, accessScope={"type": "cluster"})
    assert status() == 200
    api.aws.eks.disassociate_access_policy(**about, policyArn=admin)
    assert status() == 403
    GUARD.take_back(key)
    assert status() == 401


def test_a_namespace_comes_first_and_takes_all_with_it(api):
    config = named("ConfigMap", "one", data={"a": "1"})
    assert api.apply(f"{MAPS}/one", config)[0] == 404
    api.apply("/api/v1/namespaces/web", named("Namespace", "web"))
    assert api.apply(f"{MAPS}/one", config)[0] == 200
    assert api.call("GET", f"{MAPS}/one")[1]["data"] == {"a": "1"}
    api.call("DELETE", "/api/v1/namespaces/web")
    assert [api.call("GET", path)[0] for path in (f"{MAPS}/one", "/api/v1/namespaces/web")] == [404, 404]


def test_what_a_manager_does_not_state_any_more_goes_and_nothing_else(api):
    api.apply("/api/v1/namespaces/web", named("Namespace", "web"))
    api.apply(f"{MAPS}/one", named("ConfigMap", "one", data={"a": "1", "b": "2"}))
    api.apply(f"{MAPS}/one", named("ConfigMap", "one", data={"c": "3"}), manager="other")
    _, changed = api.apply(f"{MAPS}/one", named("ConfigMap", "one", data={"a": "1"}))
    assert changed["data"] == {"a": "1", "c": "3"}
    _, same = api.apply(f"{MAPS}/one", named("ConfigMap", "one", data={"a": "1"}))
    assert same["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]


def test_an_atomic_map_is_replaced_as_a_whole(api):
    api.apply("/api/v1/namespaces/web", named("Namespace", "web"))
    path = "/api/v1/namespaces/web/services/one"
    api.apply(path, named("Service", "one", spec={"selector": {"app": "one", "hash": "x"}}), manager="other")
    _, changed = api.apply(path, named("Service", "one", spec={"selector": {"app": "one"}, "type": "ClusterIP"}))
    assert changed["spec"] == {"selector": {"app": "one"}, "type": "ClusterIP"}


def test_a_finalizer_holds(api):
    held = named("Namespace", "web")
    held["metadata"]["finalizers"] = ["some/one"]
    api.apply("/api/v1/namespaces/web", held)
    api.call("DELETE", "/api/v1/namespaces/web")
    assert "deletionTimestamp" in api.call("GET", "/api/v1/namespaces/web")[1]["metadata"]


def test_a_kind_is_served_once_it_is_defined(api):
    path = "/apis/example.com/v1"
    assert api.call("GET", path)[0] == 404
    spec = {
        "group": "example.com", "scope": "Cluster", "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1"}],
    }  # fmt: skip
    definition = {**named("CustomResourceDefinition", "things.example.com", spec=spec)}
    api.apply("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com", definition)
    assert [one["kind"] for one in api.call("GET", path)[1]["resources"]] == ["Thing"]
    assert api.apply(f"{path}/things/one", named("Thing", "one"))[0] == 200
    # It stands in no namespace.
    assert api.apply(f"{path}/namespaces/web/things/one", named("Thing", "one"))[0] == 404


def test_controllers_have_done_their_work(api):
    api.apply("/api/v1/namespaces/web", named("Namespace", "web"))
    deployment = named("Deployment", "app", spec={"replicas": 3})
    _, made = api.apply("/apis/apps/v1/namespaces/web/deployments/app", deployment)
    assert (made["status"]["readyReplicas"], made["status"]["observedGeneration"]) == (3, 1)


def test_the_server_goes_with_its_cluster(api):
    api.aws.eks.delete_cluster(name="one")
    with api.aws.refused("ResourceNotFoundException"):
        api.aws.eks.describe_cluster(name="one")
    assert api.call("GET", "/api/v1/namespaces")[0] == 503


def test_a_version_that_nothing_pauses_any_more_is_promoted(api):
    """As Argo Rollouts does when the status is patched; one that was given up stays where it is."""
    api.apply("/api/v1/namespaces/web", named("Namespace", "web"))
    names = {"kind": "Rollout", "plural": "rollouts"}
    spec = {"group": "argoproj.io", "scope": "Namespaced", "versions": [{"name": "v1alpha1"}], "names": names}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = {**named("CustomResourceDefinition", "rollouts.argoproj.io", spec=spec)}
    api.apply(f"{definitions}/rollouts.argoproj.io", {**definition, "apiVersion": "apiextensions.k8s.io/v1"})
    place = "/apis/argoproj.io/v1alpha1/namespaces/web/rollouts/app"
    rollout = {**named("Rollout", "app", spec={}), "apiVersion": "argoproj.io/v1alpha1"}
    assert api.call("PATCH", f"{place}/status", {"status": {}})[0] == 404
    api.apply(place, rollout)

    def patch(status):
        assert api.call("PATCH", f"{place}/status", {"status": status})[0] == 200
        return api.call("GET", place)[1]["status"]

    waits = {"currentPodHash": "new", "blueGreen": {"activeSelector": "old"}, "pauseConditions": [{"reason": "x"}]}
    assert patch(waits)["blueGreen"]["activeSelector"] == "old"
    assert patch({"abort": True, "pauseConditions": None})["blueGreen"]["activeSelector"] == "old"
    assert patch({"abort": None})["blueGreen"]["activeSelector"] == "new"
    # A patch of the status takes nothing else along.
    assert "data" not in api.call("PATCH", f"{place}/status", {"data": {}, "status": {}})[1]
