"""API servers of clusters: objects applied by the server, with its account of whose fields are whose."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from .guard import GUARD

# Version, kind, plural, and whether it stands in a namespace.
BUILT_IN = (
    ("v1", "Namespace", "namespaces", False),
    ("v1", "ConfigMap", "configmaps", True),
    ("v1", "Secret", "secrets", True),
    ("v1", "Service", "services", True),
    ("v1", "Node", "nodes", False),
    ("v1", "Pod", "pods", True),
    ("v1", "PersistentVolume", "persistentvolumes", False),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", True),
    ("v1", "ServiceAccount", "serviceaccounts", True),
    ("apps/v1", "Deployment", "deployments", True),
    ("apps/v1", "StatefulSet", "statefulsets", True),
    ("apps/v1", "DaemonSet", "daemonsets", True),
    ("batch/v1", "Job", "jobs", True),
    ("batch/v1", "CronJob", "cronjobs", True),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", True),
    ("networking.k8s.io/v1", "Ingress", "ingresses", True),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", True),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", False),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", True),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", True),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False),
)
# Maps that the API declares atomic: a manager owns all of one or nothing of it, so an apply replaces it.
ATOMIC = {
    "Service": ("spec", "selector"),
    "Deployment": ("spec", "selector"),
    "StatefulSet": ("spec", "selector"),
    "DaemonSet": ("spec", "selector"),
    "PodDisruptionBudget": ("spec", "selector"),
    "NetworkPolicy": ("spec", "podSelector"),
}
HEADERS = {"Content-Type": "application/json"}
PATH = re.compile(r"^/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?P<rest>/.*)?$")


class Denied(Exception):
    """The server says no."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


class Server:
    """The API server of one cluster."""

    def __init__(self) -> None:
        self.objects, self.version = {}, 0
        # Told of an object that is to go; answers whether its controller has let it go. And whether nobody may come in.
        self.deleted: Any = None
        self.denied = False

    def served(self) -> Iterator[Any]:
        """All kinds that are served now."""
        yield from BUILT_IN
        for object in list(self.objects.values()):
            if object["kind"] == "CustomResourceDefinition":
                spec = object["spec"]
                for version in spec["versions"]:
                    names = spec["names"]
                    yield (
                        f"{spec['group']}/{version['name']}",
                        names["kind"],
                        names["plural"],
                        spec["scope"] == "Namespaced",
                    )

    def answer(self, method: Any, path: str, query: dict[str, str], body: bytes) -> Any:
        """One request."""
        match = PATH.match(path)
        if not match:
            raise Denied(404, "NotFound", "the server could not find the requested resource")
        version = f"{match['group']}/{match['version']}" if match["group"] else match["version"]
        parts = [part for part in (match["rest"] or "").split("/") if part]
        if not parts:
            return self.discover(version)
        namespace = None
        if len(parts) > 2 and parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        plural, name = parts[0], parts[1] if len(parts) > 1 else None
        namespaced = {(served, other): within for served, _, other, within in self.served()}.get((version, plural))
        # What stands in a namespace is served there alone, but for lists.
        if namespaced is None or name is not None and namespaced != (namespace is not None):
            raise Denied(404, "NotFound", "the server could not find the requested resource")
        if name is None:
            items = [
                object
                for key, object in self.objects.items()
                if key[:2] == (version, plural) and namespace in (None, key[2])
            ]
            return {"kind": "List", "apiVersion": version, "metadata": {}, "items": items}
        key = (version, plural, namespace, name)
        if parts[2:] == ["status"] and method == "PATCH":
            return self.patch_status(key, json.loads(body))
        if method == "PATCH" and "fieldManager" not in query:
            return self.merge(key, json.loads(body))
        if method == "PATCH":
            return self.apply(key, query, json.loads(body))
        if key not in self.objects:
            raise Denied(404, "NotFound", f'{plural} "{name}" not found')
        return self.delete(key) if method == "DELETE" else self.objects[key]

    def discover(self, version: Any) -> dict[str, Any]:
        """The kinds of a version."""
        kinds = [
            {
                "name": plural,
                "singularName": "",
                "kind": kind,
                "namespaced": namespaced,
                "verbs": ["get", "list", "patch", "delete"],
            }
            for served, kind, plural, namespaced in self.served()
            if served == version
        ]
        if not kinds:
            raise Denied(404, "NotFound", "the server could not find the requested resource")
        return {"kind": "APIResourceList", "groupVersion": version, "resources": kinds}

    def apply(self, key: tuple[Any, ...], query: dict[str, str], stated: Any) -> Any:
        """What a manager states becomes so; what it stated before and does not any more goes."""
        namespace = key[2]
        if namespace not in (None, "kube-system") and ("v1", "namespaces", None, namespace) not in self.objects:
            raise Denied(404, "NotFound", f'namespaces "{namespace}" not found')
        manager = query["fieldManager"]
        object = self.objects.get(key) or {"metadata": {"uid": secrets.token_hex(16), "generation": 0}}
        before = json.dumps(object, sort_keys=True)
        account = object["metadata"].get("managedFields", [])
        mine = next((entry for entry in account if entry["manager"] == manager), None)
        if mine:
            drop(object, mine["fieldsV1"], stated)
        merge(object, stated)
        whole = ATOMIC.get(stated.get("kind"))
        if whole and whole[1] in stated.get(whole[0], {}):
            object[whole[0]][whole[1]] = json.loads(json.dumps(stated[whole[0]][whole[1]]))
        fields = fields_of({field: value for field, value in stated.items() if field not in ("apiVersion", "kind")})
        for header in ("f:name", "f:namespace"):
            fields.get("f:metadata", {}).pop(header, None)
        entry = {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": key[0],
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        object["metadata"]["managedFields"] = [other for other in account if other is not mine] + [entry]
        if json.dumps(object, sort_keys=True) != before:
            self.version += 1
            object["metadata"]["resourceVersion"] = str(self.version)
            object["metadata"]["generation"] += 1
        settle(object)
        self.objects[key] = object
        return object

    def merge(self, key: tuple[Any, ...], patch: Any) -> Any:
        """A merge patch of what is there."""
        if key not in self.objects:
            raise Denied(404, "NotFound", f'{key[1]} "{key[3]}" not found')
        object = self.objects[key]
        patched(object, patch)
        self.version += 1
        object["metadata"]["resourceVersion"] = str(self.version)
        settle(object)
        return object

    def patch_status(self, key: tuple[Any, ...], patch: Any) -> Any:
        """A merge patch of the status, which is all that this subresource takes."""
        if key not in self.objects:
            raise Denied(404, "NotFound", f'{key[1]} "{key[3]}" not found')
        object = self.objects[key]
        patched(object.setdefault("status", {}), patch.get("status", {}))
        self.version += 1
        object["metadata"]["resourceVersion"] = str(self.version)
        settle_rollout(object)
        return object

    def delete(self, key: tuple[Any, ...]) -> Any:
        """What a finalizer holds stays; what is in a namespace or of a definition's kind goes along."""
        object = self.objects[key]
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if self.deleted and self.deleted(key):
            object["metadata"].pop("finalizers", None)
        if object["metadata"].get("finalizers"):
            return object
        inside = [other for other in self.objects if key[1] == "namespaces" and other[2] == key[3]]
        if key[1] == "customresourcedefinitions":
            inside = [other for other in self.objects if other[1] == object["spec"]["names"]["plural"]]
        for other in inside:
            if other in self.objects and not self.objects[other]["metadata"].get("finalizers"):
                del self.objects[other]
        if not any(other in self.objects for other in inside):
            del self.objects[key]
        return {"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}}


def named(items: Any) -> bool:
    """Whether a list is one of things with names."""
    return bool(items) and all(isinstance(item, dict) and "name" in item for item in items)


def fields_of(value: Any) -> dict[str, Any]:
    """The account of what is stated."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_of(below) for key, below in value.items()}
    if isinstance(value, list) and named(value):
        return {"k:" + json.dumps({"name": item["name"]}): {".": {}, **fields_of(item)} for item in value}
    return {}


def drop(object: Any, before: Any, stated: Any) -> None:
    """Takes away what was stated and is not any more."""
    for field, below in before.items():
        name = field.removeprefix("f:")
        if field.startswith("f:") and isinstance(object, dict) and name in object:
            if not isinstance(stated, dict) or name not in stated:
                del object[name]
            else:
                drop(object[name], below, stated[name])


def merge(into: Any, stated: Any) -> None:
    """Puts what is stated into an object."""
    for key, value in stated.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = json.loads(json.dumps(value))


def patched(into: Any, patch: Any) -> None:
    """Merges a patch: what is null goes."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            patched(into[key], value)
        else:
            into[key] = value


def settle_rollout(object: Any) -> None:
    """What Argo Rollouts does: a version that nothing pauses any more, and nobody gave up, gets the requests."""
    status = object.get("status") or {}
    if object["kind"] == "Rollout" and not status.get("pauseConditions") and not status.get("abort"):
        status.setdefault("blueGreen", {})["activeSelector"] = status.get("currentPodHash")


def settle(object: Any) -> None:
    """What controllers would do, at once."""
    replicas = (object.get("spec") or {}).get("replicas", 1)
    if object["kind"] == "CustomResourceDefinition":
        object["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
    elif object["kind"] in ("Deployment", "StatefulSet"):
        counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), replicas)
        object["status"] = {"observedGeneration": object["metadata"]["generation"], **counts}
    elif object["kind"] == "Job":
        object["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    elif object["kind"] == "Application":
        object["status"] = {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}


class Kubernetes:
    """All API servers, by a name of their own."""

    def __init__(self) -> None:
        self.base, self._servers = "", {}
        # Whether EKS lets a role do everything in the cluster of this endpoint; none where it does not even know it.
        self.permits: Any = lambda endpoint, role: None

    def begin(self) -> str:
        """A new server; answers its address."""
        name = secrets.token_hex(16)
        self._servers[name] = Server()
        return f"{self.base}/_platctl/kubernetes/{name}"

    def server(self, endpoint: str | None) -> Any:
        """The server at this address; none where there is none."""
        return self._servers.get((endpoint or "").rpartition("/")[2])

    def end(self, endpoint: str | None) -> None:
        """A server is no more."""
        self._servers.pop((endpoint or "").rpartition("/")[2], None)

    def kinds(self) -> Iterator[Any]:
        """How many objects there are of each kind."""
        for server in self._servers.values():
            for object in server.objects.values():
                yield f"kubernetes:{object['kind']}"

    def clear(self) -> None:
        """None is any more."""
        self._servers.clear()

    def _permitted(self, name: str, role: str | None) -> None:
        """A build may do what its role's access entry says, and nothing without one."""
        if role is None:
            return
        permitted = self.permits(f"{self.base}/_platctl/kubernetes/{name}", role)
        if permitted is None:
            raise Denied(401, "Unauthorized", "Unauthorized")
        if not permitted:
            raise Denied(403, "Forbidden", f'User "{role}" cannot do this: its access entry has no access policy')

    def answer(self, environ: dict[str, Any]) -> Any:
        """Status, headers and body."""
        name, _, rest = environ["PATH_INFO"].removeprefix("/_platctl/kubernetes/").partition("/")
        body = environ["wsgi.input"].read()
        query = {key: values[-1] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            if name not in self._servers:
                raise Denied(503, "ServiceUnavailable", "there is no such cluster")
            if not GUARD.admits(environ.get("HTTP_AUTHORIZATION", "")):
                raise Denied(401, "Unauthorized", "Unauthorized")
            if self._servers[name].denied:
                raise Denied(403, "Forbidden", "nobody may do anything in this cluster")
            self._permitted(name, GUARD.role(environ.get("HTTP_AUTHORIZATION", "")))
            answer = self._servers[name].answer(environ["REQUEST_METHOD"], f"/{rest}", query, body)
            return 200, HEADERS, json.dumps(answer).encode()
        except Denied as denied:
            status = {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "code": denied.code, "reason": denied.reason, "message": denied.message,
            }  # fmt: skip
            return denied.code, HEADERS, json.dumps(status).encode()


KUBERNETES = Kubernetes()
