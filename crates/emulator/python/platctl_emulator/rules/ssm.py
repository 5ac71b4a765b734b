"""Parameters of Systems Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backends import backend
from .registry import after

if TYPE_CHECKING:
    from ..calls import Call


# What fits into the tier that is free.
LARGEST = 4096


@after("ssm:PutParameter")
def tier_is_chosen(call: Call) -> None:
    """AWS answers with the tier that it has chosen."""
    for parameter in backend(call)._parameters[call.params["Name"]]:
        if parameter.tier == "Intelligent-Tiering":
            parameter.tier = "Standard" if len(parameter.value.encode()) <= LARGEST else "Advanced"
