"""What each scanner finds, in one form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import parliament

from applied import Applied
from deviations import Finding

Counts = dict[str, int]
Scan = Callable[[Applied, Counts], Iterator[Finding]]

# The services that the platform uses, and those that watch an account as a whole.
SERVICES = (
    "accessanalyzer account acm autoscaling backup cloudfront cloudtrail cloudwatch codebuild codepipeline config ec2 "
    "ecr eks elbv2 eventbridge guardduty iam kms rds route53 s3 secretsmanager securityhub sns ssm vpc wafv2"
).split()
# CloudFront and its certificates are in the second one.
REGIONS = ["eu-west-1", "us-east-1"]


def _scan(command: list[str], platform: Applied, allowed: tuple[int, ...] = (0,)) -> str:
    ended = subprocess.run(command, cwd=platform.folder, env=platform.environment, capture_output=True, text=True)
    if ended.returncode not in allowed:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def prowler(platform: Applied, counts: Counts) -> Iterator[Finding]:
    """Checks of an account by what its APIs answer."""
    out = platform.folder / "prowler"
    command = [os.environ["PLATCTL_PROWLER"], "-m", "prowler", "aws", "--no-banner", "--log-level", "CRITICAL"]
    command += ["--region", *REGIONS, "--service", *SERVICES]
    command += ["--output-formats", "json-ocsf", "--output-directory", str(out), "--output-filename", "found"]
    _scan([*command, "--ignore-exit-code-3"], platform)
    for row in json.loads((out / "found.ocsf.json").read_text()):
        status = row["status_code"]
        counts[status] = counts.get(status, 0) + 1
        if status == "FAIL":
            severity = f"FAIL, {row['severity'].lower()}"
            counts[severity] = counts.get(severity, 0) + 1
            name = platform.name(row["resources"][0]["uid"])
            yield Finding("prowler", row["metadata"]["event_code"], name, row["severity"])


def _identity_policies(platform: Applied) -> dict[str, Any]:
    """Everything about identities, in the form in which IAM answers it."""
    session = boto3.Session(
        aws_access_key_id=platform.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=platform.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=REGIONS[0],
    )
    client = session.client("iam", endpoint_url=platform.environment["AWS_ENDPOINT_URL"])
    details: dict[str, Any] = {}
    for page in client.get_paginator("get_account_authorization_details").paginate():
        for key, rows in page.items():
            if isinstance(rows, list):
                details.setdefault(key, []).extend(rows)
    attached = {one["PolicyArn"] for role in details["RoleDetailList"] for one in role["AttachedManagedPolicies"]}
    # The emulator leaves the names out.
    details["Policies"] = [
        {"PolicyName": policy["Arn"].split("/")[-1], "PolicyId": policy["Arn"]} | policy
        for policy in details["Policies"]
        if policy["Arn"] in attached
    ]
    return details


def cloudsplaining(platform: Applied, counts: Counts) -> Iterator[Finding]:
    """What identities could do with what they are allowed: escalate, take data out, change what is shared."""
    details, out = platform.folder / "identities.json", platform.folder / "cloudsplaining"
    details.write_text(json.dumps(_identity_policies(platform), default=str))
    out.mkdir()
    main = "from cloudsplaining.bin.cli import main; main()"
    command = [sys.executable, "-c", main, "scan", "--input-file", str(details), "--output", str(out)]
    _scan([*command, "--skip-open-report"], platform)
    results = json.loads((out / "iam-results-identities.json").read_text())
    counts["roles"] = len(results["roles"])
    counts["policies"] = len(results["inline_policies"]) + len(results["aws_managed_policies"])
    kinds = ["PrivilegeEscalation", "ResourceExposure", "DataExfiltration", "CredentialsExposure", "ServiceWildcard"]
    for identities in (results["roles"], results["users"]):
        for identity in identities.values():
            for policy in identity["inline_policies"]:
                for kind in kinds:
                    found = results["inline_policies"][policy][kind]
                    found = found["findings"] if isinstance(found, dict) else found
                    for one in found:
                        counts[kind] = counts.get(kind, 0) + 1
                        what = one["type"] if isinstance(one, dict) else one
                        yield Finding("cloudsplaining", kind, f"{platform.name(identity['name'])}: {what}")


def _policies(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy in the spec of a resource."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
        else:
            for below in value.values():
                yield from _policies(below)
    elif isinstance(value, list):
        for below in value:
            yield from _policies(below)


def _written(value: Any) -> Any:
    """A part of a policy as it is sent to AWS: a list of one is its only value."""
    if isinstance(value, dict):
        return {key: _written(below) for key, below in value.items()}
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def linter(platform: Applied, counts: Counts) -> Iterator[Finding]:
    """Whether policies say what AWS understands: those of identities, resources and endpoints."""
    for address, resource in platform.resources.items():
        for policy in _policies((resource.get("object") or {}).get("spec")):
            if any("Resource" not in one and "NotResource" not in one for one in policy["Statement"]):
                continue  # Of a role, for those who take it on: it has no resource, and the linter knows no other kind.
            counts["policies"] = counts.get("policies", 0) + 1
            policy["Statement"] = [_written(one) for one in policy["Statement"]]
            for found in parliament.analyze_policy_string(json.dumps(policy)).findings:
                actions = [one["action"] if isinstance(one, dict) else one for one in found.detail or []]
                what = ", ".join(actions) if len(actions) < 5 else "several actions"
                yield Finding("parliament", found.issue, f"{address}: {what}")


def _write_repository(platform: Applied, folder: Path) -> None:
    """The GitOps repository as platctl rendered it."""
    for path, file in platform.resources["gitops.files"]["object"]["spec"]["files"].items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file if isinstance(file, str) else json.dumps(file))


def checkov(platform: Applied, counts: Counts) -> Iterator[Finding]:
    """Checks of what runs in the cluster: the manifests of the GitOps repository."""
    folder = platform.folder / "gitops"
    _write_repository(platform, folder)
    command = [os.environ["PLATCTL_CHECKOV"], "-m", "checkov.main", "--directory", str(folder), "--output", "json"]
    command += ["--framework", "kubernetes", "secrets", "--skip-download", "--quiet"]
    answer = json.loads(_scan(command, platform, (0, 1)))
    for report in answer if isinstance(answer, list) else [answer]:
        for status in ("passed", "failed"):
            counts[status] = counts.get(status, 0) + report["summary"][status]
        for row in report["results"]["failed_checks"]:
            resource = row["resource"] if report["check_type"] == "kubernetes" else "a text"
            path = row["file_path"].lstrip("/").removeprefix("gitops/")
            yield Finding("checkov", row["check_id"], f"{path}: {resource}", row["check_name"])


SCANNERS: dict[str, Scan] = {
    "parliament": linter,
    "cloudsplaining": cloudsplaining,
    "checkov": checkov,
    "prowler": prowler,
}
