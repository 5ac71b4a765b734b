"""GitHub: Apps with their tokens, and the Git data of repositories."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .git import Repository
from .http import Answer, Refused, Request, answer

HOUR = 3600
# The most that a proof of an App may be good for, in seconds.
LONGEST = 600
DOCS = "https://docs.github.com/rest"


@dataclass
class App:
    """An App, where it is installed, and what it may do there."""

    number: str
    installation: str
    key: str
    repositories: list[str]
    permissions: dict[str, str] = field(default_factory=lambda: {"contents": "write", "metadata": "read"})


def unpadded(text: str) -> bytes:
    """What stands in a part of a JSON web token."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def missing() -> Refused:
    """What is private is not there."""
    return Refused(404, "Not Found", documentation_url=DOCS)


def empty() -> Refused:
    """A repository without commits answers no question about Git data."""
    return Refused(409, "Git Repository is empty.", documentation_url=DOCS)


class Keys:
    """The deploy keys of all repositories. A key is good for one of them."""

    def __init__(self) -> None:
        self.all: dict[str, list[dict[str, Any]]] = {}

    def answer(self, request: Request, name: str, path: list[str]) -> Answer:
        """What is asked of the keys of a repository."""
        keys = self.all.setdefault(name, [])
        if not path and request.method == "POST":
            return self._add(keys, request.json())
        if not path:
            size, page = (int(request.query.get(key, usual)) for key, usual in (("per_page", 30), ("page", 1)))
            return answer(200, keys[(page - 1) * size : page * size])
        found = [key for key in keys if str(key["id"]) == path[0]]
        if not found:
            raise missing()
        if request.method == "DELETE":
            keys.remove(found[0])
            return answer(204, {})
        return answer(200, found[0])

    def _add(self, keys: list[dict[str, Any]], body: dict[str, Any]) -> Answer:
        kind, _, blob = str(body.get("key", "")).partition(" ")
        try:
            data = base64.b64decode(blob.split(" ")[0], validate=True)
        except binascii.Error:
            data = b""
        if kind not in ("ssh-ed25519", "ssh-rsa") or not data.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
            raise self._invalid("key is invalid. You must supply a key in OpenSSH public key format")
        text = f"{kind} {blob.split(' ')[0]}"
        if any(key["key"] == text for others in self.all.values() for key in others):
            raise self._invalid("key is already in use")
        number = 1 + max((key["id"] for others in self.all.values() for key in others), default=0)
        made = {"id": number, "key": text, "title": body.get("title", ""), "verified": True}
        made["read_only"] = bool(body.get("read_only", False))
        keys.append(made)
        return answer(201, made)

    @staticmethod
    def _invalid(message: str) -> Refused:
        error = {"resource": "PublicKey", "code": "custom", "field": "key", "message": message}
        return Refused(422, "Validation Failed", errors=[error], documentation_url=DOCS)


class GitHub:
    """All that this AWS knows of GitHub."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}
        self.repositories: dict[str, Repository] = {}
        self.keys = Keys()
        self.remaining = 5000
        self._tokens: dict[str, tuple[float, list[str], dict[str, str]]] = {}

    def answer(self, request: Request) -> Answer:
        """Every answer has its number, and tells how many more there may be."""
        self.remaining = max(self.remaining - 1, 0)
        try:
            status, headers, body = self._answer(request)
        except Refused as refused:
            status, headers, body = answer(refused.status, refused.body)
        headers |= {
            "X-GitHub-Request-Id": ":".join(secrets.token_hex(2).upper() for _ in range(4)),
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(int(time.time()) + HOUR),
        }
        return status, headers, body

    def _answer(self, request: Request) -> Answer:
        if not request.headers.get("user-agent"):
            raise Refused(403, "Request forbidden by administrative rules. Please have a User-Agent header.")
        if not self.remaining:
            raise Refused(403, "API rate limit exceeded for installation.", documentation_url=DOCS)
        path = request.path[2:] if request.path[:2] == ["api", "v3"] else request.path
        if path[:2] == ["app", "installations"] and path[3:] == ["access_tokens"]:
            return self._token(request, path[2])
        if path[0] != "repos" or len(path) < 3:
            raise missing()
        name = f"{path[1]}/{path[2]}"
        may = self._admitted(request, name)
        not_accessible = Refused(403, "Resource not accessible by integration", documentation_url=DOCS)
        if path[3:4] == ["keys"]:
            if may.get("administration") != "write":
                raise not_accessible
            return self.keys.answer(request, name, path[4:])
        if request.method != "GET" and may.get("contents") != "write":
            raise not_accessible
        if changes_workflows(request, path[3:]) and may.get("workflows") != "write":
            raise not_accessible
        return self._of(self.repositories[name], name, request, path[3:])

    def _proven(self, request: Request) -> App:
        """The App that a request's JSON web token is from."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        undecoded = Refused(401, "A JSON web token could not be decoded", documentation_url=DOCS)
        try:
            head, claims, signature = token.split(".")
            said = json.loads(unpadded(claims))
            algorithm = json.loads(unpadded(head))["alg"]
            app = self.apps[str(said["iss"])]
            key = load_pem_public_key(app.key.encode())
        except (ValueError, KeyError, binascii.Error) as error:
            raise undecoded from error
        if algorithm != "RS256" or not isinstance(key, RSAPublicKey):
            raise undecoded
        try:
            key.verify(unpadded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error) as error:
            raise undecoded from error
        now = time.time()
        if said["iat"] > now:
            raise Refused(401, "'Issued at' claim ('iat') must be an Integer representing the time that it was issued")
        if not now < said["exp"] <= now + LONGEST:
            raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
        return app

    def _token(self, request: Request, installation: str) -> Answer:
        """A token for some of the repositories of an installation, with some of its permissions."""
        app, body = self._proven(request), request.json()
        if app.installation != installation:
            raise missing()
        owner = app.repositories[0].partition("/")[0] if app.repositories else ""
        wanted = [f"{owner}/{name}" for name in body.get("repositories", [])] or app.repositories
        if not set(wanted) <= set(app.repositories):
            text = "There is at least one repository that does not exist or is not accessible."
            raise Refused(422, text, documentation_url=DOCS)
        asked = body.get("permissions") or app.permissions
        if any(app.permissions.get(name) not in (level, "write") for name, level in asked.items()):
            text = "The permissions requested are not granted to this installation."
            raise Refused(422, text, documentation_url=DOCS)
        token = f"ghs_{secrets.token_urlsafe(27)}"
        self._tokens[token] = time.time() + HOUR, wanted, asked
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + HOUR))
        return answer(201, {"token": token, "expires_at": ends, "permissions": asked})

    def _admitted(self, request: Request, name: str) -> dict[str, str]:
        """What a token may do in a repository. One that it does not include is not there."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("token ")
        ends, names, may = self._tokens.get(token, (0.0, [], {}))
        if time.time() >= ends:
            raise Refused(401, "Bad credentials", documentation_url=DOCS)
        if name not in names or name not in self.repositories:
            raise missing()
        return may

    def admits(self, token: str, name: str) -> bool | None:
        """Whether a token may write to a repository by Git; none where it may not even read it."""
        ends, names, may = self._tokens.get(token, (0.0, [], {}))
        known = time.time() < ends and name in names and name in self.repositories
        return may.get("contents") == "write" if known else None

    def _of(self, repository: Repository, name: str, request: Request, path: list[str]) -> Answer:
        about = {"full_name": name, "private": True, "default_branch": repository.default}
        calls = {
            ("GET", ()): lambda: answer(200, about),
            ("GET", ("git", "ref")): lambda: reference(repository, path),
            ("POST", ("git", "refs")): lambda: new_reference(repository, request.json()),
            ("PATCH", ("git", "refs")): lambda: move(repository, path, request.json()),
            ("GET", ("git", "commits")): lambda: commit_of(repository, path[2]),
            ("POST", ("git", "commits")): lambda: new_commit(repository, request.json()),
            ("POST", ("git", "trees")): lambda: new_tree(repository, request.json()),
        }
        if path[:1] == ["contents"]:
            if request.method == "PUT":
                return put(repository, "/".join(path[1:]), request.json())
            return content(repository, "/".join(path[1:]), request)
        call = calls.get((request.method, tuple(path[:2])))
        if call is None:
            raise missing()
        return call()


def changes_workflows(request: Request, path: list[str]) -> bool:
    """Whether a request writes or deletes a workflow: contents alone do not permit it."""
    if request.method == "GET":
        return False
    if path[:2] == ["git", "trees"]:
        written = [str(entry.get("path", "")) for entry in request.json().get("tree") or []]
    else:
        written = ["/".join(path[1:])] if path[:1] == ["contents"] else []
    return any(one.startswith(".github/workflows/") for one in written)


def shown(name: str, sha: str) -> dict[str, Any]:
    """A reference."""
    return {"ref": f"refs/heads/{name}", "object": {"type": "commit", "sha": sha}}


def branch_of(path: list[str]) -> str:
    """The branch that `git/ref/heads/…` names."""
    if path[2:3] != ["heads"]:
        raise missing()
    return "/".join(path[3:])


def reference(repository: Repository, path: list[str]) -> Answer:
    """Where a branch is."""
    if not repository.branches:
        raise empty()
    name = branch_of(path)
    if name not in repository.branches:
        raise missing()
    return answer(200, shown(name, repository.branches[name]))


def new_reference(repository: Repository, body: dict[str, Any]) -> Answer:
    """A new branch at a commit."""
    if not repository.branches:
        raise empty()
    ref, sha = body.get("ref", ""), body.get("sha", "")
    name = ref.removeprefix("refs/heads/")
    if name in repository.branches:
        raise Refused(422, "Reference already exists", documentation_url=DOCS)
    if not ref.startswith("refs/heads/") or sha not in repository.commits:
        raise Refused(422, "Object does not exist", documentation_url=DOCS)
    repository.branches[name] = sha
    return answer(201, shown(name, sha))


def move(repository: Repository, path: list[str], body: dict[str, Any]) -> Answer:
    """A branch at another commit, which comes after the one that it was at."""
    name, sha = branch_of(path), body.get("sha", "")
    if name not in repository.branches:
        raise Refused(422, "Reference does not exist", documentation_url=DOCS)
    if sha not in repository.commits:
        raise Refused(422, "Object does not exist", documentation_url=DOCS)
    if repository.protected:
        text = "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
        raise Refused(422, text, documentation_url=DOCS)
    if not body.get("force") and not repository.leads_to(sha, repository.branches[name]):
        raise Refused(422, "Update is not a fast forward", documentation_url=DOCS)
    repository.branches[name] = sha
    return answer(200, shown(name, sha))


def commit_of(repository: Repository, sha: str) -> Answer:
    """A commit."""
    if not repository.commits:
        raise empty()
    found = repository.commits.get(sha)
    if found is None:
        raise missing()
    parents = [{"sha": parent} for parent in found.parents]
    return answer(200, {"sha": sha, "tree": {"sha": found.tree}, "parents": parents, "message": found.message})


def new_commit(repository: Repository, body: dict[str, Any]) -> Answer:
    """A commit that no branch is at yet."""
    if not repository.commits:
        raise empty()
    parents = tuple(body.get("parents") or ())
    if body.get("tree") not in repository.trees or not set(parents) <= repository.commits.keys():
        raise Refused(422, "Tree SHA does not exist", documentation_url=DOCS)
    if not body.get("message"):
        raise Refused(422, "Invalid request.\n\n\"message\" wasn't supplied.", documentation_url=DOCS)
    made = repository.commit(body["tree"], parents, body["message"])
    return answer(201, {"sha": made.sha, "tree": {"sha": made.tree}})


def new_tree(repository: Repository, body: dict[str, Any]) -> Answer:
    """A tree from another one, with files that are written and files that are left out."""
    if not repository.commits:
        raise empty()
    base = body.get("base_tree")
    if base is not None and base not in repository.trees:
        raise Refused(422, "base_tree is not a valid tree oid", documentation_url=DOCS)
    files = dict(repository.trees[base]) if base else {}
    for entry in body.get("tree") or []:
        path = entry.get("path", "")
        if entry.get("mode") != "100644" or entry.get("type") != "blob":
            raise Refused(422, "Must supply a valid tree.mode", documentation_url=DOCS)
        if any(part in ("", ".", "..", ".git") for part in path.split("/")):
            raise Refused(422, "tree.path contains a malformed path component", documentation_url=DOCS)
        if "content" in entry:
            files[path] = entry["content"]
        elif "sha" in entry and entry["sha"] is None:
            if path not in files:
                raise Refused(422, "GitRPC::BadObjectState", documentation_url=DOCS)
            del files[path]
        else:
            raise Refused(422, "Must supply either tree.sha or tree.content", documentation_url=DOCS)
    return answer(201, {"sha": repository.tree(files)})


def content(repository: Repository, path: str, request: Request) -> Answer:
    """A file, as it is where that is asked for."""
    files = repository.files(request.query.get("ref", repository.default))
    if path not in files:
        raise missing()
    text = files[path].encode()
    if "raw" in request.headers.get("accept", ""):
        return 200, {"Content-Type": "application/vnd.github.raw+json; charset=utf-8"}, text
    encoded = base64.encodebytes(text).decode()
    return answer(200, {"type": "file", "path": path, "encoding": "base64", "content": encoded})


def put(repository: Repository, path: str, body: dict[str, Any]) -> Answer:
    """A file in a commit of its own, on the default branch: the only way into an empty repository."""
    branch = body.get("branch", repository.default)
    if repository.branches and branch not in repository.branches:
        raise Refused(404, f"Branch {branch} not found", documentation_url=DOCS)
    if path in repository.files(branch) and "sha" not in body:
        raise Refused(422, "Invalid request.\n\n\"sha\" wasn't supplied.", documentation_url=DOCS)
    try:
        text = base64.b64decode(body["content"], validate=True).decode()
    except (KeyError, binascii.Error) as error:
        raise Refused(422, "content is not valid Base64", documentation_url=DOCS) from error
    sha = repository.push(branch, {path: text}, body["message"])
    return answer(201, {"content": {"path": path}, "commit": {"sha": sha}})
