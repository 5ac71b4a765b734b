"""GitHub and GitLab, as far as platctl speaks to them."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from platctl_emulator.guard import GUARD
from platctl_emulator.hosts import HOSTS

from harness import ENDPOINT

# The key of the App, which GitHub makes.
KEYS = {}
NAME = "acme/prod-gitops"
GITHUB, GITLAB = "api.github.com", "gitlab.com/api/v4"
AT = f"{GITHUB}/repos/{NAME}"


def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def proof(key=None, algorithm="RS256", **claims):
    """A JSON web token of the App."""
    now, key = int(time.time()), key or KEYS["app"]
    claims = {"iat": now - 60, "exp": now + 540, "iss": "12", **claims}
    text = f"{part(json.dumps({'alg': algorithm}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{text}.{part(key.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


class Client:
    """Somebody who speaks to a host."""

    def __init__(self, aws, **headers):
        self.aws, self.sent = aws, {"User-Agent": "test", **headers}

    def raw(self, method, path, body=None, **more):
        headers = {"X-Platctl-Key": GUARD.key, **self.sent, **more}
        text = json.dumps(body).encode() if body is not None else b""
        return self.aws.raw(method, f"{ENDPOINT}/_platctl/hosts/{path}", headers, text)[:3]

    def __call__(self, method, path, body=None, status=200):
        """The answer's body, which has to come with this status."""
        found, _, text = self.raw(method, path, body)
        assert found == status, (found, text)
        return json.loads(text)

    def refused(self, method, path, status, words, body=None):
        assert words in self(method, path, body, status)["message"]


def token(aws, repositories=("prod-gitops",), permissions=None):
    """A token of the App's installation."""
    app = Client(aws, Authorization=f"Bearer {proof()}")
    asked = {"repositories": list(repositories), "permissions": permissions or {"contents": "write"}}
    return app("POST", f"{GITHUB}/app/installations/34/access_tokens", asked, 201)["token"]


@pytest.fixture
def github(aws):
    app = {"id": "12", "installation": "34", "repositories": [NAME]}
    pem = aws.control("POST hosts", {"app": app})["private_key"]
    KEYS["app"] = serialization.load_pem_private_key(pem.encode(), None)
    return Client(aws, Authorization=f"Bearer {token(aws)}")


def begin(github):
    """The first commit; answers it."""
    content = base64.b64encode(b"{}").decode()
    return github("PUT", f"{AT}/contents/a.json", {"message": "first", "content": content}, 201)["commit"]["sha"]


def commit(github, parent, entries, status=200):
    """A commit as platctl makes it."""
    base = github("GET", f"{AT}/git/commits/{parent}")["tree"]["sha"]
    tree = github("POST", f"{AT}/git/trees", {"base_tree": base, "tree": entries}, 201)["sha"]
    body = {"message": "more", "tree": tree, "parents": [parent]}
    sha = github("POST", f"{AT}/git/commits", body, 201)["sha"]
    return github("PATCH", f"{AT}/git/refs/heads/main", {"sha": sha, "force": False}, status), sha


def blob(path, **more):
    return {"path": path, "mode": "100644", "type": "blob", **more}


def test_hosts_are_the_owners_alone(aws):
    assert aws.raw("GET", f"{ENDPOINT}/_platctl/hosts/{AT}")[0] == 403


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "13"}, "could not be decoded"),
        ({"algorithm": "HS256"}, "could not be decoded"),
        ({"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}, "could not be decoded"),
        ({"exp": int(time.time()) + 3600}, "too far in the future"),
        ({"iat": int(time.time()) + 3600}, "Issued at"),
    ],
)
def test_an_app_proves_who_it_is(aws, github, claims, words):
    wrong = Client(aws, Authorization=f"Bearer {proof(**claims)}")
    wrong.refused("POST", f"{GITHUB}/app/installations/34/access_tokens", 401, words, {})


def test_a_token_is_for_what_the_app_is_installed_on(aws, github):
    app = Client(aws, Authorization=f"Bearer {proof()}")
    tokens = f"{GITHUB}/app/installations/34/access_tokens"
    app.refused("POST", tokens, 422, "not accessible", {"repositories": ["other"]})
    app.refused("POST", tokens, 422, "not granted", {"permissions": {"administration": "write"}})
    app.refused("POST", f"{GITHUB}/app/installations/35/access_tokens", 404, "Not Found", {})
    Client(aws, Authorization="Bearer ghs_x").refused("GET", AT, 401, "Bad credentials")
    github.refused("GET", f"{GITHUB}/repos/acme/other", 404, "Not Found")
    reader = Client(aws, Authorization=f"Bearer {token(aws, permissions={'contents': 'read'})}")
    reader.refused("PUT", f"{AT}/contents/a", 403, "not accessible by integration", {"message": "x", "content": ""})


def test_workflows_are_another_permission(aws, github):
    commit(github, begin(github), [blob("a", content="x")])
    base = HOSTS.repository(NAME).commits[HOSTS.repository(NAME).branches["main"]].tree
    path = ".github/workflows/check.yml"
    body = {"base_tree": base, "tree": [blob(path, content="on: push")]}
    github.refused("POST", f"{AT}/git/trees", 403, "not accessible by integration", body)
    file = {"message": "x", "content": ""}
    github.refused("PUT", f"{AT}/contents/{path}", 403, "not accessible by integration", file)
    app = Client(aws, Authorization=f"Bearer {proof()}")
    asked = {"contents": "write", "workflows": "write"}
    app.refused("POST", f"{GITHUB}/app/installations/34/access_tokens", 422, "not granted", {"permissions": asked})
    HOSTS.github.apps["12"].permissions["workflows"] = "write"
    allowed = Client(aws, Authorization=f"Bearer {token(aws, permissions=asked)}")
    allowed("POST", f"{AT}/git/trees", body, 201)


def test_deploy_keys(aws, github):
    github.refused("GET", f"{AT}/keys", 403, "not accessible by integration")
    HOSTS.github.apps["12"].permissions["administration"] = "write"
    admin = Client(aws, Authorization=f"Bearer {token(aws, permissions={'administration': 'write'})}")
    assert admin("GET", f"{AT}/keys?per_page=100&page=1") == []
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    made = admin("POST", f"{AT}/keys", {"title": "one", "key": f"{text} me@host", "read_only": True}, 201)
    assert (made["key"], made["read_only"]) == (text, True)
    assert admin("GET", f"{AT}/keys") == [made]
    assert admin("GET", f"{AT}/keys?per_page=1&page=2") == []
    again = admin("POST", f"{AT}/keys", {"title": "two", "key": text}, 422)
    assert again["errors"][0]["message"] == "key is already in use"
    wrong = admin("POST", f"{AT}/keys", {"title": "two", "key": "ssh-ed25519 AAAA"}, 422)
    assert "key is invalid" in wrong["errors"][0]["message"]
    status, _, _ = admin.raw("DELETE", f"{AT}/keys/{made['id']}")
    assert status == 204 and admin("GET", f"{AT}/keys") == []
    admin.refused("DELETE", f"{AT}/keys/{made['id']}", 404, "Not Found")


def test_who_says_nothing_of_itself_is_refused(aws, github):
    status, _, text = github.raw("GET", AT, **{"User-Agent": ""})
    assert status == 403 and b"User-Agent" in text


def test_calls_are_counted(aws, github):
    _, headers, _ = github.raw("GET", AT)
    assert headers["X-RateLimit-Limit"] == "5000" and headers["X-GitHub-Request-Id"]
    aws.control("POST hosts", {"remaining": 1})
    status, headers, text = github.raw("GET", AT)
    assert (status, headers["X-RateLimit-Remaining"]) == (403, "0") and b"rate limit" in text


def test_an_empty_repository_takes_a_file_and_nothing_else(github):
    assert github("GET", AT)["default_branch"] == "main"
    for method, path in (("GET", "git/ref/heads/main"), ("POST", "git/trees"), ("POST", "git/refs")):
        github.refused(method, f"{AT}/{path}", 409, "empty", {} if method == "POST" else None)
    first = begin(github)
    assert github("GET", f"{AT}/git/ref/heads/main")["object"]["sha"] == first
    again = {"message": "first", "content": ""}
    github.refused("PUT", f"{AT}/contents/a.json", 422, "wasn't supplied", again)


def test_a_commit_of_many_files(github):
    first = begin(github)
    _, second = commit(github, first, [blob("b c/ü.md", content="text"), blob("a.json", sha=None)])
    status, _, text = github.raw("GET", f"{AT}/contents/b%20c/%C3%BC.md?ref={second}", Accept="application/x.raw")
    assert (status, text) == (200, b"text")
    assert base64.b64decode(github("GET", f"{AT}/contents/b%20c/%C3%BC.md?ref=main")["content"]) == b"text"
    github.refused("GET", f"{AT}/contents/a.json?ref={second}", 404, "Not Found")
    body = {"base_tree": HOSTS.repository(NAME).commits[second].tree, "tree": [blob("a.json", sha=None)]}
    github.refused("POST", f"{AT}/git/trees", 422, "BadObjectState", body)
    body["tree"] = [blob("../x", content="")]
    github.refused("POST", f"{AT}/git/trees", 422, "malformed path", body)


def test_nobody_is_written_over(aws, github):
    first = begin(github)
    aws.control("POST hosts", {"commit": {"repository": NAME, "files": {"theirs": "x"}}})
    said, _ = commit(github, first, [blob("ours", content="y")], 422)
    assert said["message"] == "Update is not a fast forward"
    assert aws.control(f"GET hosts?repository={NAME}")["files"] == {"a.json": "{}", "theirs": "x"}


def test_a_protected_branch_takes_no_commits(aws, github):
    first = begin(github)
    aws.control("POST hosts", {"protect": {"repository": NAME, "on": True}})
    said, _ = commit(github, first, [blob("ours", content="y")], 422)
    assert "through a pull request" in said["message"]


def test_branches(github):
    first = begin(github)
    body = {"ref": "refs/heads/feature/x", "sha": first}
    github("POST", f"{AT}/git/refs", body, 201)
    github.refused("POST", f"{AT}/git/refs", 422, "already exists", body)
    github.refused("POST", f"{AT}/git/refs", 422, "does not exist", {"ref": "refs/heads/y", "sha": "0" * 40})
    assert github("GET", f"{AT}/git/ref/heads/feature/x")["object"]["sha"] == first
    github.refused("GET", f"{AT}/git/ref/heads/none", 404, "Not Found")


def test_a_server_of_ones_own(aws, github):
    assert github("GET", f"git.example.com/api/v3/repos/{NAME}")["full_name"] == NAME


PROJECT = f"{GITLAB}/projects/acme%2Fplatform%2Fprod-gitops"


@pytest.fixture
def gitlab(aws):
    allowed = {"value": "glpat-one", "repositories": ["acme/platform/prod-gitops"]}
    aws.control("POST hosts", {"token": allowed})
    return Client(aws, **{"Private-Token": "glpat-one"})


def act(action, path, **more):
    return {"action": action, "file_path": path, **more}


def push(gitlab, *actions, status=201, branch="main"):
    body = {"branch": branch, "commit_message": "more", "actions": list(actions)}
    return gitlab("POST", f"{PROJECT}/repository/commits", body, status)


def test_a_project_is_for_its_tokens(aws, gitlab):
    assert gitlab("GET", PROJECT)["empty_repo"] is True
    gitlab.refused("GET", f"{GITLAB}/projects/acme%2Fother", 404, "Project Not Found")
    Client(aws, **{"Private-Token": "x"}).refused("GET", PROJECT, 401, "401 Unauthorized")
    Client(aws).refused("GET", PROJECT, 401, "401 Unauthorized")


def test_commits_of_actions(gitlab):
    first = push(gitlab, act("create", "a/ü.md", content="1"), act("create", "b", content="2"))["id"]
    assert gitlab("GET", PROJECT)["default_branch"] == "main"
    assert gitlab("GET", f"{PROJECT}/repository/branches/main")["commit"]["id"] == first
    second = push(gitlab, act("update", "b", content="3", last_commit_id=first))["id"]
    seen = gitlab("GET", f"{PROJECT}/repository/files/a%2F%C3%BC.md?ref={second}")
    assert (base64.b64decode(seen["content"]), seen["last_commit_id"]) == (b"1", first)
    push(gitlab, act("delete", "b", last_commit_id=second))
    gitlab.refused("GET", f"{PROJECT}/repository/files/b?ref=main", 404, "File Not Found")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (act("create", "a", content="2"), "already exists"),
        (act("update", "b", content="2"), "doesn't exist"),
        (act("update", "a", content="2", last_commit_id="0" * 40), "since you started editing"),
        (act("delete", "a", last_commit_id="0" * 40), "since you started editing"),
    ],
)
def test_actions_say_what_they_change(gitlab, action, words):
    push(gitlab, act("create", "a", content="1"))
    assert words in push(gitlab, action, status=400)["message"]


def test_developers_do_not_push_to_the_default_branch(aws, gitlab):
    push(gitlab, act("create", "a", content="1"))
    allowed = {"value": "glpat-two", "repositories": ["acme/platform/prod-gitops"], "role": 30}
    aws.control("POST hosts", {"token": allowed})
    developer = Client(aws, **{"Private-Token": "glpat-two"})
    assert "not allowed to push" in push(developer, act("create", "b", content="1"), status=403)["message"]
    developer("POST", f"{PROJECT}/repository/branches", {"branch": "mine", "ref": "main"}, 201)
    push(developer, act("create", "b", content="1"), branch="mine")
    assert "on a branch" in push(developer, act("create", "b", content="1"), status=400, branch="none")["message"]


def test_a_reset_forgets_hosts(aws, gitlab):
    aws.reset()
    gitlab.refused("GET", PROJECT, 401, "401 Unauthorized")
