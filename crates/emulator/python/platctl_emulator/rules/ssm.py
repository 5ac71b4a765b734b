"""Parameters of Systems Manager."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..answers import Refused
from ..backends import backend
from .registry import after, before

if TYPE_CHECKING:
    from ..calls import Call


# What fits into the tier that is free.
LARGEST = 4096
# How many levels a name has at most.
DEPTH = 15


@before("ssm:PutParameter")
def name_is_well_formed(call: Call) -> None:
    """Reserved names are moto's to refuse."""
    name = call.params["Name"]
    levels = name.lstrip("/").split("/")
    if not re.fullmatch(r"[A-Za-z0-9_.\-/]+", name) or not all(levels):
        raise Refused("ValidationException", "Invalid parameter name. Use only letters, numbers and the symbols .-_/")
    if len(levels) > 1 and not name.startswith("/"):
        raise Refused("ValidationException", "Parameter name must be a fully qualified name.")
    if len(levels) > DEPTH:
        raise Refused(
            "HierarchyLevelLimitExceededException", f"A hierarchy can have a maximum of {DEPTH} levels."
        )


@after("ssm:PutParameter")
def tier_is_chosen(call: Call) -> None:
    """AWS answers with the tier that it has chosen."""
    for parameter in backend(call)._parameters[call.params["Name"]]:
        if parameter.tier == "Intelligent-Tiering":
            parameter.tier = "Standard" if len(parameter.value.encode()) <= LARGEST else "Advanced"
