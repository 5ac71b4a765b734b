"""RDS: event subscriptions. moto keeps what it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from ..policies import listed
from ..timeline import TIMELINE
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds until a subscription is active, and until it is gone.
CHANGE = 20
SERVICE = "events.rds.amazonaws.com"
CATEGORIES = {
    "db-cluster": {
        "configuration change", "creation", "deletion", "failover", "failure", "global-failover", "maintenance",
        "migration", "notification", "serverless",
    },
    "db-instance": {
        "availability", "backtrack", "backup", "configuration change", "creation", "deletion", "failover", "failure",
        "low storage", "maintenance", "notification", "read replica", "recovery", "restoration", "security",
        "security patching",
    },
    "db-parameter-group": {"configuration change"},
    "db-cluster-snapshot": {"backup", "notification"},
}  # fmt: skip


def may_publish(topic: Any) -> bool:
    """Whether the policy of a topic lets RDS publish. Conditions are taken as met."""
    for statement in listed(json.loads(topic.policy).get("Statement", [])):
        principal = statement.get("Principal")
        services = listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        actions = {action.lower() for action in listed(statement.get("Action", []))}
        if statement.get("Effect") == "Allow" and SERVICE in services and {"sns:publish", "sns:*"} & actions:
            return True
    return False


def judge(call: Call, kind: Any) -> None:
    """Topic and categories have to be there, and RDS has to be let in."""
    arn = call.params.get("SnsTopicArn")
    topic = backend(call, "sns").topics.get(arn) if arn else None
    if arn and topic is None:
        raise Refused("SNSTopicArnNotFound", f"The SNS topic {arn} does not exist", 404)
    if topic is not None and not may_publish(topic):
        raise Refused("SNSNoAuthorization", f"RDS does not have permission to publish to the topic {arn}")
    unknown = set(call.params.get("EventCategories") or []) - CATEGORIES.get(kind, set())
    if unknown:
        raise Refused("SubscriptionCategoryNotFound", f"Category {sorted(unknown)[0]} does not exist for {kind}", 404)


def source_exists(call: Call, kind: Any, name: Any) -> None:
    """A source is there."""
    rds = backend(call, "rds")
    known = {"db-cluster": rds.clusters, "db-instance": rds.databases}.get(kind)
    if known is not None and name not in known:
        raise Refused("SourceNotFound", f"Could not find source: {name}", 404)


def of_name(call: Call) -> Any:
    """The subscription that the call names."""
    known, name = backend(call, "rds").event_subscriptions, call.params["SubscriptionName"]
    if name not in known:
        raise Refused("SubscriptionNotFound", f"Subscription {name} not found.", 404)
    return known[name]


def shown(subscription: Any) -> dict[str, Any]:
    """A subscription as AWS shows it."""
    return {
        "CustomerAwsId": subscription.account_id,
        "CustSubscriptionId": subscription.subscription_name,
        "SnsTopicArn": subscription.sns_topic_arn,
        "Status": subscription.status,
        "SourceType": subscription.source_type,
        "SourceIdsList": sorted(subscription.source_ids),
        "EventCategoriesList": sorted(subscription.event_categories),
        "Enabled": subscription.enabled,
        "EventSubscriptionArn": subscription.arn,
    }


def settle(subscription: Any, status: str) -> None:
    """It is active after a while."""
    subscription.status = status
    TIMELINE.after(CHANGE, lambda: setattr(subscription, "status", "active"))


@before("rds:CreateEventSubscription")
def create(call: Call) -> Answer:
    """Of sources that exist."""
    params, rds = call.params, backend(call, "rds")
    name, kind = params["SubscriptionName"], params.get("SourceType")
    if name in rds.event_subscriptions:
        raise Refused("SubscriptionAlreadyExist", f"Subscription {name} already exists.")
    judge(call, kind)
    for source in params.get("SourceIds") or []:
        source_exists(call, kind, source)
    made = rds.create_event_subscription(
        {
            "subscription_name": name,
            "sns_topic_arn": params["SnsTopicArn"],
            "source_type": kind,
            "event_categories": list(params.get("EventCategories") or []),
            "source_ids": list(params.get("SourceIds") or []),
            "enabled": params.get("Enabled", True),
            "tags": params.get("Tags") or [],
        }
    )
    settle(made, "creating")
    return result(call, {"EventSubscription": shown(made)})


@before("rds:DescribeEventSubscriptions")
def describe(call: Call) -> Answer:
    """One, or all."""
    if call.params.get("SubscriptionName"):
        found = [of_name(call)]
    else:
        found = list(backend(call, "rds").event_subscriptions.values())
    return result(call, {"EventSubscriptionsList": [shown(one) for one in found]})


@before("rds:ModifyEventSubscription")
def modify(call: Call) -> Answer:
    """What is left out stays. Sources are added and removed by calls of their own."""
    found, params = of_name(call), call.params
    judge(call, params.get("SourceType") or found.source_type)
    for key, name in (("SnsTopicArn", "sns_topic_arn"), ("SourceType", "source_type"), ("Enabled", "enabled")):
        if params.get(key) is not None:
            setattr(found, name, params[key])
    if params.get("EventCategories"):
        found.event_categories = list(params["EventCategories"])
    settle(found, "modifying")
    return result(call, {"EventSubscription": shown(found)})


@before("rds:AddSourceIdentifierToSubscription")
def add_source(call: Call) -> Answer:
    """One more."""
    found, source = of_name(call), call.params["SourceIdentifier"]
    source_exists(call, found.source_type, source)
    found.source_ids = [*(one for one in found.source_ids if one != source), source]
    settle(found, "modifying")
    return result(call, {"EventSubscription": shown(found)})


@before("rds:RemoveSourceIdentifierFromSubscription")
def remove_source(call: Call) -> Answer:
    """One less."""
    found, source = of_name(call), call.params["SourceIdentifier"]
    if source not in found.source_ids:
        raise Refused("SourceNotFound", f"Could not find source: {source}", 404)
    found.source_ids = [one for one in found.source_ids if one != source]
    settle(found, "modifying")
    return result(call, {"EventSubscription": shown(found)})


@before("rds:DeleteEventSubscription")
def delete(call: Call) -> Answer:
    """It goes after a while."""
    found = of_name(call)
    found.status = "deleting"
    known = backend(call, "rds").event_subscriptions
    TIMELINE.after(CHANGE, lambda: known.pop(found.subscription_name, None))
    return result(call, {"EventSubscription": shown(found)})
