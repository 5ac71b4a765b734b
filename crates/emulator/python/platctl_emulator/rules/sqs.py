"""SQS: names, attributes and their combinations; a name stays taken for a minute."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..backends import backend
from ..store import STORE
from ..timeline import TIMELINE
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


# AWS seconds for which the name of a deleted queue is not given to another one.
TAKEN = 60
RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
VALUES = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoQueue": ("true",),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "SqsManagedSseEnabled": ("true", "false"),
}
ONLY_FIFO = ("ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit")
# A name that is taken, and the words of a refusal.
RECENT = "AWS.SimpleQueueService.QueueDeletedRecently"
WAIT = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
CHARACTERS = "alphanumeric characters, hyphens, or underscores"
UNSUPPORTED = "Amazon SQS can't create the redrive allow policy, as it's in an unsupported format."
ONE_ENCRYPTION = (
    "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
)


def attribute(name: str, reason: str = "") -> Refused:
    """The refusal of an attribute's value."""
    return Refused("InvalidAttributeValue", f"Invalid value for the parameter {name}.{reason}")


def parameter(name: str, value: str, reason: str) -> Refused:
    """The refusal of a document."""
    return Refused("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}")


@before("sqs:CreateQueue")
def name_is_right(call: Call) -> None:
    """Of the two types, and free again after a deletion."""
    name, fifo = call.params["QueueName"], (call.params.get("Attributes") or {}).get("FifoQueue")
    if fifo == "true" and not re.fullmatch(r"[A-Za-z0-9_-]{1,75}\.fifo", name):
        rest = "must end with .fifo suffix and be 1 to 80 in length"
        raise Refused("InvalidParameterValue", f"The name of a FIFO queue can only include {CHARACTERS}, {rest}")
    if fifo != "true" and not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise Refused("InvalidParameterValue", f"Can only include {CHARACTERS}. 1 to 80 in length")
    if name in STORE.of(call, "deleted_queues"):
        raise Refused(RECENT, WAIT)


@before("sqs:CreateQueue")
def new_attributes_are_right(call: Call) -> None:
    """As for a change; the type is only said here."""
    stated = call.params.get("Attributes") or {}
    judge(call, stated, stated.get("FifoQueue") == "true", {})


@before("sqs:SetQueueAttributes")
def changed_attributes_are_right(call: Call) -> None:
    """Together with those that stay."""
    queue = found(call)
    if queue is None:
        return
    stated = call.params["Attributes"]
    if "FifoQueue" in stated:
        raise attribute("FifoQueue", " Reason: Modifying queue type is not supported.")
    judge(call, stated, queue.fifo_queue, queue.attributes)


def found(call: Call) -> Any:
    """The queue of a call's URL."""
    return backend(call).queues.get(call.params["QueueUrl"].rpartition("/")[2])


def judge(call: Call, stated: dict[str, str], fifo: bool, known: dict[str, Any]) -> None:
    """Each attribute by itself, then what they say together."""
    for name, value in stated.items():
        if name in ONLY_FIFO and not fifo:
            raise Refused("InvalidAttributeName", f"Unknown Attribute {name}.")
        if name in RANGES and not (value.isdigit() and RANGES[name][0] <= int(value) <= RANGES[name][1]):
            raise attribute(name)
        if name in VALUES and value not in VALUES[name]:
            raise attribute(name)
    together = {**known, **stated}
    limited = together.get("FifoThroughputLimit") == "perMessageGroupId"
    if fifo and limited and together.get("DeduplicationScope") != "messageGroup":
        raise attribute("FifoThroughputLimit")
    if stated.get("KmsMasterKeyId") and stated.get("SqsManagedSseEnabled") == "true":
        raise Refused("InvalidAttributeValue", ONE_ENCRYPTION)
    if stated.get("Policy"):
        policy_is_right(stated["Policy"])
    if stated.get("RedrivePolicy"):
        redrive_is_right(call, stated["RedrivePolicy"], fifo)
    if stated.get("RedriveAllowPolicy"):
        redrive_allow_is_right(stated["RedriveAllowPolicy"])


def read(name: str, text: str) -> dict[str, Any]:
    """A document in an attribute."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise attribute(name)
    return document


def policy_is_right(text: str) -> None:
    """Its statements say who may do what."""
    statements = read("Policy", text).get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not statements or not all({"Effect", "Principal", "Action"} <= set(one) for one in statements):
        raise attribute("Policy")


def redrive_is_right(call: Call, text: str, fifo: bool) -> None:
    """The dead-letter queue is there, of the same type, and agrees."""
    document = read("RedrivePolicy", text)
    count, target = str(document.get("maxReceiveCount", "")), document.get("deadLetterTargetArn", "")
    if not (count.isdigit() and 1 <= int(count) <= 1000):
        raise parameter("RedrivePolicy", text, "Invalid value for maxReceiveCount.")
    dead = next((one for one in backend(call).queues.values() if one.queue_arn == target), None)
    if dead is None:
        raise parameter("RedrivePolicy", text, "Dead letter target does not exist.")
    if dead.fifo_queue != fifo:
        raise parameter("RedrivePolicy", text, "Dead-letter queue must be same type of queue as the source.")


def redrive_allow_is_right(text: str) -> None:
    """Sources are named with `byQueue` alone."""
    document = read("RedriveAllowPolicy", text)
    permission, arns = document.get("redrivePermission"), document.get("sourceQueueArns")
    named = isinstance(arns, list) and 1 <= len(arns) <= 10
    if permission not in ("allowAll", "denyAll", "byQueue") or (named if permission != "byQueue" else not named):
        raise parameter("RedriveAllowPolicy", text, UNSUPPORTED)


@after("sqs:CreateQueue", "sqs:SetQueueAttributes")
def one_encryption(call: Call) -> None:
    """The kind that was asked for last takes the place of the other one."""
    stated, params = call.params.get("Attributes") or {}, call.params
    name = params.get("QueueName") or params["QueueUrl"].rpartition("/")[2]
    queue = backend(call).queues[name]
    if stated.get("KmsMasterKeyId"):
        queue.sqs_managed_sse_enabled = False
    elif stated.get("SqsManagedSseEnabled") == "true":
        queue.kms_master_key_id = None


@after("sqs:DeleteQueue")
def name_stays_taken(call: Call) -> None:
    """For a minute."""
    taken, name = STORE.of(call, "deleted_queues"), call.params["QueueUrl"].rpartition("/")[2]
    taken[name] = True
    TIMELINE.after(TAKEN, lambda: taken.pop(name, None))
