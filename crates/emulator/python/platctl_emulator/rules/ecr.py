"""ECR: what is left out of a request is off."""

from ..backends import backend
from .registry import after


@after("ecr:PutImageScanningConfiguration", "ecr:CreateRepository")
def scanning(call):
    """moto takes no answer for the old one."""
    wanted = call.params.get("imageScanningConfiguration") or {}
    repository = backend(call).repositories[call.params["repositoryName"]]
    repository.image_scanning_configuration = {"scanOnPush": bool(wanted.get("scanOnPush"))}
