"""What updates keep of settings that nobody has stated, tried with the real binary."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

import kept
from botocore_models import own
from conftest import TRIED
from deviations import Deviation, complaints
from kinds import kinds
from members import anchors, sample
from wire import Form, Json, Xml
from world import World, named, world


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with world() as one:
        yield one


@pytest.fixture(scope="module")
def result(made: World, known: list[Deviation], request: pytest.FixtureRequest) -> kept.Result:
    drawn = kept.drawn()
    found = kept.tried(made, known, lambda change: change.kind in drawn)
    request.config.stash[TRIED] = (len(drawn), len(found.members))
    return found


@pytest.mark.parametrize("check", ["lost", "patch"])
def test_updates_keep_what_nobody_has_stated(check: str, result: kept.Result, known: list[Deviation]) -> None:
    listed = [one for one in known if any(fnmatchcase(name, one.kind) for name in kept.drawn())]
    wrong = complaints(check, [finding for finding in result.findings if finding.check == check], listed)
    assert not wrong, "\n".join(["", *wrong])
    assert len(result.members) > 40


def test_every_update_is_tried(result: kept.Result, known: list[Deviation]) -> None:
    findings = [finding for kind in kinds() for finding in kept.untried(kind)]
    findings += [finding for finding in result.findings if finding.check == "untried"]
    wrong = complaints("untried", findings, known)
    assert not wrong, "\n".join(["", *wrong])


def test_some_seeds_in_a_row_try_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLATCTL_TEST_POINTS", raising=False)
    found: list[str] = []
    for seed in range(7, 7 + kept.SHARES):
        monkeypatch.setenv("PLATCTL_TEST_SEED", str(seed))
        found += kept.drawn()
    assert sorted(found) == sorted({change.kind for change in kept.changes()})


def test_a_member_that_is_lost_is_found(made: World) -> None:
    """Without the list, a target's path is: AWS has none beside the transformer that the change changes."""
    result = kept.tried(made, [], lambda change: change.updates == ("PutTargets",))
    found = {finding.what for finding in result.findings}
    assert "PutTargets.Targets.InputPath" in found
    assert "PutTargets.Targets.DeadLetterConfig" not in found


def test_what_is_written_is_found_in_what_is_read() -> None:
    model = own(named("s3.Bucket"))
    assert model
    found = anchors(model, ("GetBucketLifecycleConfiguration",), "PutBucketLifecycleConfiguration")
    assert {anchor.written for anchor in found} == {(), ("LifecycleConfiguration",)}
    assert {anchor.found for anchor in found} == {()}


def test_members_are_added_in_the_way_of_each_protocol() -> None:
    from xml.etree import ElementTree

    model = own(named("s3.Bucket"))
    assert model
    ref = model.shape("GetBucketLifecycleConfigurationOutput")["members"]["Rules"]
    value = sample(model, ref["shape"], "Rules")
    element, document = ElementTree.Element("{urn:x}Answer"), Json({})
    for one in (Xml(element), document):
        assert not one.has("Rules", ref)
        one.put("Rules", ref, model, value)
        assert one.has("Rules", ref) and len(one.inside("Rules", ref, model)) == 1
    assert [child.tag for child in element] == ["{urn:x}Rule"]
    form = Form({"Groups.member.1.Name": "x", "Groups.member.2.Name": "y", "On": "true"}, "", False)
    assert form.text("On", {}) == "true" and not form.has("Off", {})
