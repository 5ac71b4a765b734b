"""CodeBuild: projects as they were made, and builds that run for a while."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..answers import Refused, result
from ..backends import LOCK
from ..builds import begin, end, runs, stop
from ..store import STORE
from ..things import arn, found, now
from ..timeline import TIMELINE
from .iam import role_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds, as usually seen.
BUILD = 60

KEPT = (
    "description", "source", "secondarySources", "sourceVersion", "artifacts", "cache", "environment", "serviceRole",
    "timeoutInMinutes", "queuedTimeoutInMinutes", "encryptionKey", "tags", "vpcConfig", "logsConfig",
    "concurrentBuildLimit",
)  # fmt: skip


def judge(call: Call, project: dict[str, Any]) -> None:
    """What AWS refuses, always in the same words."""
    source, artifacts = project["source"]["type"], project["artifacts"]["type"]
    if (source == "CODEPIPELINE") != (artifacts == "CODEPIPELINE"):
        raise Refused("InvalidInputException", "source and artifacts are both CODEPIPELINE, or neither is")
    if source not in ("CODEPIPELINE", "NO_SOURCE") and not project["source"].get("location"):
        raise Refused("InvalidInputException", "Project source location is required")
    if source == "NO_SOURCE" and not project["source"].get("buildspec"):
        raise Refused("InvalidInputException", "A buildspec is required for a project without source")
    role = role_of(call, project["serviceRole"])
    if role is None or "codebuild.amazonaws.com" not in role.assume_role_policy_document:
        text = f"CodeBuild is not authorized to perform: sts:AssumeRole on service role {project['serviceRole']}"
        raise Refused("InvalidInputException", text)


@before("codebuild:CreateProject")
def create(call: Call) -> Answer:
    """A project, with what AWS fills in."""
    projects, params = STORE.of(call, "codebuild"), call.params
    name = params["name"]
    if name in projects:
        raise Refused("ResourceAlreadyExistsException", f"Project already exists: {projects[name]['arn']}")
    project = {
        "name": name,
        "arn": arn(call, f"project/{name}"),
        "created": now(),
        "lastModified": now(),
        "timeoutInMinutes": 60,
        "queuedTimeoutInMinutes": 480,
        "encryptionKey": arn(call, "alias/aws/s3", "kms"),
        "cache": {"type": "NO_CACHE"},
        "badge": {"badgeEnabled": False},
        "projectVisibility": "PRIVATE",
        **{key: params[key] for key in KEPT if params.get(key) is not None},
    }
    judge(call, project)
    projects[name] = project
    return result(call, {"project": project})


@before("codebuild:UpdateProject")
def update(call: Call) -> Answer:
    """What is left out stays."""
    projects, params = STORE.of(call, "codebuild"), call.params
    if params["name"] not in projects:
        raise Refused("ResourceNotFoundException", f"Project cannot be found: {params['name']}")
    project = {**projects[params["name"]], **{key: params[key] for key in KEPT if params.get(key) is not None}}
    judge(call, project)
    projects[params["name"]] = {**project, "lastModified": now()}
    return result(call, {"project": projects[params["name"]]})


# What the host of a repository calls.
CALLED = ("GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET")


def project_of(call: Call) -> Any:
    """The project that a call names."""
    name = call.params["projectName"]
    return found(STORE.of(call, "codebuild"), name, "ResourceNotFoundException", f"Project cannot be found: {name}")


def judge_access(call: Call, project: dict[str, Any]) -> None:
    """CodeBuild makes a webhook with the connection of the project, which its role has to be allowed to use."""
    kind, auth = project["source"]["type"], project["source"].get("auth") or {}
    if kind not in CALLED:
        raise Refused("InvalidInputException", f"Webhooks are not supported for source type {kind}")
    if not auth.get("resource"):
        raise Refused("ResourceNotFoundException", f"Could not find access token for server type {kind.lower()}")
    if auth["type"] == "CODECONNECTIONS" and not may_use_connections(role_of(call, project["serviceRole"])):
        raise Refused("InvalidInputException", f"Access denied to connection {auth['resource']}")


def may_use_connections(role: Any) -> bool:
    """Whether a policy of the role names what a connection gives out."""
    documents = [*role.policies.values(), *(policy.document for policy in role.managed_policies.values())]
    return any("connections:GetConnectionToken" in unquote(str(document)) for document in documents)


# Whose comments count where nobody says so.
APPROVERS = {
    "GITHUB": ["GITHUB_ADMIN", "GITHUB_MAINTAIN", "GITHUB_WRITE"],
    "GITLAB": ["GITLAB_DEVELOPER", "GITLAB_MAINTAINER", "GITLAB_OWNER"],
    "BITBUCKET": ["BITBUCKET_ADMIN", "BITBUCKET_WRITE"],
}


def policy_of(call: Call, project: dict[str, Any]) -> dict[str, Any] | None:
    """What is wanted of pull requests. CodeBuild answers with roles also where none were sent."""
    wanted = call.params.get("pullRequestBuildPolicy")
    if wanted is None:
        return None
    host = project["source"]["type"].partition("_")[0]
    return {**wanted, "approverRoles": wanted.get("approverRoles") or APPROVERS[host]}


def judge_filters(groups: Any) -> None:
    """Each group says for which events it is."""
    for group in groups or []:
        if not any(one["type"] == "EVENT" for one in group):
            raise Refused("InvalidInputException", "Filter group must contain a filter of type EVENT")


@before("codebuild:CreateWebhook")
def create_webhook(call: Call) -> Answer:
    """A project has one."""
    project, params = project_of(call), call.params
    if project.get("webhook"):
        raise Refused("ResourceAlreadyExistsException", f"A webhook already exists for project {project['name']}")
    judge_access(call, project)
    judge_filters(params.get("filterGroups"))
    webhook = {
        "url": f"{project['source']['location'].removesuffix('.git')}/hooks/{uuid.uuid4().int % 10**9}",
        "filterGroups": params.get("filterGroups") or [],
        "buildType": params.get("buildType") or "BUILD",
        "status": "ACTIVE",
        "pullRequestBuildPolicy": policy_of(call, project),
    }
    project["webhook"] = {key: value for key, value in webhook.items() if value is not None}
    return result(call, {"webhook": project["webhook"]})


@before("codebuild:UpdateWebhook")
def update_webhook(call: Call) -> Answer:
    """What is left out stays."""
    project, params = project_of(call), call.params
    if not project.get("webhook"):
        raise Refused("ResourceNotFoundException", f"No webhook exists for project {project['name']}")
    judge_filters(params.get("filterGroups"))
    sent = {key: params.get(key) for key in ("filterGroups", "buildType")}
    sent["pullRequestBuildPolicy"] = policy_of(call, project)
    project["webhook"] |= {key: value for key, value in sent.items() if value is not None}
    return result(call, {"webhook": project["webhook"]})


@before("codebuild:DeleteWebhook")
def delete_webhook(call: Call) -> Answer:
    """The project stays."""
    project = project_of(call)
    if not project.pop("webhook", None):
        raise Refused("ResourceNotFoundException", f"No webhook exists for project {project['name']}")
    return result(call, {})


@before("codebuild:BatchGetProjects")
def read(call: Call) -> Answer:
    """Those that are there."""
    projects = STORE.of(call, "codebuild")
    by_arn = {project["arn"]: name for name, project in projects.items()}
    names = [by_arn.get(name, name) for name in call.params["names"]]
    shown = [projects[name] for name in names if name in projects]
    return result(call, {"projects": shown, "projectsNotFound": [name for name in names if name not in projects]})


@before("codebuild:ListProjects")
def listing(call: Call) -> Answer:
    """All names."""
    return result(call, {"projects": sorted(STORE.of(call, "codebuild"))})


@before("codebuild:DeleteProject")
def delete(call: Call) -> Answer:
    """By name or ARN; one that is not there is no error."""
    STORE.of(call, "codebuild").pop(call.params["name"].rpartition("/")[2], None)
    return result(call, {})


@before("codebuild:StartBuild")
def start(call: Call) -> Answer:
    """A build that succeeds, unless its environment says PLATCTL_FAIL."""
    project = STORE.of(call, "codebuild").get(call.params["projectName"])
    if project is None:
        raise Refused("ResourceNotFoundException", "Project cannot be found")
    number = f"{project['name']}:{uuid.uuid4()}"
    variables = call.params.get("environmentVariablesOverride") or []
    build = {
        "id": number,
        "arn": arn(call, f"build/{number}"),
        "projectName": project["name"],
        "buildStatus": "IN_PROGRESS",
        "currentPhase": "BUILD",
        "startTime": now(),
        "buildComplete": False,
        "source": project["source"],
        "environment": {
            **project["environment"],
            "environmentVariables": (project["environment"].get("environmentVariables") or []) + variables,
        },
        "serviceRole": project["serviceRole"],
        "logs": {"groupName": f"/aws/codebuild/{project['name']}", "streamName": number.rpartition(":")[2]},
    }
    STORE.of(call, "builds")[number] = build
    if runs(project):
        begin(call, LOCK, project, build, variables)
        return result(call, {"build": dict(build)})
    failed = any(variable["name"] == "PLATCTL_FAIL" for variable in variables)

    def over() -> None:
        if not build["buildComplete"]:
            end(build, "FAILED" if failed else "SUCCEEDED")

    TIMELINE.after(BUILD, over)
    return result(call, {"build": dict(build)})


@before("codebuild:BatchGetBuilds")
def builds(call: Call) -> Answer:
    """How they are doing."""
    known = STORE.of(call, "builds")
    ids = call.params["ids"]
    shown = [known[number] for number in ids if number in known]
    return result(call, {"builds": shown, "buildsNotFound": [number for number in ids if number not in known]})


@before("codebuild:ListBuildsForProject")
def builds_of(call: Call) -> Answer:
    """The ids of a project's builds, the latest first."""
    name = call.params["projectName"]
    if name not in STORE.of(call, "codebuild"):
        raise Refused("ResourceNotFoundException", f"The provided project {name} does not exist")
    ids = [number for number, build in STORE.of(call, "builds").items() if build["projectName"] == name]
    return result(call, {"ids": ids[::-1][:100]})


@before("codebuild:StopBuild")
def stop_build(call: Call) -> Answer:
    """What it runs is ended; one that is over stays as it is."""
    build = STORE.of(call, "builds").get(call.params["id"])
    if build is None:
        raise Refused("ResourceNotFoundException", "Build cannot be found")
    if not build["buildComplete"]:
        end(build, "STOPPED")
        stop(build["id"])
    return result(call, {"build": dict(build)})
