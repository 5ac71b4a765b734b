"""Renders the charts of all components with Helm's engine, and writes down what comes out of each as a fixture."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[2]
WANTED = Path(__file__).with_name("wanted.json")
FIXTURES = ROOT / "crates/gitops/src/tests/charts"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
DEFINITION = "CustomResourceDefinition"
# A map that a template writes out, or goes through, as a whole.
WHOLE = (
    r"(?:toYaml|toJson|range|deepCopy|tpl)[^}}\n]*\.Values\.{0}(?![.\w-])"
    r"|with \.Values\.{0} -?}}}}\s*(?:[a-zA-Z]+:\s*)?{{{{-? toYaml \."
)
# Custom resources that an operator makes pods of.
OPERATED = {"Prometheus": "prometheus", "Alertmanager": "alertmanager"}


def main() -> int:
    """Writes the fixture of each chart."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--charts", type=Path, help="a folder with the charts, instead of their repositories")
    arguments.add_argument("--objects", type=Path, help="a folder for the rendered objects; then no fixture is written")
    arguments.add_argument("names", nargs="*", help="the charts to render; all of them by default")
    options = arguments.parse_args()
    FIXTURES.mkdir(exist_ok=True)
    failed = 0
    for wanted in json.loads(WANTED.read_text()):
        if options.names and wanted["chart"] not in options.names:
            continue
        try:
            chart = load(wanted, options.charts)
            if options.objects:
                write_objects(wanted, chart, options.objects)
                continue
            fixture = render(wanted, chart)
        except (helm.HelmError, ValueError) as error:
            print(f"{wanted['chart']} {wanted['version']}: {error}", file=sys.stderr)
            failed += 1
            continue
        path = FIXTURES / f"{wanted['component']}.json"
        path.write_text(json.dumps(fixture, indent=1, sort_keys=True) + "\n")
        unknown = sorted(set(paths(wanted["values"] or {})) - set(fixture["keys"]))
        for key in unknown:
            print(f"{wanted['chart']} {wanted['version']}: does not know the value `{key}`", file=sys.stderr)
        failed += bool(unknown)
    return 1 if failed else 0


def load(wanted: dict[str, Any], charts: Path | None) -> helm.Chart:
    """The chart at exactly the version that is pinned."""
    name, version = wanted["chart"], wanted["version"]
    if charts:
        chart = helm.Chart.load(charts / name)
        if chart.version != version:
            raise ValueError(f"{charts / name} is version {chart.version}")
        return chart
    with tempfile.TemporaryDirectory() as folder:
        if "://" in wanted["repository"]:
            helm.pull(name, repo_url=wanted["repository"], version=version, destination=folder)
        else:
            with helm.RegistryClient() as registry:
                registry.pull(f"oci://{wanted['repository']}/{name}:{version}", destination=folder)
        return helm.Chart.load(next(Path(folder).glob("*.tgz")))


def render(wanted: dict[str, Any], chart: helm.Chart) -> dict[str, Any]:
    """What comes out of a chart with the values of the platform."""
    values = wanted["values"] or {}
    chart.validate_schema(values)
    files = chart.render(values, name=wanted["component"], namespace=wanted["namespace"])
    objects = [one for text in files.values() for one in documents(text)]
    objects = [one for one in objects if "test" not in hook(one)]
    defined = [one for crd in chart.crds for one in documents(crd["data"])]
    templates = sources(chart)
    budgets = [one["spec"]["selector"]["matchLabels"] for one in objects if one["kind"] == "PodDisruptionBudget"]
    return {
        "chart": wanted["chart"],
        "version": chart.version,
        "app_version": chart.metadata.get("appVersion"),
        "values": values,
        "keys": sorted(key for key in paths(values) if knows(chart, templates, key)),
        "definitions": sorted(name(one) for one in objects + defined if one["kind"] == DEFINITION),
        "largest_definition": max(
            (len(json.dumps(one, separators=(",", ":"))) for one in objects + defined if one["kind"] == DEFINITION),
            default=0,
        ),
        "services": [service(one) for one in objects if one["kind"] == "Service"],
        "workloads": [workload(one, budgets) for one in objects if one["kind"] in WORKLOADS or one["kind"] in OPERATED],
    }


def write_objects(wanted: dict[str, Any], chart: helm.Chart, folder: Path) -> None:
    """All objects of a chart in one file, in an order that does not depend on its templates."""
    files = chart.render(wanted["values"] or {}, name=wanted["component"], namespace=wanted["namespace"])
    objects = [one for text in files.values() for one in documents(text)]
    objects += [one for crd in chart.crds for one in documents(crd["data"])]
    objects.sort(key=lambda one: (one["kind"], str(name(one))))
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.dump_all(objects, sort_keys=True, width=1000)
    (folder / f"{wanted['component']}.yaml").write_text(text)


def documents(text: str) -> Iterator[Any]:
    """The objects of a rendered file."""
    # Some charts put comments and nothing else into a document, or begin one in the middle of a line.
    for part in re.split(r"(?m)^---.*$", text):
        try:
            found = yaml.load(part, Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            continue
        if isinstance(found, dict) and "kind" in found:
            yield found


def name(one: Any) -> Any:
    """The name of an object."""
    return one["metadata"]["name"]


def hook(one: Any) -> str:
    """What a hook waits for; empty for what is none."""
    return str((one["metadata"].get("annotations") or {}).get("helm.sh/hook", ""))


def paths(values: Any, prefix: str = "") -> Iterator[str]:
    """All keys of values, with dots between; keys with dots in them are data."""
    for key, below in values.items():
        if "." in key or "/" in key:
            continue
        yield prefix + key
        if isinstance(below, dict):
            yield from paths(below, f"{prefix}{key}.")


def sources(chart: helm.Chart) -> str:
    """The templates of a chart and of its subcharts, whose values are below their names."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(chart.save_dir(folder))
        for archive in root.glob("charts/*.tgz"):
            helm.expand(archive.parent, archive)
        texts = []
        for path in sorted([*root.rglob("templates/**/*.yaml"), *root.rglob("templates/**/*.tpl")]):
            within = path.relative_to(root).parts
            prefix = "".join(f"{within[at + 1]}." for at, part in enumerate(within) if part == "charts")
            texts.append(path.read_text().replace(".Values.", f".Values.{prefix}"))
    return "\n".join(texts)


def knows(chart: helm.Chart, templates: str, path: str) -> bool:
    """Whether a chart does something with a value."""
    level: Any = chart.merge_values({})
    schema: Any = chart.schema or {}
    parts = path.split(".")
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        schema = (schema.get("properties") or {}).get(part) or {}
        here = re.escape(".".join(parts[: number + 1]))
        if isinstance(level, dict) and part in level:
            level = level[part]
            # What is empty by default, or not a map, takes whatever it is given; so does what is written out whole.
            empty = not level or not isinstance(level, dict)
            if not last and (empty or re.search(WHOLE.format(here), templates)):
                return True
        elif schema:
            level = {}
        else:
            return bool(re.search(rf"\.Values\.{here}\b", templates))
    return True


def service(one: Any) -> dict[str, Any]:
    """A Service, by which others reach pods."""
    return {
        "name": name(one),
        "ports": [port["port"] for port in one["spec"].get("ports", [])],
    }


def workload(one: Any, budgets: list[Any]) -> dict[str, Any]:
    """Pods, and what their containers are."""
    spec = one["spec"]
    if one["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if one["kind"] in OPERATED:
        labels = {"app.kubernetes.io/name": OPERATED[one["kind"]]}
        only = {"name": OPERATED[one["kind"]], "image": spec.get("image"), "resources": spec.get("resources")}
        pod = {**spec, "containers": [only]}
        covered = any(labels.items() <= budget.items() for budget in budgets)
    else:
        labels = spec["template"]["metadata"].get("labels") or {}
        pod = spec["template"]["spec"]
        covered = any(budget.items() <= labels.items() for budget in budgets)
    return {
        "kind": one["kind"],
        "name": name(one),
        "hook": hook(one),
        "replicas": spec.get("replicas", 1),
        "strategy": (spec.get("strategy") or spec.get("updateStrategy") or {}).get("type"),
        "volumes": sorted(kind for volume in pod.get("volumes") or [] for kind in volume if kind != "name"),
        "spread": sorted(one["topologyKey"] for one in pod.get("topologySpreadConstraints") or []),
        "disruption_budget": covered,
        "pod_security": level(one["kind"], pod),
        "before": [container(each) for each in pod.get("initContainers") or []],
        "containers": [container(each) for each in pod["containers"]],
    }


def container(one: Any) -> dict[str, Any]:
    """A container, and what it asks for."""
    ports = sorted(port["containerPort"] for port in one.get("ports") or [])
    host = sorted(port["hostPort"] for port in one.get("ports") or [] if "hostPort" in port)
    return {
        "name": one["name"],
        "image": one["image"],
        "ports": ports,
        "host_ports": host,
        "resources": one.get("resources") or {},
    }


def level(kind: str, pod: Any) -> str:
    """The strictest level of the Pod Security Standards that a pod keeps to."""
    if kind in OPERATED:
        # The operator makes the containers; what it states for the pod is what they have.
        context = pod.get("securityContext") or {}
        return "restricted" if context.get("runAsNonRoot") and context.get("seccompProfile") else "baseline"
    containers = (pod.get("initContainers") or []) + pod["containers"]
    whole = pod.get("securityContext") or {}
    own = [one.get("securityContext") or {} for one in containers]
    shared = any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    on_node = any("hostPath" in volume for volume in pod.get("volumes") or [])
    host_ports = any("hostPort" in port for one in containers for port in one.get("ports") or [])
    if shared or on_node or host_ports or any(one.get("privileged") for one in own):
        return "privileged"
    strict = all(
        one.get("allowPrivilegeEscalation") is False
        and "ALL" in (one.get("capabilities") or {}).get("drop", [])
        and not (one.get("capabilities") or {}).get("add")
        and one.get("runAsNonRoot", whole.get("runAsNonRoot"))
        and (one.get("seccompProfile") or whole.get("seccompProfile"))
        for one in own
    )
    return "restricted" if strict else "baseline"


if __name__ == "__main__":
    sys.exit(main())
