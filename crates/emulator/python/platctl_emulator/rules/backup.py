"""AWS Backup: vaults, plans and selections. moto has no selections, and loses tags."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..store import STORE
from ..things import arn, found, now, tags_of
from ..timeline import TIMELINE
from .iam import role_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds, as usually seen.
POINT_DELETE = 30


def vault_of(call: Call) -> Any:
    """The vault that a call names."""
    name = call.params["BackupVaultName"]
    text = f"Backup vault {name} cannot be found"
    return found(STORE.of(call, "vaults"), name, "ResourceNotFoundException", text)


@before("backup:CreateBackupVault")
def create_vault(call: Call) -> Answer:
    """An empty vault."""
    vaults, params = STORE.of(call, "vaults"), call.params
    name = params["BackupVaultName"]
    if name in vaults:
        raise Refused("AlreadyExistsException", "Backup vault with the same name already exists")
    vaults[name] = {
        "BackupVaultName": name,
        "BackupVaultArn": arn(call, f"backup-vault:{name}"),
        "EncryptionKeyArn": params.get("EncryptionKeyArn") or arn(call, "alias/aws/backup", "kms"),
        "CreationDate": now(),
        "Locked": False,
        "points": {},
    }
    tags_of(call, vaults[name]["BackupVaultArn"]).update(params.get("BackupVaultTags") or {})
    return result(call, {key: vaults[name][key] for key in ("BackupVaultName", "BackupVaultArn", "CreationDate")})


@before("backup:DescribeBackupVault")
def describe_vault(call: Call) -> Answer:
    """As it is."""
    return result(call, shown(vault_of(call)))


@before("backup:ListBackupVaults")
def list_vaults(call: Call) -> Answer:
    """All of them."""
    return result(call, {"BackupVaultList": [shown(vault) for vault in STORE.of(call, "vaults").values()]})


@before("backup:DeleteBackupVault")
def delete_vault(call: Call) -> Answer:
    """Only an empty one."""
    vault = vault_of(call)
    if vault["points"]:
        raise Refused("InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points.")
    del STORE.of(call, "vaults")[vault["BackupVaultName"]]
    tags_of(call, vault["BackupVaultArn"]).clear()
    return result(call, {})


def shown(vault: dict[str, Any]) -> dict[str, Any]:
    """A vault as an answer shows it."""
    stated = {key: value for key, value in vault.items() if key != "points"}
    return {**stated, "NumberOfRecoveryPoints": len(vault["points"])}


def plant(vault: dict[str, Any], resource: str, role: str = "arn:aws:iam::123456789012:role/backup") -> str:
    """A recovery point of a resource, which is there at once; answers its ARN."""
    region, account = vault["BackupVaultArn"].split(":")[3:5]
    name = f"arn:aws:rds:{region}:{account}:cluster-snapshot:awsbackup:job-{uuid.uuid4()}"
    vault["points"][name] = {
        "RecoveryPointArn": name,
        "BackupVaultName": vault["BackupVaultName"],
        "BackupVaultArn": vault["BackupVaultArn"],
        "ResourceArn": resource,
        "ResourceType": "Aurora",
        "ResourceName": resource.rpartition(":")[2],
        "IamRoleArn": role,
        "Status": "COMPLETED",
        "CreationDate": now(),
        "CompletionDate": now(),
        "EncryptionKeyArn": vault["EncryptionKeyArn"],
        "IsEncrypted": True,
    }
    return name


@before("backup:StartBackupJob")
def start_job(call: Call) -> Answer:
    """A backup that takes no time."""
    vault, params = vault_of(call), call.params
    if role_of(call, params["IamRoleArn"]) is None:
        raise Refused("InvalidParameterValueException", "The IAM role cannot be assumed by AWS Backup")
    name = plant(vault, params["ResourceArn"], params["IamRoleArn"])
    return result(call, {"BackupJobId": str(uuid.uuid4()), "RecoveryPointArn": name, "CreationDate": now()})


@before("backup:ListRecoveryPointsByBackupVault")
def list_points(call: Call) -> Answer:
    """All of a vault."""
    return result(call, {"RecoveryPoints": list(vault_of(call)["points"].values())})


@before("backup:DeleteRecoveryPoint")
def delete_point(call: Call) -> Answer:
    """It goes after a while, and counts until then."""
    vault, name = vault_of(call), call.params["RecoveryPointArn"]
    points = vault["points"]
    point = found(points, name, "ResourceNotFoundException", f"Recovery point {name} cannot be found")
    point["Status"] = "DELETING"
    TIMELINE.after(POINT_DELETE, lambda: points.pop(name, None))
    return result(call, {})


def plan_of(call: Call) -> Any:
    """The plan that a call names."""
    number = call.params["BackupPlanId"]
    text = f"Failed reading Backup plan with provided version: {number}"
    return found(STORE.of(call, "plans"), number, "ResourceNotFoundException", text)


def completed(call: Call, plan: dict[str, Any]) -> Any:
    """What AWS fills in, after a look at the vaults."""
    for rule in plan["Rules"]:
        name = rule["TargetBackupVaultName"]
        if name not in STORE.of(call, "vaults"):
            raise Refused("InvalidParameterValueException", f"Backup vault {name} does not exist")
        rule.setdefault("StartWindowMinutes", 480)
        rule.setdefault("CompletionWindowMinutes", 10080)
        rule.setdefault("ScheduleExpressionTimezone", "Etc/UTC")
        rule.setdefault("EnableContinuousBackup", False)
        rule["RuleId"] = str(uuid.uuid4())
    return plan


@before("backup:CreateBackupPlan")
def create_plan(call: Call) -> Answer:
    """The same request twice is one plan."""
    plans, params = STORE.of(call, "plans"), call.params
    token = params.get("CreatorRequestId")
    same = [plan for plan in plans.values() if token and plan["token"] == token]
    if same:
        plan = same[0]
    else:
        number = str(uuid.uuid4())
        plan = plans[number] = {
            "BackupPlan": completed(call, params["BackupPlan"]),
            "BackupPlanId": number,
            "BackupPlanArn": arn(call, f"backup-plan:{number}"),
            "VersionId": str(uuid.uuid4()),
            "CreationDate": now(),
            "token": token,
        }
        tags_of(call, plan["BackupPlanArn"]).update(params.get("BackupPlanTags") or {})
    return result(call, {key: plan[key] for key in ("BackupPlanId", "BackupPlanArn", "VersionId", "CreationDate")})


@before("backup:GetBackupPlan")
def get_plan(call: Call) -> Answer:
    """As it is."""
    return result(call, {key: value for key, value in plan_of(call).items() if key != "token"})


@before("backup:ListBackupPlans")
def list_plans(call: Call) -> Answer:
    """All of them."""
    shown = [
        {
            "BackupPlanName": plan["BackupPlan"]["BackupPlanName"],
            **{key: plan[key] for key in ("BackupPlanId", "BackupPlanArn")},
        }
        for plan in STORE.of(call, "plans").values()
    ]
    return result(call, {"BackupPlansList": shown})


@before("backup:UpdateBackupPlan")
def update_plan(call: Call) -> Answer:
    """Another version."""
    plan = plan_of(call)
    plan["BackupPlan"] = completed(call, call.params["BackupPlan"])
    plan["VersionId"] = str(uuid.uuid4())
    return result(call, {key: plan[key] for key in ("BackupPlanId", "BackupPlanArn", "VersionId", "CreationDate")})


@before("backup:DeleteBackupPlan")
def delete_plan(call: Call) -> Answer:
    """Only without selections."""
    plan = plan_of(call)
    number = plan["BackupPlanId"]
    if any(key[0] == number for key in STORE.of(call, "selections")):
        text = "Related backup plan selections must be deleted prior to backup plan deletion"
        raise Refused("InvalidRequestException", text)
    del STORE.of(call, "plans")[number]
    tags_of(call, plan["BackupPlanArn"]).clear()
    return result(call, {key: plan[key] for key in ("BackupPlanId", "BackupPlanArn", "VersionId")})


@before("backup:CreateBackupSelection")
def select(call: Call) -> Answer:
    """With a role that AWS Backup may take on."""
    plan, selection = plan_of(call), call.params["BackupSelection"]
    role = role_of(call, selection["IamRoleArn"])
    if role is None or "backup.amazonaws.com" not in role.assume_role_policy_document:
        text = f"IAM Role {selection['IamRoleArn']} cannot be assumed by AWS Backup"
        raise Refused("InvalidParameterValueException", text)
    number = str(uuid.uuid4())
    STORE.of(call, "selections")[(plan["BackupPlanId"], number)] = {"BackupSelection": selection, "CreationDate": now()}
    return result(call, {"SelectionId": number, "BackupPlanId": plan["BackupPlanId"], "CreationDate": now()})


def selection_of(call: Call) -> Any:
    """The key of the selection that a call names."""
    key = (call.params["BackupPlanId"], call.params["SelectionId"])
    found(STORE.of(call, "selections"), key, "ResourceNotFoundException", "Cannot find Backup selection")
    return key


@before("backup:GetBackupSelection")
def get_selection(call: Call) -> Answer:
    """As it was made."""
    key = selection_of(call)
    return result(call, {"BackupPlanId": key[0], "SelectionId": key[1], **STORE.of(call, "selections")[key]})


@before("backup:ListBackupSelections")
def list_selections(call: Call) -> Answer:
    """Those of a plan."""
    number = plan_of(call)["BackupPlanId"]
    shown = [
        {"SelectionId": key[1], "SelectionName": one["BackupSelection"]["SelectionName"], "BackupPlanId": number}
        for key, one in STORE.of(call, "selections").items()
        if key[0] == number
    ]
    return result(call, {"BackupSelectionsList": shown})


@before("backup:DeleteBackupSelection")
def deselect(call: Call) -> Answer:
    """Gone."""
    del STORE.of(call, "selections")[selection_of(call)]
    return result(call, {})


@before("backup:ListTags")
def list_tags(call: Call) -> Answer:
    """Tags."""
    return result(call, {"Tags": tags_of(call, call.params["ResourceArn"])})


@before("backup:TagResource")
def tag(call: Call) -> Answer:
    """More tags."""
    tags_of(call, call.params["ResourceArn"]).update(call.params["Tags"])
    return result(call, {})


@before("backup:UntagResource")
def untag(call: Call) -> Answer:
    """Fewer tags."""
    for key in call.params["TagKeyList"]:
        tags_of(call, call.params["ResourceArn"]).pop(key, None)
    return result(call, {})
