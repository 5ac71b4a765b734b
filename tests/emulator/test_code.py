"""CodeCommit, CodeBuild, CodePipeline, CodeConnections."""

import json

import pytest

from things import NOWHERE, role


def repository(aws, name="site"):
    return aws.codecommit.create_repository(repositoryName=name, tags={"a": "b"})["repositoryMetadata"]


def commit(aws, branch="main", parent=None, put=None, delete=()):
    more = {"parentCommitId": parent} if parent else {}
    return aws.codecommit.create_commit(
        repositoryName="site", branchName=branch, **more,
        putFiles=[{"filePath": path, "fileContent": content} for path, content in (put or {}).items()],
        deleteFiles=[{"filePath": path} for path in delete],
    )["commitId"]  # fmt: skip


def test_a_repository(aws):
    made = repository(aws)
    with aws.refused("RepositoryNameExistsException"):
        repository(aws)
    about = {"repositoryName": "site"}
    aws.codecommit.update_repository_description(**about, repositoryDescription="x")
    key = "arn:aws:kms:eu-west-1:123456789012:key/one"
    aws.codecommit.update_repository_encryption_key(**about, kmsKeyId=key)
    seen = aws.codecommit.get_repository(**about)["repositoryMetadata"]
    assert (seen["repositoryDescription"], seen["kmsKeyId"]) == ("x", key)
    assert [one["repositoryName"] for one in aws.codecommit.list_repositories()["repositories"]] == ["site"]
    aws.codecommit.tag_resource(resourceArn=made["Arn"], tags={"c": "d"})
    aws.codecommit.untag_resource(resourceArn=made["Arn"], tagKeys=["a"])
    assert aws.codecommit.list_tags_for_resource(resourceArn=made["Arn"])["tags"] == {"c": "d"}
    assert aws.codecommit.delete_repository(**about)["repositoryId"] == made["repositoryId"]
    assert "repositoryId" not in aws.codecommit.delete_repository(**about)
    with aws.refused("RepositoryDoesNotExistException"):
        aws.codecommit.get_repository(**about)


def test_commits(aws):
    repository(aws)
    first = commit(aws, put={"a": b"1", "folder/b": b"2"})
    with aws.refused("ParentCommitIdOutdatedException"):
        commit(aws, parent="0" * 40, put={"c": b"3"})
    with aws.refused("NoChangeException"):
        commit(aws, parent=first, put={"a": b"1"})
    with aws.refused("BranchDoesNotExistException"):
        commit(aws, branch="other", parent=first, put={"c": b"3"})
    second = commit(aws, parent=first, put={"c": b"3"}, delete=["a"])
    about = {"repositoryName": "site"}
    assert aws.codecommit.get_branch(**about, branchName="main")["branch"]["commitId"] == second
    assert aws.codecommit.get_file(**about, filePath="c")["fileContent"] == b"3"
    with aws.refused("FileDoesNotExistException"):
        aws.codecommit.get_file(**about, filePath="a")
    folder = aws.codecommit.get_folder(**about, folderPath="/")
    assert [one["absolutePath"] for one in folder["files"]] == ["c"]
    assert [one["absolutePath"] for one in folder["subFolders"]] == ["folder"]
    with aws.refused("FolderDoesNotExistException"):
        aws.codecommit.get_folder(**about, folderPath="none")
    aws.codecommit.create_branch(**about, branchName="other", commitId=second)
    assert aws.codecommit.get_branch(**about, branchName="other")["branch"]["commitId"] == second
    assert aws.codecommit.list_branches(**about)["branches"] == ["main", "other"]
    with aws.refused("CommitDoesNotExistException"):
        aws.codecommit.create_branch(**about, branchName="third", commitId="0" * 40)
    with aws.refused("BranchDoesNotExistException"):
        aws.codecommit.get_branch(**about, branchName="none")


def project(aws, name="one", **more):
    """A project that a pipeline runs."""
    settings = {
        "source": {"type": "CODEPIPELINE"}, "artifacts": {"type": "CODEPIPELINE"},
        "environment": {"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
    }  # fmt: skip
    arn = more.pop("serviceRole", None) or role(aws, "codebuild.amazonaws.com", f"builds-{name}")
    return aws.codebuild.create_project(name=name, serviceRole=arn, **{**settings, **more})["project"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"serviceRole": NOWHERE},
        {"source": {"type": "NO_SOURCE"}},
        {"source": {"type": "NO_SOURCE"}, "artifacts": {"type": "NO_ARTIFACTS"}},
        {"source": {"type": "GITHUB"}, "artifacts": {"type": "NO_ARTIFACTS"}},
    ],
)
def test_a_project_that_is_refused(aws, wrong):
    with aws.refused("InvalidInputException"):
        project(aws, **wrong)
    assert aws.codebuild.list_projects()["projects"] == []


def test_a_role_of_another_service_builds_nothing(aws):
    with aws.refused("InvalidInputException", "AssumeRole"):
        project(aws, serviceRole=role(aws, "ec2.amazonaws.com"))


def test_a_project(aws):
    made = project(aws)
    with aws.refused("ResourceAlreadyExistsException"):
        project(aws, serviceRole=made["serviceRole"])
    assert aws.codebuild.list_projects()["projects"] == ["one"]
    aws.codebuild.update_project(name="one", description="x")
    with aws.refused("InvalidInputException"):
        aws.codebuild.update_project(name="one", serviceRole=NOWHERE)
    found = aws.codebuild.batch_get_projects(names=[made["arn"], "none"])
    assert [(one["description"], one["timeoutInMinutes"]) for one in found["projects"]] == [("x", 60)]
    assert found["projectsNotFound"] == ["none"]
    with aws.refused("ResourceNotFoundException"):
        aws.codebuild.update_project(name="none", description="x")
    for _ in range(2):
        aws.codebuild.delete_project(name=made["arn"])
    assert aws.codebuild.list_projects()["projects"] == []


@pytest.mark.parametrize(("fails", "end"), [(False, "SUCCEEDED"), (True, "FAILED")])
def test_a_build_runs_for_a_while(aws, fails, end):
    project(aws)
    aws.slow()
    variables = [{"name": "PLATCTL_FAIL", "value": "1"}] if fails else []
    number = aws.codebuild.start_build(projectName="one", environmentVariablesOverride=variables)["build"]["id"]

    def status():
        return aws.codebuild.batch_get_builds(ids=[number])["builds"][0]["buildStatus"]

    assert status() == "IN_PROGRESS"
    aws.pass_by(61)
    assert status() == end
    assert aws.codebuild.stop_build(id=number)["build"]["buildStatus"] == end
    later = aws.codebuild.start_build(projectName="one")["build"]["id"]
    assert aws.codebuild.stop_build(id=later)["build"]["buildStatus"] == "STOPPED"
    aws.pass_by(61)
    stopped = aws.codebuild.batch_get_builds(ids=[later])["builds"][0]
    assert stopped["buildStatus"] == "STOPPED" and stopped["endTime"] >= stopped["startTime"]
    assert aws.codebuild.list_builds_for_project(projectName="one")["ids"] == [later, number]
    assert aws.codebuild.batch_get_builds(ids=["one:none"])["buildsNotFound"] == ["one:none"]


CONNECTION = "arn:aws:codeconnections:eu-west-1:123456789012:connection/11111111-2222-3333-4444-555555555555"
EVENT = {"type": "EVENT", "pattern": "PULL_REQUEST_CREATED"}


def called(aws, allowed=True, **more):
    """A project whose source is on GitHub."""
    auth = {"type": "CODECONNECTIONS", "resource": CONNECTION}
    source = {"type": "GITHUB", "location": "https://github.com/acme/one.git", "auth": auth, **more}
    made = project(aws, source=source, artifacts={"type": "NO_ARTIFACTS"})
    if allowed:
        may = {"Effect": "Allow", "Action": "codeconnections:GetConnectionToken", "Resource": CONNECTION}
        document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        name = made["serviceRole"].rpartition("/")[2]
        aws.iam.put_role_policy(RoleName=name, PolicyName="connection", PolicyDocument=document)
    return made


def test_a_webhook(aws):
    called(aws)
    about = {"projectName": "one", "filterGroups": [[EVENT]]}
    made = aws.codebuild.create_webhook(**about)["webhook"]
    assert (made["status"], made["filterGroups"]) == ("ACTIVE", [[EVENT]])
    with aws.refused("ResourceAlreadyExistsException"):
        aws.codebuild.create_webhook(**about)
    policy = {"requiresCommentApproval": "FORK_PULL_REQUESTS"}
    aws.codebuild.update_webhook(projectName="one", pullRequestBuildPolicy=policy)
    seen = aws.codebuild.batch_get_projects(names=["one"])["projects"][0]["webhook"]
    # Where no roles are sent, CodeBuild has some of its own.
    roles = seen["pullRequestBuildPolicy"].pop("approverRoles")
    assert "GITHUB_WRITE" in roles and "GITHUB_READ" not in roles
    assert (seen["pullRequestBuildPolicy"], seen["filterGroups"]) == (policy, [[EVENT]])
    wanted = {**policy, "approverRoles": ["GITHUB_ADMIN"]}
    assert aws.codebuild.update_webhook(projectName="one", pullRequestBuildPolicy=wanted)["webhook"][
        "pullRequestBuildPolicy"
    ] == wanted
    aws.codebuild.delete_webhook(projectName="one")
    assert "webhook" not in aws.codebuild.batch_get_projects(names=["one"])["projects"][0]
    for call in (aws.codebuild.delete_webhook, aws.codebuild.update_webhook):
        with aws.refused("ResourceNotFoundException"):
            call(projectName="one")


@pytest.mark.parametrize(
    ("more", "allowed", "groups", "code", "words"),
    [
        ({}, False, [[EVENT]], "InvalidInputException", "Access denied to connection"),
        ({"auth": {"type": "OAUTH"}}, True, [[EVENT]], "ResourceNotFoundException", "Could not find access token"),
        ({"type": "CODECOMMIT"}, True, [[EVENT]], "InvalidInputException", "not supported"),
        ({}, True, [[{"type": "BASE_REF", "pattern": "x"}]], "InvalidInputException", "EVENT"),
    ],
)
def test_a_webhook_that_is_refused(aws, more, allowed, groups, code, words):
    called(aws, allowed, **more)
    with aws.refused(code, words):
        aws.codebuild.create_webhook(projectName="one", filterGroups=groups)



def test_builds_of_what_is_not_there(aws):
    for call in (aws.codebuild.start_build, aws.codebuild.list_builds_for_project):
        with aws.refused("ResourceNotFoundException"):
            call(projectName="none")
    with aws.refused("ResourceNotFoundException"):
        aws.codebuild.stop_build(id="one:none")


def action(name, category, takes=(), makes=()):
    return {
        "name": name, "actionTypeId": {"category": category, "owner": "AWS", "provider": "CodeBuild", "version": "1"},
        "inputArtifacts": [{"name": one} for one in takes], "outputArtifacts": [{"name": one} for one in makes],
    }  # fmt: skip


def stages(*actions):
    return [{"name": one["name"], "actions": [one]} for one in actions]


SOURCE, BUILD = action("Source", "Source", makes=["code"]), action("Build", "Build", takes=["code"])


def pipeline(arn, steps):
    store = {"type": "S3", "location": "bucket"}
    return {"name": "one", "roleArn": arn, "artifactStore": store, "stages": steps}


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        ("minimum of 2 stages", stages(SOURCE)),
        ("unique", stages(SOURCE, BUILD, BUILD)),
        ("wrong place", stages(BUILD, SOURCE)),
        ("wrong place", stages(SOURCE, action("More", "Source"))),
        ("not the output", stages(SOURCE, action("Build", "Build", takes=["nothing"]))),
    ],
)
def test_a_structure_that_is_refused(aws, words, steps):
    arn = role(aws, "codepipeline.amazonaws.com")
    with aws.refused("InvalidStructureException", words):
        aws.codepipeline.create_pipeline(pipeline=pipeline(arn, steps))
    assert aws.codepipeline.list_pipelines()["pipelines"] == []


def test_a_pipeline(aws):
    right = pipeline(role(aws, "codepipeline.amazonaws.com"), stages(SOURCE, BUILD))
    for arn in (NOWHERE, role(aws, "ec2.amazonaws.com")):
        with aws.refused("InvalidStructureException", "AssumeRole"):
            aws.codepipeline.create_pipeline(pipeline={**right, "roleArn": arn})
    aws.codepipeline.create_pipeline(pipeline=right, tags=[{"key": "a", "value": "b"}])
    with aws.refused("PipelineNameInUseException"):
        aws.codepipeline.create_pipeline(pipeline=right)
    assert aws.codepipeline.update_pipeline(pipeline=right)["pipeline"]["version"] == 2
    assert [(one["name"], one["version"]) for one in aws.codepipeline.list_pipelines()["pipelines"]] == [("one", 2)]
    seen = aws.codepipeline.get_pipeline(name="one")
    assert seen["pipeline"]["pipelineType"] == "V1" and seen["pipeline"]["stages"][0]["actions"][0]["runOrder"] == 1
    state = aws.codepipeline.get_pipeline_state(name="one")
    assert [one["stageName"] for one in state["stageStates"]] == ["Source", "Build"]
    arn = seen["metadata"]["pipelineArn"]
    aws.codepipeline.tag_resource(resourceArn=arn, tags=[{"key": "c", "value": "d"}])
    aws.codepipeline.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws.codepipeline.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "c", "value": "d"}]
    for _ in range(2):
        aws.codepipeline.delete_pipeline(name="one")
    with aws.refused("PipelineNotFoundException"):
        aws.codepipeline.get_pipeline(name="one")


def test_a_connection_waits_for_a_person(aws):
    client = aws.codeconnections
    tags = [{"Key": "a", "Value": "b"}]
    arns = [
        client.create_connection(ConnectionName="one", ProviderType="GitHub", Tags=tags)["ConnectionArn"]
        for _ in range(2)
    ]
    assert len(set(arns)) == 2
    about = {"ConnectionArn": arns[0]}
    assert client.get_connection(**about)["Connection"]["ConnectionStatus"] == "PENDING"
    client.tag_resource(ResourceArn=arns[0], Tags=[{"Key": "c", "Value": "d"}])
    client.untag_resource(ResourceArn=arns[0], TagKeys=["a"])
    assert client.list_tags_for_resource(ResourceArn=arns[0])["Tags"] == [{"Key": "c", "Value": "d"}]
    client.delete_connection(**about)
    assert [one["ConnectionArn"] for one in client.list_connections()["Connections"]] == arns[1:]
    with aws.refused("ResourceNotFoundException"):
        client.get_connection(**about)
