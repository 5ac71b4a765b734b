"""CodePipeline: structures as they were made, with the checks that AWS makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..store import STORE
from ..things import arn, found, mapped, now, pairs, tags_of
from .iam import role_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def bad(message: str) -> Refused:
    """A structure that AWS refuses."""
    return Refused("InvalidStructureException", message)


def judge(call: Call, pipeline: dict[str, Any]) -> None:
    """First the sources and only there, names once, artifacts made before they are taken, a role to assume."""
    role = role_of(call, pipeline["roleArn"])
    if role is None or "codepipeline.amazonaws.com" not in role.assume_role_policy_document:
        raise bad(f"CodePipeline is not authorized to perform AssumeRole on role {pipeline['roleArn']}")
    stages = pipeline["stages"]
    if len(stages) < 2:
        raise bad("Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline")
    if len({stage["name"] for stage in stages}) < len(stages):
        raise bad("Stage names must be unique")
    made = set()
    for number, stage in enumerate(stages):
        sources = [action["actionTypeId"]["category"] == "Source" for action in stage["actions"]]
        if (number == 0) != all(sources) or (number > 0 and any(sources)):
            raise bad(f"Stage {stage['name']} has source actions in the wrong place")
        for action in stage["actions"]:
            for taken in action.get("inputArtifacts") or []:
                if taken["name"] not in made:
                    raise bad(f"Artifact {taken['name']} is not the output of an earlier action")
        for action in stage["actions"]:
            made |= {artifact["name"] for artifact in action.get("outputArtifacts") or []}


def completed(pipeline: dict[str, Any], version: Any) -> Any:
    """What AWS fills in."""
    pipeline = {"pipelineType": "V1", "executionMode": "SUPERSEDED", **pipeline, "version": version}
    for stage in pipeline["stages"]:
        for action in stage["actions"]:
            action.setdefault("runOrder", 1)
            for key in ("configuration", "inputArtifacts", "outputArtifacts"):
                action.setdefault(key, {} if key == "configuration" else [])
    return pipeline


def pipeline_of(call: Call, name: str) -> Any:
    """The pipeline of this name."""
    text = f"Account '{call.account}' does not have a pipeline with name '{name}'"
    return found(STORE.of(call, "pipelines"), name, "PipelineNotFoundException", text)


@before("codepipeline:CreatePipeline")
def create(call: Call) -> Answer:
    """Its first version."""
    pipelines, pipeline = STORE.of(call, "pipelines"), call.params["pipeline"]
    name = pipeline["name"]
    if name in pipelines:
        raise Refused("PipelineNameInUseException", f"A pipeline with the name '{name}' already exists")
    judge(call, pipeline)
    made: dict[str, Any] = {"pipelineArn": arn(call, name), "created": now(), "updated": now()}
    pipelines[name] = {"pipeline": completed(pipeline, 1), "metadata": made}
    tags_of(call, made["pipelineArn"]).update(mapped(call.params.get("tags"), "key", "value"))
    return result(call, {"pipeline": pipelines[name]["pipeline"], "tags": call.params.get("tags") or []})


@before("codepipeline:GetPipeline")
def get(call: Call) -> Answer:
    """As it is now."""
    return result(call, pipeline_of(call, call.params["name"]))


@before("codepipeline:UpdatePipeline")
def update(call: Call) -> Answer:
    """Its next version."""
    pipeline = call.params["pipeline"]
    known = pipeline_of(call, pipeline["name"])
    judge(call, pipeline)
    known["pipeline"] = completed(pipeline, known["pipeline"]["version"] + 1)
    known["metadata"]["updated"] = now()
    return result(call, {"pipeline": known["pipeline"]})


@before("codepipeline:DeletePipeline")
def delete(call: Call) -> Answer:
    """One that is not there is no error."""
    gone = STORE.of(call, "pipelines").pop(call.params["name"], None)
    if gone:
        tags_of(call, gone["metadata"]["pipelineArn"]).clear()
    return result(call, {})


@before("codepipeline:ListPipelines")
def listing(call: Call) -> Answer:
    """All of them."""
    shown = [
        {
            "name": name,
            "version": known["pipeline"]["version"],
            **{key: known["metadata"][key] for key in ("created", "updated")},
        }
        for name, known in sorted(STORE.of(call, "pipelines").items())
    ]
    return result(call, {"pipelines": shown})


@before("codepipeline:GetPipelineState")
def state(call: Call) -> Answer:
    """Nothing has run yet."""
    name = call.params["name"]
    known = pipeline_of(call, name)
    stages = [
        {"stageName": stage["name"], "actionStates": [{"actionName": action["name"]} for action in stage["actions"]]}
        for stage in known["pipeline"]["stages"]
    ]
    version = known["pipeline"]["version"]
    return result(call, {"pipelineName": name, "pipelineVersion": version, "stageStates": stages, **known["metadata"]})


@before("codepipeline:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """Tags."""
    return result(call, {"tags": pairs(tags_of(call, call.params["resourceArn"]), "key", "value")})


@before("codepipeline:TagResource")
def tag(call: Call) -> Answer:
    """More tags."""
    tags_of(call, call.params["resourceArn"]).update(mapped(call.params["tags"], "key", "value"))
    return result(call, {})


@before("codepipeline:UntagResource")
def untag(call: Call) -> Answer:
    """Fewer tags."""
    for key in call.params["tagKeys"]:
        tags_of(call, call.params["resourceArn"]).pop(key, None)
    return result(call, {})
