"""CloudWatch's alarms and dashboards. SDKs speak CBOR with it, which moto does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..answers import Refused, result
from ..store import STORE
from ..things import arn, found, mapped, now, pairs, tags_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


ALARM = (
    "AlarmName", "AlarmDescription", "OKActions", "AlarmActions", "InsufficientDataActions", "MetricName", "Namespace",
    "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods", "DatapointsToAlarm",
    "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics",
)  # fmt: skip


@before("monitoring:PutMetricAlarm")
def put_alarm(call: Call) -> Answer:
    """Replaces the whole alarm; tags count at the creation only."""
    alarms, params = STORE.of(call, "alarms"), call.params
    name = params["AlarmName"]
    alarm = {key: params[key] for key in ALARM if params.get(key) is not None}
    alarm.setdefault("TreatMissingData", "missing")
    alarm.update(
        AlarmArn=arn(call, f"alarm:{name}", "cloudwatch"),
        ActionsEnabled=params.get("ActionsEnabled", True),
        StateValue="INSUFFICIENT_DATA",
        AlarmConfigurationUpdatedTimestamp=now(),
    )
    if name not in alarms:
        tags_of(call, alarm["AlarmArn"]).update(mapped(params.get("Tags")))
    alarms[name] = alarm
    return result(call, {})


@before("monitoring:DescribeAlarms")
def describe_alarms(call: Call) -> Answer:
    """Those that are there, of those that were asked for."""
    alarms, wanted = STORE.of(call, "alarms"), call.params.get("AlarmNames")
    shown = [alarm for name, alarm in sorted(alarms.items()) if wanted is None or name in wanted]
    return result(call, {"MetricAlarms": shown, "CompositeAlarms": []})


@before("monitoring:DeleteAlarms")
def delete_alarms(call: Call) -> Answer:
    """Those that are there go, also when one of them is not."""
    alarms = STORE.of(call, "alarms")
    gone = [alarms.pop(name, None) for name in call.params["AlarmNames"]]
    for alarm in filter(None, gone):
        tags_of(call, alarm["AlarmArn"]).clear()
    if None in gone:
        raise Refused("ResourceNotFound", "Alarm not found", 404)
    return result(call, {})


@before("monitoring:PutDashboard")
def put_dashboard(call: Call) -> Answer:
    """The body has to be JSON."""
    params = call.params
    try:
        json.loads(params["DashboardBody"])
    except ValueError:
        raise Refused("InvalidParameterInput", "The dashboard body is invalid") from None
    STORE.of(call, "dashboards", "")[params["DashboardName"]] = params["DashboardBody"]
    return result(call, {"DashboardValidationMessages": []})


@before("monitoring:GetDashboard")
def get_dashboard(call: Call) -> Answer:
    """As it was put."""
    name = call.params["DashboardName"]
    body = found(STORE.of(call, "dashboards", ""), name, "ResourceNotFound", f"Dashboard {name} does not exist", 404)
    shown = {
        "DashboardArn": arn(call, f"dashboard/{name}", "cloudwatch", ""),
        "DashboardBody": body,
        "DashboardName": name,
    }
    return result(call, shown)


@before("monitoring:ListDashboards")
def list_dashboards(call: Call) -> Answer:
    """All names."""
    names = sorted(STORE.of(call, "dashboards", ""))
    return result(call, {"DashboardEntries": [{"DashboardName": name} for name in names]})


@before("monitoring:DeleteDashboards")
def delete_dashboards(call: Call) -> Answer:
    """All or none."""
    boards, names = STORE.of(call, "dashboards", ""), call.params["DashboardNames"]
    for name in names:
        found(boards, name, "ResourceNotFound", f"Dashboard {name} does not exist", 404)
    for name in names:
        del boards[name]
    return result(call, {})


@before("monitoring:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """The tags of an alarm."""
    return result(call, {"Tags": pairs(tags_of(call, call.params["ResourceARN"]))})


@before("monitoring:TagResource")
def tag(call: Call) -> Answer:
    """More tags."""
    tags_of(call, call.params["ResourceARN"]).update(mapped(call.params["Tags"]))
    return result(call, {})


@before("monitoring:UntagResource")
def untag(call: Call) -> Answer:
    """Fewer tags."""
    for key in call.params["TagKeys"]:
        tags_of(call, call.params["ResourceARN"]).pop(key, None)
    return result(call, {})
