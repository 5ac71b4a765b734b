"""GitLab: projects by access tokens, and commits of many actions."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from .git import Repository
from .http import Answer, Refused, Request, answer

# Who may push to a branch that is protected, as the default one is.
MAINTAINER = 40


class GitLab:
    """All that this AWS knows of GitLab."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        # The role of each token in the projects that it is for.
        self.tokens: dict[str, dict[str, int]] = {}

    def answer(self, request: Request) -> Answer:
        """Every answer has its number."""
        try:
            status, headers, body = self._answer(request)
        except Refused as refused:
            status, headers, body = answer(refused.status, refused.body)
        return status, headers | {"X-Request-Id": secrets.token_hex(13).upper()}, body

    def admits(self, token: str, name: str) -> bool | None:
        """Whether a token may write to a repository by Git; none where it may not even read it."""
        role = self.tokens.get(token, {}).get(name)
        return None if role is None else role >= MAINTAINER

    def _answer(self, request: Request) -> Answer:
        path = request.path
        if path[:3] != ["api", "v4", "projects"] or len(path) < 4:
            raise Refused(404, "404 Not Found")
        roles = self.tokens.get(request.headers.get("private-token", ""))
        if roles is None:
            raise Refused(401, "401 Unauthorized")
        name = path[3]
        if name not in roles or name not in self.repositories:
            raise Refused(404, "404 Project Not Found")
        repository, rest = self.repositories[name], path[4:]
        if not rest:
            return answer(200, project(repository, name))
        calls = {
            ("GET", "branches"): lambda: branch(repository, rest[2]),
            ("POST", "branches"): lambda: new_branch(repository, request.json()),
            ("GET", "files"): lambda: file(repository, rest[2], request.query),
            ("POST", "commits"): lambda: commit(repository, request.json(), roles[name]),
        }
        call = calls.get((request.method, rest[1] if rest[0] == "repository" and len(rest) > 1 else ""))
        if call is None:
            raise Refused(404, "404 Not Found")
        return call()


def project(repository: Repository, name: str) -> dict[str, Any]:
    """A project; an empty one has no default branch yet."""
    empty = not repository.branches
    return {
        "path_with_namespace": name,
        "visibility": "private",
        "empty_repo": empty,
        "default_branch": None if empty else repository.default,
    }


def shown(repository: Repository, name: str) -> dict[str, Any]:
    """A branch."""
    return {"name": name, "commit": {"id": repository.branches[name]}, "protected": name == repository.default}


def branch(repository: Repository, name: str) -> Answer:
    """Where a branch is."""
    if name not in repository.branches:
        raise Refused(404, "404 Branch Not Found")
    return answer(200, shown(repository, name))


def new_branch(repository: Repository, body: dict[str, Any]) -> Answer:
    """A branch at another one, or at a commit."""
    name, at = body["branch"], repository.at(body["ref"])
    if name in repository.branches:
        raise Refused(400, "Branch already exists")
    if at is None:
        raise Refused(400, f"Invalid reference name: {body['ref']}")
    repository.branches[name] = at.sha
    return answer(201, shown(repository, name))


def file(repository: Repository, path: str, query: dict[str, str]) -> Answer:
    """A file at a commit."""
    if "ref" not in query:
        raise Refused(400, "ref is missing, ref is empty")
    at = repository.at(query["ref"])
    if at is None:
        raise Refused(404, "404 Commit Not Found")
    files = repository.files(at.sha)
    if path not in files:
        raise Refused(404, "404 File Not Found")
    content = base64.b64encode(files[path].encode()).decode()
    last = repository.last_change(at.sha, path)
    body = {"file_path": path, "ref": query["ref"], "encoding": "base64", "content": content}
    return answer(200, body | {"commit_id": at.sha, "last_commit_id": last})


def changed(repository: Repository, name: str, actions: list[dict[str, Any]]) -> dict[str, str]:
    """The files of a branch after some actions; all of them, or none."""
    files = dict(repository.files(name)) if name in repository.branches else {}
    for action in actions:
        path, kind = action["file_path"], action["action"]
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise Refused(400, "file_path should be a valid file path")
        if kind == "create":
            if path in files:
                raise Refused(400, "A file with this name already exists")
            files[path] = action["content"]
            continue
        if path not in files:
            raise Refused(400, "A file with this name doesn't exist")
        last = action.get("last_commit_id")
        if last and last != repository.last_change(name, path):
            text = "You are attempting to update a file that has changed since you started editing it."
            raise Refused(400, text)
        if kind == "update":
            files[path] = action["content"]
        elif kind == "delete":
            del files[path]
        else:
            raise Refused(400, "actions[action] does not have a valid value")
    return files


def commit(repository: Repository, body: dict[str, Any], role: int) -> Answer:
    """A commit on a branch, which the first one of a repository makes."""
    for key in ("branch", "commit_message", "actions"):
        if not body.get(key):
            raise Refused(400, f"{key} is missing")
    name = body["branch"]
    if repository.branches and name not in repository.branches:
        raise Refused(400, "You can only create or edit files when you are on a branch")
    if name == repository.default and (repository.protected or role < MAINTAINER):
        raise Refused(403, "You are not allowed to push into this branch")
    files = changed(repository, name, body["actions"])
    parent = repository.branches.get(name)
    if not repository.branches:
        repository.default = name
    made = repository.commit(repository.tree(files), (parent,) if parent else (), body["commit_message"])
    repository.branches[name] = made.sha
    return answer(201, {"id": made.sha, "parent_ids": list(made.parents), "message": made.message})
