"""The control interface: profiles, faults, held calls, time, states, the record of calls."""

import threading

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from platctl_emulator.guard import GUARD

from things import (
    db_cluster,
    db_instance,
    db_state,
    eks_cluster,
    instance_state,
    issued,
    nat,
    nat_state,
    node_group,
    place,
    role,
    vpc,
)


def vpcs(aws):
    """Those that somebody made."""
    return [one["VpcId"] for one in aws.ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]]


def test_settings_that_nobody_knows(aws):
    for wrong in ({"strictness": 1}, {"name": "friendly"}, {"name": "cut", "call": 1, "moment": "during"}):
        with pytest.raises(ValueError):
            aws.control("POST profile", wrong)
    with pytest.raises(ValueError):
        aws.control("POST nothing")


@pytest.mark.parametrize(
    ("name", "more", "settings"),
    [
        ("calm", {}, {"time_scale": 0.0, "quotas": False, "chaos": None, "strict": True, "tokens": True}),
        ("realistic", {"scale": 0.5}, {"time_scale": 0.5, "propagation": 5.0}),
        ("strict", {}, {"quotas": True}),
    ],
)
def test_a_profile_is_many_settings(aws, name, more, settings):
    assert aws.profile(name=name, **more).items() >= settings.items()
    assert aws.profile(name="calm")["time_scale"] == 0.0
    assert aws.control("GET status")["profile"]["quotas"] is False


def test_a_reset_forgets_everything(aws):
    vpc(aws)
    aws.profile(quotas=True)
    aws.control("POST faults", {"faults": [{"kind": "slow", "operation": "ec2:CreateVpc"}]})
    aws.control("POST reset")
    status = aws.control("GET status")
    assert (status["calls"], status["faults"], status["profile"]["quotas"]) == (0, [], False)
    assert vpcs(aws) == []


def test_without_strictness_moto_decides(aws):
    aws.profile(strict=False)
    role(aws, "ec2.amazonaws.com", "Nodes")
    role(aws, "ec2.amazonaws.com", "nodes")


@pytest.mark.parametrize(
    ("kind", "error", "made"),
    [
        ("error_before", "InternalError", 0),
        ("error_after", "InternalError", 1),
        ("reset_before", ConnectionClosedError, 0),
        ("reset_after", ConnectionClosedError, 1),
    ],
)
def test_a_fault_strikes_before_or_after_the_effect(aws, kind, error, made):
    aws.control("POST faults", {"faults": [{"kind": kind, "operation": "ec2:CreateVpc"}]})
    if isinstance(error, str):
        with aws.refused(error):
            vpc(aws)
    else:
        with pytest.raises(error):
            vpc(aws)
    assert len(vpcs(aws)) == made
    # Once.
    vpc(aws)
    assert len(vpcs(aws)) == made + 1


def test_a_fault_says_what_it_is_told(aws):
    fault = {"kind": "error_before", "operation": "ec2:CreateVpc", "code": "Busy", "message": "later", "status": 503}
    aws.control("POST faults", {"faults": [{**fault, "skip": 1, "times": 2}]})
    vpc(aws)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            vpc(aws)
        said = caught.value.response
        assert (said["Error"], said["ResponseMetadata"]["HTTPStatusCode"]) == (
            {"Code": "Busy", "Message": "later"},
            503,
        )
    vpc(aws)
    with pytest.raises(ValueError):
        aws.control("POST faults", {"faults": [{"kind": "flood"}]})


def test_a_fault_of_the_nth_change(aws):
    aws.profile(name="cut", call=2, moment="after")
    vpc(aws)
    aws.ec2.describe_vpcs()
    with pytest.raises(ConnectionClosedError):
        vpc(aws)
    assert len(vpcs(aws)) == 2


def test_what_is_slow_takes_its_time(aws):
    fault = {"kind": "slow", "operation": "ec2:CreateVpc", "seconds": 7}
    aws.control("POST faults", {"faults": [fault, {**fault, "operation": "ec2:DeleteVpc"}]})
    aws.profile(latency=0.25)
    vpc(aws)
    assert aws.clock.slept == [0.25, 7]
    left = aws.control("GET status")["faults"]
    assert [one["operation"] for one in left] == ["ec2:DeleteVpc"]
    aws.control("POST faults", {"faults": []})
    assert aws.control("GET status")["faults"] == []


def beside(call):
    """Does it in a thread of its own; answers the thread and what it ends with."""
    ends = []

    def body():
        try:
            ends.append(call())
        except ConnectionClosedError as error:
            ends.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    return thread, ends


@pytest.mark.parametrize("which", [{"mutation": 2}, {"operation": "ec2:CreateInternetGateway"}])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("drop", [False, True])
def test_a_call_is_held(aws, which, moment, drop):
    aws.control("POST hold", {**which, "moment": moment})
    vpc(aws)
    thread, ends = beside(aws.ec2.create_internet_gateway)
    held = aws.control("GET held?seconds=60")["held"]
    assert held == {"operation": "ec2:CreateInternetGateway", "mutation": 2, "moment": moment}
    # Others are answered meanwhile.
    assert len(vpcs(aws)) == 1
    assert len(aws.ec2.describe_internet_gateways()["InternetGateways"]) == (moment == "after")
    aws.control("POST release", {"drop": drop})
    thread.join(60)
    assert isinstance(ends[0], ConnectionClosedError) == drop
    there = len(aws.ec2.describe_internet_gateways()["InternetGateways"])
    assert there == (0 if drop and moment == "before" else 1)


def test_the_first_call_of_each_operation_is_held(aws):
    aws.control("POST hold", {"each": "before"})
    for call, name in ((lambda: vpc(aws), "CreateVpc"), (aws.ec2.create_internet_gateway, "CreateInternetGateway")):
        thread, ends = beside(call)
        assert aws.control("GET held?seconds=60")["held"]["operation"] == f"ec2:{name}"
        aws.control("POST release", {"others": True})
        thread.join(60)
    vpc(aws)
    assert aws.control("GET held")["held"] is None
    with pytest.raises(ValueError):
        aws.control("POST hold", {"mutation": 1, "moment": "during"})


def test_the_time_stands_and_goes_on(aws):
    aws.slow()
    _, subnets = place(aws)
    aws.control("POST time", {"until": ["ec2:CreateNatGateway"]})
    name = nat(aws, subnets[0])
    assert aws.control("GET timed") == {"begun": {"ec2:CreateNatGateway": 1}, "standing": True}
    aws.pass_by(1_000_000)
    assert nat_state(aws, name) == "pending"
    aws.control("POST time", {"go_on": True, "until": ["ec2:DeleteNatGateway"]})
    aws.pass_by(104)
    # What it stood for has not passed.
    assert (nat_state(aws, name), aws.control("GET timed")["standing"]) == ("pending", False)
    aws.pass_by(2)
    assert nat_state(aws, name) == "available"
    aws.ec2.delete_nat_gateway(NatGatewayId=name)
    aws.pass_by(1_000_000)
    assert nat_state(aws, name) == "deleting"
    aws.control("POST time", {"run_out": True})
    assert nat_state(aws, name) == "deleted"


def test_states_that_no_call_leads_to(aws):
    _, subnets = eks_cluster(aws)
    node_group(aws, subnets)
    db_cluster(aws)
    db_instance(aws)
    arn = issued(aws)
    assert instance_state(aws) == "available"
    states = {
        "acm.Certificate": (arn, "EXPIRED"), "rds.DbCluster": ("one", "failed"),
        "rds.DbInstance": ("one-0", "storage-full"), "eks.NodeGroup": ("nodes", "DEGRADED"),
    }  # fmt: skip
    for kind, (name, state) in states.items():
        aws.control("POST state", {"kind": kind, "id": name, "state": state})
        with pytest.raises(ValueError):
            aws.control("POST state", {"kind": kind, "id": "none", "state": state})
    assert aws.acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "EXPIRED"
    assert (db_state(aws), instance_state(aws)) == ("failed", "storage-full")
    nodes = aws.eks.describe_nodegroup(clusterName="one", nodegroupName="nodes")["nodegroup"]
    assert nodes["status"] == "DEGRADED" and nodes["health"]["issues"]


def test_the_record_of_calls(aws):
    aws.profile(record_params=True)
    aws.ec2.describe_vpcs()
    network = vpc(aws)
    aws.secretsmanager.create_secret(Name="one", SecretString="hush")
    with aws.refused("InvalidVpcID.NotFound"):
        aws.ec2.delete_vpc(VpcId=network + "0")
    calls = aws.control("GET calls?since=1")["calls"]
    assert [(one["operation"], one["mutation"]) for one in calls] == [
        ("CreateVpc", 1),
        ("CreateSecret", 2),
        ("DeleteVpc", 3),
    ]
    assert calls[0]["params"]["CidrBlock"] == "10.0.0.0/16" and calls[1]["params"]["SecretString"] == "(hidden)"
    assert calls[2]["status"] == 400 and "NotFound" in calls[2]["answer"]
    status = aws.control("GET status")
    assert (status["calls"], status["mutations"], status["most"]["CreateVpc"]) == (4, 3, 1)
    aws.control("POST counters")
    assert aws.control("GET calls")["calls"] == []


def test_what_is_against_the_model_is_noted(aws):
    network = vpc(aws)
    text = b"Action=CreateSubnet&CidrBlock=10.0.0.0%2F24&Nonsense=1"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={GUARD.key}/20260101/eu-west-1/ec2/aws4_request",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    aws.raw("POST", "http://127.0.0.1:9/", headers, text)
    assert aws.control("GET calls")["calls"][-1]["violations"] == ["/VpcId is missing"]
    aws.profile(validate=False)
    aws.raw("POST", "http://127.0.0.1:9/", headers, text)
    assert "violations" not in aws.control("GET calls")["calls"][-1]
    assert vpcs(aws) == [network]
    aws.forgive()


def test_a_request_without_a_signature(aws):
    assert aws.raw("GET", "http://127.0.0.1:9/")[0] == 403


def test_what_nobody_simulates(aws):
    with aws.refused("NotImplemented"):
        aws.ec2.describe_mac_hosts()


def test_the_inventory_is_of_what_was_made(aws):
    def inventory():
        return aws.control("GET inventory")["inventory"]

    aws.ec2.describe_vpcs()
    assert inventory() == {}
    network = vpc(aws)
    key = aws.kms.create_key()["KeyMetadata"]["KeyId"]
    eks_cluster(aws)
    there = inventory()
    assert (there["ec2:VPC"], there["layer:eks.clusters"], there["iam:Role"]) == (2, 1, 1)
    assert "kms:Key" in there
    aws.kms.schedule_key_deletion(KeyId=key)
    aws.ec2.delete_vpc(VpcId=network)
    there = inventory()
    assert "kms:Key" not in there and there["ec2:VPC"] == 1


def test_a_profile_with_settings_of_its_own(aws):
    chosen = aws.profile(name="realistic", scale=0.5, quotas=True, latency=0.0, record_params=True)
    assert (chosen["time_scale"], chosen["quotas"], chosen["record_params"]) == (0.5, True, True)
    # What is said itself is meant more than what the profile brings.
    assert aws.profile(name="realistic", time_scale=0)["time_scale"] == 0
    assert aws.profile(name="hostile", seed=7, throttle=False)["throttle"] is False
    assert aws.profile(name="calm")["record_params"] is False


def test_a_profile_with_unknown_settings_changes_nothing(aws):
    aws.profile(name="strict")
    with pytest.raises(ValueError, match="unknown setting: strictness"):
        aws.profile(name="calm", strictness=1)
    with pytest.raises(ValueError, match="unknown setting: speed"):
        aws.profile(speed=1)
    assert aws.control("GET status")["profile"]["quotas"] is True
