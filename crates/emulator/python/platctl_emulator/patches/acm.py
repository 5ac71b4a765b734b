"""ACM: certificates that are issued once their records are in the DNS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.backends import get_backend

from ..store import STORE
from .wrap import around


def issued_unless_validated(self: Any) -> None:
    """A certificate that no rule has looked at needs no validation."""
    if not hasattr(self, "names") and self.status == "PENDING_VALIDATION":
        self.status = "ISSUED"


def apply(_profile: Any) -> None:
    """Changes the ACM backend."""
    # moto issues what has waited for a minute. Here the DNS decides, where rules hold; elsewhere nothing does.
    CertBundle.check = issued_unless_validated

    @around(CertBundle, "describe")
    def describe(old: Callable[..., Any], self: Any) -> Any:
        answer = old(self)
        certificate = answer["Certificate"]
        if not hasattr(self, "names"):
            return answer
        certificate["SubjectAlternativeNames"] = self.names
        certificate["KeyAlgorithm"] = self.key_algorithm.replace("RSA_", "RSA-")
        certificate["InUseBy"] = users(self)
        if self.status != "ISSUED":
            for name in ("IssuedAt", "NotAfter", "NotBefore", "Serial"):
                certificate.pop(name, None)
        certificate["DomainValidationOptions"] = [option(self, name) for name in self.names]
        return answer

    @around(AWSCertificateManagerBackend, "list_certificates")
    def listed(old: Callable[..., Any], self: Any, statuses: Any, includes: Any) -> Any:
        # Requests and answers spell keys differently.
        kinds = (includes or {}).get("keyTypes")
        if kinds:
            includes = {**includes, "keyTypes": [*kinds, *(kind.replace("RSA_", "RSA-") for kind in kinds)]}
        return old(self, statuses, includes)


def base(name: str) -> str:
    """A domain and its wildcard are validated by one record."""
    return name.removeprefix("*.")


def record(certificate: Any, name: str) -> Any:
    """The record of a domain: the same for every certificate of an account."""
    digest = hashlib.md5(f"{certificate.account}/{base(name)}".encode()).hexdigest()
    other = digest[::-1]
    return f"_{digest}.{base(name)}.", f"_{other}.{digest[:10]}.acm-validations.aws."


def option(certificate: Any, name: str) -> Any:
    """How one name stands."""
    status = "SUCCESS" if base(name) in certificate.validated else "PENDING_VALIDATION"
    shown: dict[str, Any] = {
        "DomainName": name,
        "ValidationDomain": name,
        "ValidationStatus": status,
        "ValidationMethod": "DNS",
    }
    if certificate.recorded:
        record_name, value = record(certificate, name)
        shown["ResourceRecord"] = {"Name": record_name, "Type": "CNAME", "Value": value}
    return shown


def users(certificate: Any) -> list[Any]:
    """The load balancers and distributions that have a certificate."""
    found = set()
    for region in dict(get_backend("elbv2")[certificate.account]).values():
        for balancer in region.load_balancers.values():
            if any(certificate.arn in listener.certificates for listener in balancer.listeners.values()):
                found.add(balancer.arn)
    for distribution in STORE.of(certificate, "cloudfront.Distribution", "global").values():
        if certificate.arn in repr([distribution["Config"], distribution["Before"]]):
            found.add(distribution["Arn"])
    return sorted(found)
