"""SNS: recipients have to agree. moto takes their agreement for granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refused
from ..backends import backend
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


ASKED = ("email", "email-json", "http", "https")


@after("sns:Subscribe")
def ask(call: Call) -> None:
    """Whoever is reached by mail or by a URL is asked first; nobody answers here."""
    params = call.params
    if params["Protocol"] not in ASKED:
        return
    found = backend(call)._find_subscription(params["TopicArn"], params["Endpoint"], params["Protocol"])
    if found is not None and "ConfirmationWasAuthenticated" in found.attributes:
        del found.attributes["ConfirmationWasAuthenticated"]
        found.attributes["PendingConfirmation"] = True


@before("sns:Unsubscribe")
def has_agreed(call: Call) -> None:
    """What nobody has agreed to cannot be ended."""
    found = backend(call).subscriptions.get(call.params["SubscriptionArn"])
    if found is not None and found.attributes.get("PendingConfirmation") is True:
        text = "Invalid parameter: This subscription is pending confirmation and cannot be removed."
        raise Refused("InvalidParameter", text)


@before("sns:CreateTopic")
def topic_is_the_same(call: Call) -> None:
    """A second creation of a topic answers the first one, if it asks for the same."""
    params, sns = call.params, backend(call)
    found = next((one for one in sns.topics.values() if one.name == params["Name"]), None)
    if found is None:
        return
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or []}
    if any(found._tags.get(key) != value for key, value in tags.items()):
        raise Refused("InvalidParameter", "Invalid parameter: Tags Reason: Topic already exists with different tags")
