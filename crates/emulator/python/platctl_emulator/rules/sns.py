"""SNS: recipients have to agree. moto takes their agreement for granted."""

from ..answers import Refused
from ..backends import backend
from .registry import after, before

ASKED = ("email", "email-json", "http", "https")


@after("sns:Subscribe")
def ask(call):
    """Whoever is reached by mail or by a URL is asked first; nobody answers here."""
    params = call.params
    if params["Protocol"] not in ASKED:
        return
    found = backend(call)._find_subscription(params["TopicArn"], params["Endpoint"], params["Protocol"])
    if found is not None and "ConfirmationWasAuthenticated" in found.attributes:
        del found.attributes["ConfirmationWasAuthenticated"]
        found.attributes["PendingConfirmation"] = True


@before("sns:Unsubscribe")
def has_agreed(call):
    """What nobody has agreed to cannot be ended."""
    found = backend(call).subscriptions.get(call.params["SubscriptionArn"])
    if found is not None and found.attributes.get("PendingConfirmation") is True:
        text = "Invalid parameter: This subscription is pending confirmation and cannot be removed."
        raise Refused("InvalidParameter", text)
