"""ACM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from ..answers import Refused, result
from ..backends import backend
from ..patches.acm import base, record, users
from ..timeline import TIMELINE
from .registry import after, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


# AWS seconds until the records of a new certificate are made, and until they are seen in the DNS.
RECORDED, ISSUED = 5, 60
KEYS = ("RSA_2048", "EC_prime256v1", "EC_secp384r1")


@before("acm:RequestCertificate")
def request(call: Call) -> Answer:
    """One token makes one certificate. Its records are known some seconds later."""
    params, known = call.params, backend(call)
    token, names = params.get("IdempotencyToken"), [params["DomainName"]]
    names += [name for name in params.get("SubjectAlternativeNames") or [] if name not in names]
    key = params.get("KeyAlgorithm") or "RSA_2048"
    if key not in KEYS:
        raise Refused("InvalidParameterException", f"{key} cannot be requested")
    if len(names) > 10:
        raise Refused("LimitExceededException", "The certificate has too many domain names")
    if len(params["DomainName"]) > 64 or any("." not in name for name in names):
        raise Refused("InvalidParameterException", f"{names} has what is no domain name")
    asked = (names, key)
    for certificate in known._certificates.values():
        if token and getattr(certificate, "token", None) == token and certificate.asked == asked:
            return result(call, {"CertificateArn": certificate.arn})
    arn = known.request_certificate(names[0], None, names, params.get("Tags") or [], None, params.get("Options"))
    certificate = known._certificates[arn]
    certificate.account, certificate.token, certificate.asked = call.account, token, asked
    certificate.names, certificate.key_algorithm = [name.lower() for name in names], key
    certificate.recorded, certificate.validated = False, set()

    def recorded() -> None:
        certificate.recorded = True
        TIMELINE.after(ISSUED, lambda: validate(certificate))

    TIMELINE.after(RECORDED, recorded)
    return result(call, {"CertificateArn": arn})


@after("route53:ChangeResourceRecordSets")
def records_are_seen(call: Call) -> None:
    """A change of the DNS is seen after a while."""
    for region in dict(get_backend("acm")[call.account]).values():
        for certificate in region._certificates.values():
            if certificate.status == "PENDING_VALIDATION" and hasattr(certificate, "names"):
                TIMELINE.after(ISSUED, lambda certificate=certificate: validate(certificate))


def validate(certificate: Any) -> None:
    """A certificate is issued when the records of all of its names are in a public zone."""
    if certificate.status != "PENDING_VALIDATION" or not certificate.recorded:
        return
    there = set()
    for partition in dict(get_backend("route53")[certificate.account]).values():
        for zone in partition.zones.values():
            for rrset in zone.rrsets:
                if rrset.type == "CNAME" and not zone.private_zone:
                    values = [str(value).rstrip(".").lower() for value in rrset.records or []]
                    there.update((rrset.name.rstrip(".").lower(), value) for value in values)
    for name in certificate.names:
        wanted = tuple(part.rstrip(".") for part in record(certificate, name))
        if wanted in there:
            certificate.validated.add(base(name))
    if all(base(name) in certificate.validated for name in certificate.names):
        certificate.status = "ISSUED"


@before("acm:DeleteCertificate")
def certificate_is_free(call: Call) -> None:
    """A certificate stays for as long as something has it."""
    certificate = backend(call)._certificates.get(call.params.get("CertificateArn"))
    if certificate is not None and hasattr(certificate, "account") and users(certificate):
        message = f"Certificate {certificate.arn} in account {call.account} is in use."
        raise Refused("ResourceInUseException", message)
