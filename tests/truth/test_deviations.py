"""The list of deviations is exact both ways."""

from __future__ import annotations

import kept
import test_authorization
import test_botocore_models
import test_carried
import test_cloudformation
from deviations import Deviation, Finding, complaints, listed

FOUND = Finding("implied", "sns.Topic", "iam:PassRole", "sns:CreateTopic depends on it")


def entry(kind: str = "sns.Topic", what: str = "iam:PassRole", reason: str = "no field names a role") -> Deviation:
    return Deviation("implied", kind, what, reason)


def test_what_is_not_listed_is_told() -> None:
    (said,) = complaints("implied", [FOUND], [])
    assert said == f"not in deviations.toml: implied: sns.Topic: iam:PassRole (AWS: {FOUND.aws})"


def test_what_is_no_longer_seen_is_told() -> None:
    (said,) = complaints("implied", [FOUND], [entry(), entry(what="iam:GetRole")])
    assert said == "listed, but no longer seen: implied: sns.Topic: iam:GetRole"


def test_what_is_listed_twice_or_without_a_reason_is_told() -> None:
    assert complaints("implied", [FOUND], [entry(), entry(what="iam:*")]) == [f"listed more than once: {FOUND}"]
    (said,) = complaints("implied", [FOUND], [entry(reason=" ")])
    assert said == "listed without a reason: implied: sns.Topic: iam:PassRole"


def test_what_is_listed_is_fine() -> None:
    assert complaints("implied", [FOUND], [entry(kind="sns.*", what="iam:*")]) == []


def test_every_check_of_the_list_is_made() -> None:
    models = test_botocore_models.CHECKS | test_carried.CHECKS | dict.fromkeys(kept.CHECKS)
    made = {"type", *test_cloudformation.CHECKS, *test_authorization.CHECKS, *models}
    assert {deviation.check for deviation in listed()} <= made
