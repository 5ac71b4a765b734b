"""Repositories of hosts outside of AWS: commits of whole trees, and branches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field


def digest(kind: str, value: object) -> str:
    """The name of a thing, which follows from what it is."""
    return hashlib.sha1(f"{kind} {json.dumps(value, sort_keys=True)}".encode()).hexdigest()


@dataclass(frozen=True)
class Commit:
    """A commit: the name of its tree, its parents, and what was said."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str


@dataclass
class Repository:
    """A private repository."""

    default: str = "main"
    protected: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)

    def tree(self, files: dict[str, str]) -> str:
        """Keeps a tree; answers its name."""
        sha = digest("tree", files)
        self.trees[sha] = dict(files)
        return sha

    def commit(self, tree: str, parents: tuple[str, ...], message: str) -> Commit:
        """Keeps a commit that no branch is at yet."""
        sha = digest("commit", [tree, parents, message, len(self.commits)])
        self.commits[sha] = Commit(sha, tree, parents, message)
        return self.commits[sha]

    def at(self, ref: str) -> Commit | None:
        """The commit of a branch, or of its own name."""
        return self.commits.get(self.branches.get(ref, ref))

    def files(self, ref: str) -> dict[str, str]:
        """What is in a commit."""
        found = self.at(ref)
        return self.trees[found.tree] if found else {}

    def leads_to(self, new: str, old: str) -> bool:
        """Whether a commit comes after another one."""
        waiting, seen = [new], set()
        while waiting:
            sha = waiting.pop()
            if sha == old:
                return True
            if sha not in seen:
                seen.add(sha)
                waiting.extend(self.commits[sha].parents)
        return False

    def last_change(self, ref: str, path: str) -> str:
        """The commit that gave a file its present text."""
        found = self.at(ref)
        text = self.files(ref).get(path)
        while found and found.parents and self.files(found.parents[0]).get(path) == text:
            found = self.commits[found.parents[0]]
        return found.sha if found else ""

    def push(self, branch: str, files: dict[str, str | None], message: str = "by hand") -> str:
        """Commits as a person does; a file without a text is deleted."""
        tip = self.branches.get(branch) or self.branches.get(self.default)
        now = dict(self.files(tip) if tip else {})
        for path, text in files.items():
            if text is None:
                now.pop(path, None)
            else:
                now[path] = text
        made = self.commit(self.tree(now), (tip,) if tip else (), message)
        self.branches[branch] = made.sha
        return made.sha
