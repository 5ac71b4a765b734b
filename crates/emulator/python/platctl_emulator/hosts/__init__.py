"""Hosts of Git repositories outside of AWS, as far as platctl speaks to them: GitHub and GitLab. Requests to
`https://HOST/PATH` come to `/_platctl/hosts/HOST/PATH`."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .. import guard
from ..guard import GUARD
from . import smart
from .git import Repository
from .github import App, GitHub
from .gitlab import MAINTAINER, GitLab
from .http import Answer, Refused, Request, answer


def new_key() -> tuple[str, str]:
    """The public and the private half of a key, as GitHub hands the latter out."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return public.decode(), private.decode()


class Hosts:
    """All hosts."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.github, self.gitlab = GitHub(), GitLab()

    def answer(self, environ: dict[str, Any]) -> Answer:
        """A host's answer. GitLab's API has its version in its path, GitHub's does not."""
        if not GUARD.controls(environ):
            status, headers, body = guard.refusal("requests to hosts carry the access key in the header X-Platctl-Key")
            return status, headers, body
        request = Request(environ)
        if request.path[:2] == ["api", "v4"]:
            return self.gitlab.answer(request)
        if request.host == "api.github.com" or request.path[:2] == ["api", "v3"]:
            return self.github.answer(request)
        name = smart.asked_for(request)
        if name is not None:
            return self._git(request, name)
        return answer(404, {"message": "Not Found"})

    def _git(self, request: Request, name: str) -> Answer:
        """Git asks without a password first."""
        token = request.password()
        writes = self.github.admits(token, name)
        if writes is None:
            writes = self.gitlab.admits(token, name)
        if writes is None:
            return 401, {"WWW-Authenticate": 'Basic realm="Git"', "Content-Type": "text/plain"}, b"Unauthorized"
        try:
            return smart.serve(request, self.repository(name), writes)
        except Refused as refused:
            return answer(refused.status, refused.body)

    def repository(self, name: str) -> Repository:
        """A repository of one of the hosts."""
        return {**self.github.repositories, **self.gitlab.repositories}[name]

    def set(self, body: dict[str, Any]) -> dict[str, Any]:
        """What only people do there: repositories, Apps, tokens, commits, protected branches. Answers the private key
        of an App, which GitHub makes.
        """
        shown = {}
        if app := body.get("app"):
            public, shown["private_key"] = new_key()
            made = App(str(app["id"]), str(app["installation"]), public, list(app["repositories"]))
            made.permissions |= app.get("permissions", {})
            self.github.apps[made.number] = made
            for name in made.repositories:
                self.github.repositories.setdefault(name, Repository())
        if token := body.get("token"):
            roles = {name: int(token.get("role", MAINTAINER)) for name in token["repositories"]}
            self.gitlab.tokens[token["value"]] = roles
            for name in roles:
                self.gitlab.repositories.setdefault(name, Repository())
        if commit := body.get("commit"):
            self.repository(commit["repository"]).push(commit.get("branch", "main"), commit["files"])
        if protect := body.get("protect"):
            self.repository(protect["repository"]).protected = bool(protect["on"])
        if "remaining" in body:
            self.github.remaining = int(body["remaining"])
        return shown

    def get(self, query: dict[str, str]) -> dict[str, Any]:
        """The files of a branch, and what was said of its commits, the latest first."""
        repository = self.repository(query["repository"])
        branch = query.get("branch", repository.default)
        found, messages = repository.at(branch), []
        while found:
            messages.append(found.message)
            found = repository.commits[found.parents[0]] if found.parents else None
        return {"files": repository.files(branch), "commits": messages}


HOSTS = Hosts()
