"""Where the packages with AWS's own data are. They are read, never imported."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@cache
def folder(package: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"{package} is not installed: run tests/truth/run")
    return Path(spec.submodule_search_locations[0])


@cache
def read(path: Path) -> Any:
    """A JSON file, which may be compressed."""
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def plain(name: str) -> str:
    """A name without what spellings differ in: `db_cluster_id` and `DBClusterId` are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
