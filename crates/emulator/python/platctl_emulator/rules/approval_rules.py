"""CodeCommit: templates of approval rules. moto has none."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..store import STORE
from ..things import now
from .codecommit import repository_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call

VERSION = "2018-11-08"
# How many templates a repository can have.
MOST = 25


def template_of(call: Call) -> Any:
    """The template that a call names."""
    name = call.params["approvalRuleTemplateName"]
    known = STORE.of(call, "codecommit.approvals")
    if name not in known:
        raise Refused("ApprovalRuleTemplateDoesNotExistException", f"{name} does not exist")
    return known[name]


def shown(template: dict[str, Any]) -> dict[str, Any]:
    """A template as an answer shows it."""
    return {key: value for key, value in template.items() if key != "repositories"}


def judged(content: str) -> dict[str, str]:
    """What a rule says, if it says what a rule has to."""
    try:
        rule = json.loads(content)
        sound = rule["Version"] == VERSION and all(
            one["Type"] == "Approvers" and int(one["NumberOfApprovalsNeeded"]) > 0 for one in rule["Statements"]
        )
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise Refused("InvalidApprovalRuleTemplateContentException", "The content of the template is not valid.")
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {"approvalRuleTemplateContent": content, "ruleContentSha256": digest}


@before("codecommit:CreateApprovalRuleTemplate")
def create(call: Call) -> Answer:
    """A template that no repository has yet."""
    params, known = call.params, STORE.of(call, "codecommit.approvals")
    name = params["approvalRuleTemplateName"]
    if name in known:
        raise Refused("ApprovalRuleTemplateNameAlreadyExistsException", f"{name} already exists")
    known[name] = {
        "approvalRuleTemplateId": str(uuid.uuid4()),
        "approvalRuleTemplateName": name,
        "approvalRuleTemplateDescription": params.get("approvalRuleTemplateDescription") or "",
        **judged(params["approvalRuleTemplateContent"]),
        "creationDate": now(),
        "lastModifiedDate": now(),
        "repositories": set(),
    }
    return result(call, {"approvalRuleTemplate": shown(known[name])})


@before("codecommit:GetApprovalRuleTemplate")
def get(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"approvalRuleTemplate": shown(template_of(call))})


@before("codecommit:UpdateApprovalRuleTemplateContent")
def update_content(call: Call) -> Answer:
    """Another rule."""
    template = template_of(call)
    template.update(judged(call.params["newRuleContent"]), lastModifiedDate=now())
    return result(call, {"approvalRuleTemplate": shown(template)})


@before("codecommit:UpdateApprovalRuleTemplateDescription")
def update_description(call: Call) -> Answer:
    """Another description."""
    template = template_of(call)
    template["approvalRuleTemplateDescription"] = call.params["approvalRuleTemplateDescription"]
    return result(call, {"approvalRuleTemplate": shown(template)})


@before("codecommit:AssociateApprovalRuleTemplateWithRepository")
def associate(call: Call) -> Answer:
    """A repository gets it; a second time changes nothing."""
    name = repository_of(call)["repositoryName"]
    template = template_of(call)
    others = [one for one in STORE.of(call, "codecommit.approvals").values() if name in one["repositories"]]
    if len(others) >= MOST and name not in template["repositories"]:
        message = "The maximum number of approval rule templates for a repository has been exceeded."
        raise Refused("MaximumRuleTemplatesAssociatedWithRepositoryException", message)
    template["repositories"].add(name)
    return result(call, {})


@before("codecommit:DisassociateApprovalRuleTemplateFromRepository")
def disassociate(call: Call) -> Answer:
    """A repository loses it; one that does not have it is no error."""
    name = repository_of(call)["repositoryName"]
    template_of(call)["repositories"].discard(name)
    return result(call, {})


@before("codecommit:ListRepositoriesForApprovalRuleTemplate")
def repositories(call: Call) -> Answer:
    """Those that have it. One that is gone has it no more."""
    known = STORE.of(call, "codecommit")
    names = sorted(name for name in template_of(call)["repositories"] if name in known)
    return result(call, {"repositoryNames": names})


@before("codecommit:DeleteApprovalRuleTemplate")
def delete(call: Call) -> Answer:
    """Only where no repository has it; one that is not there is no error."""
    known, name = STORE.of(call, "codecommit.approvals"), call.params["approvalRuleTemplateName"]
    template = known.get(name)
    if template is None:
        return result(call, {"approvalRuleTemplateId": str(uuid.uuid4())})
    if any(one in STORE.of(call, "codecommit") for one in template["repositories"]):
        raise Refused("ApprovalRuleTemplateInUseException", f"{name} is associated with repositories")
    del known[name]
    return result(call, {"approvalRuleTemplateId": template["approvalRuleTemplateId"]})
