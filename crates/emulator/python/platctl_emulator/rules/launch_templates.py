"""Launch templates: moto drops a part of what a version says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..backends import backend
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def template_of(call: Call) -> Any:
    """The template that the call names."""
    ec2, params = backend(call), call.params
    name = params.get("LaunchTemplateId") or ec2.launch_template_name_to_ids.get(params.get("LaunchTemplateName"))
    return ec2.launch_templates.get(name)


@before("ec2:DescribeLaunchTemplates")
def templates_exist(call: Call) -> None:
    """A missing id is an error; moto leaves it out."""
    for name in call.params.get("LaunchTemplateIds") or []:
        if name not in backend(call).launch_templates:
            raise Refused(
                "InvalidLaunchTemplateId.NotFound",
                f"The specified launch template, with template ID {name}, does not exist.",
            )


@after("ec2:CreateLaunchTemplate")
def first_version(call: Call) -> None:
    """Keeps what the first version says."""
    template = template_of(call)
    template.versions[0].said = call.params.get("LaunchTemplateData") or {}


def without_snapshots(said: dict[str, Any]) -> dict[str, Any]:
    """A version takes over everything from its source but the snapshots of its block devices."""
    devices = said.get("BlockDeviceMappings")
    if not devices:
        return said

    def plain(device: dict[str, Any]) -> dict[str, Any]:
        ebs = {key: value for key, value in device.get("Ebs", {}).items() if key != "SnapshotId"}
        return {**device, "Ebs": ebs} if "Ebs" in device else device

    return {**said, "BlockDeviceMappings": [plain(device) for device in devices]}


@after("ec2:CreateLaunchTemplateVersion")
def another_version(call: Call) -> None:
    """Keeps what the version says, beside what its source said."""
    template, source = template_of(call), call.params.get("SourceVersion")
    said = without_snapshots(getattr(template.get_version(source), "said", {})) if source else {}
    template.versions[-1].said = {**said, **(call.params.get("LaunchTemplateData") or {})}


@before("ec2:DescribeLaunchTemplateVersions")
def versions(call: Call) -> Answer | None:
    """What was said, all of it."""
    template, params = template_of(call), call.params
    if template is None:
        if params.get("LaunchTemplateId"):
            raise Refused("InvalidLaunchTemplateId.NotFound", "The specified launch template does not exist.")
        return None
    wanted = params.get("Versions")
    kept = [template.get_version(one) for one in wanted] if wanted else list(reversed(template.versions))

    def shown(version: Any) -> dict[str, Any]:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": version.number,
            "CreateTime": version.create_time,
            "CreatedBy": f"arn:aws:iam::{call.account}:root",
            "DefaultVersion": template.is_default(version),
            "LaunchTemplateData": getattr(version, "said", version.data),
        }

    return result(call, {"LaunchTemplateVersions": [shown(version) for version in kept]})
