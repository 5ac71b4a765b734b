"""What moto makes for every region, account, key and answer though hardly anybody looks at it: made when somebody
does, or once."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from moto.acm import models as acm
from moto.core import responses, utils
from moto.core.errors import ErrorLookupFactory
from moto.ec2.models import EC2Backend
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.kms import models as kms
from werkzeug import urls

from .wrap import around

LOAD_IMAGES = EC2Backend._load_amis
NUMBERS = random.Random()


def apply(_profile: Any) -> None:
    """Changes the backends."""
    # Thousands of images, with a volume and a snapshot each, in every region, after every reset.
    EC2Backend._load_amis = lambda self: None
    EC2Backend.amis = property(images, lambda self, images: setattr(self, "known_images", images))
    # Some 1,500 documents, for every account and after every reset.
    IAMBackend._init_aws_policies = aws_policies
    kms.generate_private_key = key_of(kms.generate_private_key)
    responses.gen_amzn_requestid_long = request_id
    # moto meant to keep them, and makes the keeper anew for every error.
    ErrorLookupFactory._create_error_lut = staticmethod(lru_cache(maxsize=None)(ErrorLookupFactory._create_error_lut))
    utils.service_name_from_moto_package_name = lambda name: service_names().get(name, name)
    one_key_for_certificates()
    # The host of every request, decoded several times for each.
    urls._decode_idna = lru_cache(maxsize=1024)(urls._decode_idna)


@cache
def service_names() -> dict[str, Any]:
    """Services by moto's names of them."""
    return {name.replace("-", ""): name for name in utils.create_loader().list_available_services("service-2")}


def images(self: Any) -> Any:
    """AWS's images, when they are asked for."""
    if not hasattr(self, "images_loaded"):
        self.images_loaded = True
        LOAD_IMAGES(self)
    return self.known_images


def aws_policies(self: Any) -> list[Any]:
    """Copies: how often a policy is attached is noted in it."""
    return [copy.copy(policy) for policy in parsed_policies(self.account_id, self.region_name)]


@cache
def parsed_policies(account: str, region: str) -> list[Any]:
    """AWS's managed policies."""
    from moto.iam import models

    documents = models.json.loads(models.aws_managed_policies_data)
    return [AWSManagedPolicy.from_data(name, account, region, data) for name, data in documents.items()]


def key_of(make: Any) -> Callable[..., Any]:
    """Only keys that sign need a pair."""
    return lambda spec: None if spec in ("SYMMETRIC_DEFAULT", None) or spec.startswith("HMAC") else make(spec)


def request_id(headers: Any = None) -> Any:
    """An answer's id."""
    # Without the operating system's random numbers: asking for them gives another thread the interpreter.
    number = str(uuid.UUID(int=NUMBERS.getrandbits(128), version=4))
    if isinstance(headers, dict):
        headers["x-amzn-requestid"] = number
    return number


def one_key_for_certificates() -> None:
    """A pair of keys takes as long as fifty requests; whose certificate it is nobody checks here."""
    make = lru_cache(maxsize=None)(acm.cryptography.hazmat.primitives.asymmetric.rsa.generate_private_key)
    checked: dict[bytes, Any] = {}

    @around(acm.CertBundle, "validate_pk")
    def validate(old: Callable[..., Any], bundle: Any) -> Any:
        if bundle.key not in checked:
            checked[bundle.key] = old(bundle)
        return checked[bundle.key]

    @around(acm.CertBundle, "generate_cert")
    def generate(old: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        rsa = acm.cryptography.hazmat.primitives.asymmetric.rsa
        usual, rsa.generate_private_key = rsa.generate_private_key, make
        try:
            return old(*args, **kwargs)
        finally:
            rsa.generate_private_key = usual
