"""What the emulator says is held against AWS's own models, which botocore brings."""

import pytest
from platctl_emulator import rules, unseen
from platctl_emulator.calls import MODELS
from platctl_emulator.partial import FAILED
from platctl_emulator.passing import PASSING
from platctl_emulator.rules.quotas import TABLE
from platctl_emulator.rules.registry import AFTER, BEFORE, QUOTAS
from platctl_emulator.throttle import EC2, WHOLE

from harness import COMMON, known_codes, service_model

# What AWS answers beyond its model: the contract, 1.2 and 1.8, after hashicorp/terraform-provider-aws, and the list of
# error codes in S3's API reference.
BEYOND = {
    "elasticloadbalancing:CreateListener": {"UnsupportedCertificate"},
    "iam:UpdateAssumeRolePolicy": {"ConcurrentModification"},
    "s3:CreateBucket": {"TooManyBuckets"},
    "sqs:CreateQueue": {"AWS.SimpleQueueService.QueueDeletedRecently"},
}


def operation(name):
    """A service and an operation as botocore names them."""
    service, _, called = name.partition(":")
    return MODELS.get(service, service), called


@pytest.mark.parametrize(
    "table", [BEFORE, AFTER, QUOTAS, PASSING, FAILED], ids=["before", "after", "quota", "passing", "failed"]
)
def test_every_operation_is_one(table):
    unknown = [name for name in table if operation(name)[1] not in service_model(operation(name)[0]).operation_names]
    assert unknown == []


def test_every_budget_is_of_an_operation():
    assert {*EC2, *WHOLE} <= set(service_model("ec2").operation_names)


REFUSALS = [(name, code) for name, refusals in PASSING.items() for code, *_ in refusals] + [
    (row[0], row[4]) for row in TABLE
]


@pytest.mark.parametrize(("name", "code"), REFUSALS)
def test_every_refusal_is_one_of_its_operation(name, code):
    known = known_codes(*operation(name))
    # EC2's model lists none.
    assert not known or code in known | COMMON | BEYOND.get(name, set())


@pytest.mark.parametrize("name", FAILED)
def test_an_answer_of_failures_is_one_of_its_operation(name):
    service, called = operation(name)
    lists = {"ResourceIds": ["a"], "FlowLogIds": ["a"], "VpcEndpointIds": ["a"], "Ids": ["a"], "Targets": [{"Id": "a"}]}
    answer = FAILED[name]({**lists, "Delete": {"Objects": [{"Key": "a"}]}})
    shape = service_model(service).operation_model(called).output_shape
    assert set(answer) <= set(shape.members)
    for member, items in answer.items():
        if isinstance(items, list) and items:
            assert set(items[0]) <= set(shape.members[member].member.members)


@pytest.mark.parametrize("prefix", unseen.SHOWN)
def test_what_cannot_be_seen_is_part_of_an_answer(prefix):
    group, own, _, _ = unseen.SHOWN[prefix]
    model = service_model("ec2")
    found = set()
    for name in model.operation_names:
        shape = model.operation_model(name).output_shape
        for member in shape.members.values() if shape and name.startswith("Describe") else ():
            if member.serialization.get("name") == group and member.type_name == "list":
                found |= {one.serialization.get("name") for one in member.member.members.values()}
    assert own in found


def test_rules_are_of_modules_that_are_found_by_their_folder():
    of = {rule.__module__ for table in (BEFORE, AFTER, QUOTAS) for found in table.values() for rule in found}
    assert {f"{rules.__name__}.{name}" for name in ("acm", "ecr", "quotas", "wafv2")} <= of
