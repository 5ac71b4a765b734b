"""Git itself, over HTTP: what Argo CD, Image Updater and people do with a repository, by the Git of this machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from .git import Repository
from .http import Answer, Refused, Request

# Git reads no settings of the user's.
QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
WHO = "committer platctl <platctl@example.com> 0 +0000"


def asked_for(request: Request) -> str | None:
    """The repository that a request of Git is for: `acme/prod-gitops` of `acme/prod-gitops.git/info/refs`."""
    ends = [place for place, part in enumerate(request.path) if part.endswith(".git")]
    rest = request.path[ends[0] + 1 :] if ends else []
    if rest not in (["info", "refs"], ["git-upload-pack"], ["git-receive-pack"]):
        return None
    return "/".join(request.path[: ends[0] + 1]).removesuffix(".git")


def git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    """What a command of Git prints."""
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, input=given, env=os.environ | QUIET, capture_output=True, check=True).stdout


def exported(repository: Repository, folder: Path) -> dict[str, str]:
    """Writes all commits and branches into an empty folder; answers which commit of Git's stands for which of ours."""
    git(folder, "init", "--quiet", "--bare", f"--initial-branch={repository.default}")
    stream, marks = bytearray(), {sha: number for number, sha in enumerate(repository.commits, 1)}
    for sha, commit in repository.commits.items():
        message = commit.message.encode()
        stream += f"commit refs/platctl/{sha}\nmark :{marks[sha]}\n{WHO}\ndata {len(message)}\n".encode() + message
        for place, parent in enumerate(commit.parents):
            stream += f"\n{'merge' if place else 'from'} :{marks[parent]}".encode()
        stream += b"\ndeleteall\n"
        for path, text in repository.trees[commit.tree].items():
            content = text.encode()
            stream += f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
    for name, sha in repository.branches.items():
        stream += f"reset refs/heads/{name}\nfrom :{marks[sha]}\n".encode()
    git(folder, "fast-import", "--quiet", "--export-marks=marks", given=bytes(stream))
    known = {}
    for line in (folder / "marks").read_text().splitlines():
        mark, sha = line.split()
        known[sha] = list(repository.commits)[int(mark.removeprefix(":")) - 1]
    return known


def imported(repository: Repository, folder: Path, known: dict[str, str]) -> None:
    """Takes over what was pushed."""
    lines = git(folder, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads").decode()
    branches = dict(line.split() for line in lines.splitlines())
    new = git(folder, "rev-list", "--reverse", "--topo-order", "--branches").decode().split()
    for sha in (sha for sha in new if sha not in known):
        parents = git(folder, "log", "-1", "--format=%P", sha).decode().split()
        message = git(folder, "log", "-1", "--format=%B", sha).decode().strip()
        paths = git(folder, "ls-tree", "-r", "-z", "--name-only", sha).decode().split("\0")[:-1]
        files = {path: git(folder, "show", f"{sha}:{path}").decode() for path in paths}
        made = repository.commit(repository.tree(files), tuple(known[parent] for parent in parents), message)
        known[sha] = made.sha
    repository.branches = {name: known[sha] for name, sha in branches.items()}


def backend(folder: Path, request: Request, path: str) -> Answer:
    """The answer of Git's own program for servers."""
    variables = {
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": "token",
        "PATH_INFO": path,
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.content_type,
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }
    head, _, body = subprocess.run(
        ["git", "http-backend"], input=request.body, env=os.environ | QUIET | variables, capture_output=True, check=True
    ).stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    status = int(headers.pop("Status", "200 OK").split()[0])
    return status, headers, body


def serve(request: Request, repository: Repository, writes: bool) -> Answer:
    """One request of `git clone`, `git fetch` or `git push`."""
    pushes = "git-receive-pack" in (request.path[-1], request.query.get("service"))
    if pushes and (not writes or repository.protected):
        raise Refused(403, "Write access to repository not granted.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        known = exported(repository, folder)
        git(folder, "config", "transfer.hideRefs", "refs/platctl")
        rest = "/info/refs" if request.path[-1] == "refs" else f"/{request.path[-1]}"
        answer = backend(folder, request, rest)
        if request.path[-1] == "git-receive-pack":
            imported(repository, folder, known)
        return answer
