"""KMS: the period of a key's rotation, which moto drops."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.kms.responses import KmsResponse

from .wrap import around


def apply(_profile: Any) -> None:
    """Changes the KMS backend."""

    @around(KmsResponse, "enable_key_rotation")
    def enable(old: Callable[..., Any], self: Any) -> Any:
        answer = old(self)
        key = self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))]
        key.rotation_period = self._get_param("RotationPeriodInDays") or 365
        return answer

    @around(KmsResponse, "get_key_rotation_status")
    def status(old: Callable[..., Any], self: Any) -> Any:
        answer = json.loads(old(self))
        key = self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))]
        if answer.get("KeyRotationEnabled"):
            answer["RotationPeriodInDays"] = getattr(key, "rotation_period", 365)
        return json.dumps(answer)
