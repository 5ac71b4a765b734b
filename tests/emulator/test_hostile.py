"""Hostile days: by the seed and the call, whatever comes before; refusals that pass; partial failures."""

import random

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from platctl_emulator.partial import FAILED
from platctl_emulator.passing import PASSING

from things import eks_cluster, group, internet_gateway, nat, nat_state, place, role, subnet, trust, vpc

SEEDS = range(8)


def fate(call):
    """How a call ends."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ConnectionClosedError:
        return "broken"
    return "done"


CALLS = {
    "role": lambda aws, n: aws.iam.create_role(RoleName=f"r{n}", AssumeRolePolicyDocument=trust("ec2.amazonaws.com")),
    "key": lambda aws, n: aws.kms.create_key(Description=str(n)),
    "bucket": lambda aws, n: aws.s3.create_bucket(
        Bucket=f"bucket-{n}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    ),
    "vpcs": lambda aws, n: aws.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": [f"10.{n}.0.0/16"]}]),
}


def day(aws, seed, order=()):
    """How the calls of a day end, each kind in its own order."""
    aws.reset()
    aws.profile(name="hostile", seed=seed)
    planned = [(name, number) for name in CALLS for number in range(6)]
    turns = {name: iter(range(6)) for name in CALLS}
    names = [name for name, _ in planned]
    random.Random(order or None).shuffle(names) if order else None
    ends = {}
    for name in names:
        number = next(turns[name])
        ends[name, number] = fate(lambda name=name, number=number: CALLS[name](aws, number))
    return ends


def test_a_day_is_of_its_seed(aws):
    days = [day(aws, seed) for seed in range(4)]
    assert days == [day(aws, seed) for seed in range(4)]
    assert len({tuple(sorted(one.items())) for one in days}) > 1


def test_the_order_among_others_does_not_matter(aws):
    for seed in range(4):
        assert day(aws, seed) == day(aws, seed, order="shuffled")


def test_a_hostile_day_is_mostly_kind(aws):
    ends = [end for seed in range(4) for end in day(aws, seed).values()]
    assert ends.count("done") > len(ends) / 2
    assert {"InternalError", "broken"} & set(ends)


def struck(aws, call, **chaos):
    """The seeds of the days on which the first try of a call is refused, each with the code, and where the second try
    is done."""
    found = {}
    for seed in SEEDS:
        aws.reset()
        prepared = call(aws)
        aws.profile(chaos={"seed": seed, "rate": 0, **chaos})
        first, second = fate(prepared), fate(prepared)
        assert second == "done"
        if first != "done":
            found[seed] = first
    return found


def test_a_refusal_passes(aws):
    def prepare(aws):
        network = vpc(aws)
        return lambda: aws.ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})

    assert set(struck(aws, prepare, passing=1.0).values()) == {"InvalidVpcID.NotFound"}
    aws.reset()
    assert fate(prepare(aws)) == "done"


def test_a_refusal_is_of_a_part_of_the_days(aws):
    def prepare(aws):
        return lambda: aws.kms.create_key(Description="one")

    hit = struck(aws, prepare, passing=0.3)
    assert 0 < len(hit) < len(SEEDS) and set(hit.values()) == {"MalformedPolicyDocumentException"}


def test_a_role_that_cannot_be_assumed_yet(aws):
    def prepare(aws):
        _, subnets = place(aws)
        arn = role(aws, "eks.amazonaws.com")
        return lambda: aws.eks.create_cluster(name="one", roleArn=arn, resourcesVpcConfig={"subnetIds": subnets})

    aws.reset()
    assert set(struck(aws, prepare, passing=1.0).values()) == {"InvalidParameterException"}


def test_a_bucket_is_not_there_yet_where_it_is_new_alone(aws):
    about = {"Bucket": "one", "VersioningConfiguration": {"Status": "Enabled"}}
    aws.profile(chaos={"seed": 1, "rate": 0, "passing": 1.0})
    made = {"Bucket": "one", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    aws.s3.create_bucket(**made)
    codes = set()
    for seed in SEEDS:
        aws.reset()
        aws.profile(chaos={"seed": seed, "rate": 0, "passing": 1.0})
        aws.s3.create_bucket(**made)
        codes.add(fate(lambda: aws.s3.put_bucket_versioning(**about)))
    assert codes == {"NoSuchBucket", "OperationAborted"}
    aws.reset()
    aws.s3.create_bucket(**made)
    codes = set()
    for seed in SEEDS:
        aws.profile(chaos={"seed": seed, "rate": 0, "passing": 1.0})
        codes.add(fate(lambda: aws.s3.put_bucket_versioning(**about)))
    assert codes == {"OperationAborted"}


def partial_calls(aws):
    """What fails item by item, each with the part of the answer that says so."""
    network = vpc(aws)
    arn = role(aws, "vpc-flow-logs.amazonaws.com")
    aws.logs.create_log_group(logGroupName="logs")
    logs = {"ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "logs", "DeliverLogsPermissionArn": arn}
    flow = aws.ec2.create_flow_logs(ResourceIds=[network], **logs)["FlowLogIds"]
    point = aws.ec2.create_vpc_endpoint(VpcId=network, ServiceName="com.amazonaws.eu-west-1.s3")["VpcEndpoint"]
    aws.events.put_rule(Name="r", ScheduleExpression="rate(1 day)")
    target = {"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}
    aws.events.put_targets(Rule="r", Targets=[target])
    aws.s3.create_bucket(Bucket="one", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    other = vpc(aws, "10.1.0.0/16")
    return {
        "ec2:CreateFlowLogs": lambda: aws.ec2.create_flow_logs(ResourceIds=[other], **logs)["Unsuccessful"],
        "ec2:DeleteFlowLogs": lambda: aws.ec2.delete_flow_logs(FlowLogIds=flow).get("Unsuccessful", []),
        "ec2:DeleteVpcEndpoints": lambda: aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[point["VpcEndpointId"]])[
            "Unsuccessful"
        ],
        "events:PutTargets": lambda: aws.events.put_targets(Rule="r", Targets=[{**target, "Id": "2"}])["FailedEntries"],
        "events:RemoveTargets": lambda: aws.events.remove_targets(Rule="r", Ids=["1"])["FailedEntries"],
        "s3:DeleteObjects": lambda: aws.s3.delete_objects(Bucket="one", Delete={"Objects": [{"Key": "a"}]}).get(
            "Errors", []
        ),
    }


@pytest.mark.parametrize("operation", FAILED)
@pytest.mark.parametrize("on_demand", [True, False])
def test_a_call_that_succeeds_and_whose_items_failed(aws, operation, on_demand):
    call = partial_calls(aws)[operation]
    if on_demand:
        aws.control("POST faults", {"faults": [{"kind": "partial", "operation": operation}]})
    else:
        aws.profile(chaos={"seed": 1, "rate": 0, "partial": 1.0})
    assert len(call()) == 1
    assert call() == []


def test_what_is_new_is_not_seen_at_once(aws):
    aws.profile(chaos={"seed": 1, "rate": 0, "unseen": 1.0, "unseen_seconds": 3})
    name = vpc(aws)

    def seen():
        return name in [one["VpcId"] for one in aws.ec2.describe_vpcs()["Vpcs"]]

    assert not seen()
    with aws.refused("InvalidVpcID.NotFound"):
        aws.ec2.describe_vpcs(VpcIds=[name])
    # What changes something knows it.
    subnet(aws, name)
    arn = role(aws, "ec2.amazonaws.com", "one")
    with aws.refused("NoSuchEntity"):
        aws.iam.get_role(RoleName="one")
    aws.pass_by(4)
    assert seen() and aws.iam.get_role(RoleName="one")["Role"]["Arn"] == arn


def test_reads_lag_behind(aws):
    aws.profile(chaos={"seed": 1, "rate": 0, "stale": 1.0, "lag": 2})

    def count():
        return len(aws.ec2.describe_internet_gateways()["InternetGateways"])

    assert count() == 0
    aws.ec2.create_internet_gateway()
    assert count() == 0
    aws.pass_by(3)
    assert count() == 1
    # Not where AWS promises what was written.
    aws.s3.list_buckets()
    aws.s3.create_bucket(Bucket="one", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert len(aws.s3.list_buckets()["Buckets"]) == 1


def test_things_that_end_failed_and_not_twice(aws):
    network, subnets = place(aws)
    aws.profile(chaos={"seed": 1, "rate": 0, "failed": 1.0})
    assert nat_state(aws, nat(aws, subnets[0])) == "failed"
    about = {"Name": "web", "Subnets": subnets}
    for state in ("failed", "active"):
        arn = aws.elbv2.create_load_balancer(**about)["LoadBalancers"][0]["LoadBalancerArn"]
        assert aws.elbv2.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == state
        aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    eks_cluster(aws)
    for state in ("CREATE_FAILED", "ACTIVE"):
        aws.eks.create_addon(clusterName="one", addonName="coredns")
        addon = aws.eks.describe_addon(clusterName="one", addonName="coredns")["addon"]
        assert (addon["status"], bool(addon["health"]["issues"])) == (state, state != "ACTIVE")
        aws.eks.delete_addon(clusterName="one", addonName="coredns")
    assert aws.control("GET status")["struck"]["failed"] == 3


def test_the_table_of_refusals_is_of_calls_that_change_something():
    assert all(not name.partition(":")[2].startswith(("Describe", "Get", "List")) for name in PASSING)


def deletes_a_group(aws):
    name = group(aws, vpc(aws))
    return lambda: aws.ec2.delete_security_group(GroupId=name)


def detaches_a_gateway(aws):
    network = vpc(aws)
    name = internet_gateway(aws, network)
    return lambda: aws.ec2.detach_internet_gateway(VpcId=network, InternetGatewayId=name)


def deletes_a_role(aws):
    role(aws, "ec2.amazonaws.com")
    return lambda: aws.iam.delete_role(RoleName="ec2")


@pytest.mark.parametrize(
    ("code", "prepare"),
    [
        ("DependencyViolation", deletes_a_group),
        ("DependencyViolation", detaches_a_gateway),
        ("DeleteConflict", deletes_a_role),
    ],
)
def test_holders_linger(aws, code, prepare):
    assert set(struck(aws, prepare, passing=1.0).values()) == {code}
