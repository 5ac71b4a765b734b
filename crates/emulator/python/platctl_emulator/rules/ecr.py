"""ECR: what is left out of a request is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backends import backend
from .registry import after

if TYPE_CHECKING:
    from ..calls import Call


@after("ecr:PutImageScanningConfiguration", "ecr:CreateRepository")
def scanning(call: Call) -> None:
    """moto takes no answer for the old one."""
    wanted = call.params.get("imageScanningConfiguration") or {}
    repository = backend(call).repositories[call.params["repositoryName"]]
    repository.image_scanning_configuration = {"scanOnPush": bool(wanted.get("scanOnPush"))}
