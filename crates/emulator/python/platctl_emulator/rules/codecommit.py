"""CodeCommit: repositories with what is in them. moto has neither keys nor tags nor commits."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from ..answers import Refused, result
from ..store import STORE
from ..things import arn, found, now, tags_of
from .registry import before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def repository_of(call: Call, key: str = "repositoryName") -> Any:
    """The repository that a call names."""
    name = call.params[key]
    return found(STORE.of(call, "codecommit"), name, "RepositoryDoesNotExistException", f"{name} does not exist")


def shown(repository: dict[str, Any]) -> dict[str, Any]:
    """A repository as an answer shows it."""
    return {key: value for key, value in repository.items() if key != "branches" and value is not None}


@before("codecommit:CreateRepository")
def create(call: Call) -> Answer:
    """An empty repository."""
    things, params = STORE.of(call, "codecommit"), call.params
    name = params["repositoryName"]
    if name in things:
        raise Refused("RepositoryNameExistsException", f"Repository named {name} already exists")
    host = f"git-codecommit.{call.region}.amazonaws.com/v1/repos/{name}"
    things[name] = {
        "accountId": call.account,
        "repositoryId": str(uuid.uuid4()),
        "repositoryName": name,
        "repositoryDescription": params.get("repositoryDescription"),
        "kmsKeyId": params.get("kmsKeyId") or arn(call, "alias/aws/codecommit", "kms"),
        "creationDate": now(),
        "lastModifiedDate": now(),
        "cloneUrlHttp": f"https://{host}",
        "cloneUrlSsh": f"ssh://{host}",
        "Arn": arn(call, name),
        "branches": {},
    }
    tags_of(call, things[name]["Arn"]).update(params.get("tags") or {})
    return result(call, {"repositoryMetadata": shown(things[name])})


@before("codecommit:GetRepository")
def get(call: Call) -> Answer:
    """As it is now."""
    return result(call, {"repositoryMetadata": shown(repository_of(call))})


@before("codecommit:ListRepositories")
def listing(call: Call) -> Answer:
    """All of them."""
    things = STORE.of(call, "codecommit").values()
    return result(
        call, {"repositories": [{key: one[key] for key in ("repositoryName", "repositoryId")} for one in things]}
    )


@before("codecommit:DeleteRepository")
def delete(call: Call) -> Answer:
    """One that is not there is no error."""
    gone = STORE.of(call, "codecommit").pop(call.params["repositoryName"], None)
    if gone:
        tags_of(call, gone["Arn"]).clear()
    return result(call, {"repositoryId": gone["repositoryId"]} if gone else {})


@before("codecommit:UpdateRepositoryName")
def rename(call: Call) -> Answer:
    """The same repository under another name, with another ARN and URL."""
    things, new = STORE.of(call, "codecommit"), call.params["newName"]
    repository = repository_of(call, "oldName")
    if new in things:
        raise Refused("RepositoryNameExistsException", f"Repository named {new} already exists")
    tags = dict(tags_of(call, repository["Arn"]))
    tags_of(call, repository["Arn"]).clear()
    host = f"git-codecommit.{call.region}.amazonaws.com/v1/repos/{new}"
    del things[repository["repositoryName"]]
    things[new] = repository
    repository.update(
        repositoryName=new, Arn=arn(call, new), cloneUrlHttp=f"https://{host}", cloneUrlSsh=f"ssh://{host}"
    )
    tags_of(call, repository["Arn"]).update(tags)
    return result(call, {})


@before("codecommit:UpdateRepositoryDescription")
def describe(call: Call) -> Answer:
    """Another description."""
    repository_of(call)["repositoryDescription"] = call.params.get("repositoryDescription")
    return result(call, {})


@before("codecommit:UpdateRepositoryEncryptionKey")
def encrypt(call: Call) -> Answer:
    """Another key."""
    repository = repository_of(call)
    old, repository["kmsKeyId"] = repository["kmsKeyId"], call.params["kmsKeyId"]
    return result(call, {"repositoryId": repository["repositoryId"], "kmsKeyId": old, "originalKmsKeyId": old})


@before("codecommit:CreateCommit")
def commit(call: Call) -> Answer:
    """Writes and deletes files on a branch, which the first commit makes."""
    repository, params = repository_of(call), call.params
    name = params["branchName"]
    branch = repository["branches"].get(name)
    if branch is None and repository["branches"]:
        raise Refused("BranchDoesNotExistException", f"{name} does not exist")
    if branch and params.get("parentCommitId") != branch["commit"]:
        raise Refused("ParentCommitIdOutdatedException", "The parent is not the tip of the branch")
    files = dict(branch["files"]) if branch else {}
    before_it = dict(files)
    for put in params.get("putFiles") or []:
        files[put["filePath"]] = put.get("fileContent") or b""
    for gone in params.get("deleteFiles") or []:
        files.pop(gone["filePath"], None)
    if files == before_it:
        raise Refused("NoChangeException", "Nothing would change")
    number = hashlib.sha1(repr(sorted(files.items())).encode() + uuid.uuid4().bytes).hexdigest()
    repository["branches"][name] = {"commit": number, "files": files}
    repository.setdefault("defaultBranch", name)
    return result(call, {"commitId": number, "treeId": number})


@before("codecommit:GetBranch")
def get_branch(call: Call) -> Answer:
    """Where a branch is."""
    name = call.params["branchName"]
    branch = found(repository_of(call)["branches"], name, "BranchDoesNotExistException", f"{name} does not exist")
    return result(call, {"branch": {"branchName": name, "commitId": branch["commit"]}})


@before("codecommit:ListBranches")
def list_branches(call: Call) -> Answer:
    """All on one page."""
    return result(call, {"branches": sorted(repository_of(call)["branches"])})


@before("codecommit:CreateBranch")
def create_branch(call: Call) -> Answer:
    """A branch at a commit that another one is at."""
    branches = repository_of(call)["branches"]
    at = [branch for branch in branches.values() if branch["commit"] == call.params["commitId"]]
    if not at:
        raise Refused("CommitDoesNotExistException", "There is no such commit")
    branches[call.params["branchName"]] = dict(at[0])
    return result(call, {})


def branch_at(call: Call, repository: dict[str, Any]) -> Any:
    """The branch that a call reads: by its name or commit, or the default one."""
    at = call.params.get("commitSpecifier") or repository.get("defaultBranch")
    branches = repository["branches"].items()
    return next((branch for name, branch in branches if at in (name, branch["commit"])), {"files": {}, "commit": ""})


@before("codecommit:GetFile")
def get_file(call: Call) -> Answer:
    """A file of a branch, or of the default one."""
    path, branch = call.params["filePath"], branch_at(call, repository_of(call))
    content = found(branch["files"], path, "FileDoesNotExistException", f"{path} does not exist")
    shown_file = {"filePath": path, "fileContent": content, "fileSize": len(content), "fileMode": "NORMAL"}
    return result(call, {**shown_file, "commitId": branch["commit"], "blobId": hashlib.sha1(content).hexdigest()})


@before("codecommit:GetFolder")
def get_folder(call: Call) -> Answer:
    """What is in a folder of a branch, or of the default one."""
    folder, branch = call.params["folderPath"].strip("/"), branch_at(call, repository_of(call))
    below = f"{folder}/" if folder else ""
    names = [path.removeprefix(below) for path in branch["files"] if path.startswith(below)]
    if not names:
        raise Refused("FolderDoesNotExistException", f"{folder} does not exist")
    folders = sorted({name.partition("/")[0] for name in names if "/" in name})
    files = [
        {"absolutePath": below + name, "relativePath": name, "fileMode": "NORMAL"} for name in names if "/" not in name
    ]
    subfolders = [{"absolutePath": below + name, "relativePath": name} for name in folders]
    return result(call, {"commitId": branch["commit"], "folderPath": folder, "subFolders": subfolders, "files": files})


@before("codecommit:ListTagsForResource")
def list_tags(call: Call) -> Answer:
    """Tags."""
    return result(call, {"tags": tags_of(call, call.params["resourceArn"])})


@before("codecommit:TagResource")
def tag(call: Call) -> Answer:
    """More tags."""
    tags_of(call, call.params["resourceArn"]).update(call.params["tags"])
    return result(call, {})


@before("codecommit:UntagResource")
def untag(call: Call) -> Answer:
    """Fewer tags."""
    for key in call.params["tagKeys"]:
        tags_of(call, call.params["resourceArn"]).pop(key, None)
    return result(call, {})
