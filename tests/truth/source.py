"""What the source of a kind says: the operations that it calls, and the words that it knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from kinds import ROOT, Kind
from packages import plain

CRATES = [ROOT / "crates" / "aws" / "src", ROOT / "crates" / "kubernetes" / "src"]
ITEM = re.compile(r"^(?:    )?(?:pub(?:\(\w+\))? )?(?:(?:async )?fn|const) (\w+)", re.M)
USE = re.compile(r"^(?:pub.*)?use ([^;]*);", re.M)
QUALIFIED = re.compile(r"\b(\w+)::(?=(\w+))")
CALLED = re.compile(r"\b(?:\w+(?=\()|[A-Z_]+\b)")


@dataclass(frozen=True, eq=False)
class File:
    """A file of the source, without its tests."""

    path: Path
    text: str = field(repr=False)

    @cached_property
    def items(self) -> dict[str, str]:
        """The text of every function and constant, to the start of the next one."""
        starts = list(ITEM.finditer(self.text))
        ends = [*(match.start() for match in starts[1:]), len(self.text)][: len(starts)]
        return {match[1]: self.text[match.start() : end] for match, end in zip(starts, ends, strict=True)}

    @cached_property
    def types(self) -> set[str]:
        """The types with methods, of their own or of a trait."""
        return set(re.findall(r"^impl(?:<[^>]*>)? (?:\S+ for )?(\w+)[^{]*{", self.text, re.M))

    @cached_property
    def imports(self) -> set[str]:
        """Every word of its `use` lines."""
        return {word for line in USE.findall(self.text) for word in re.findall(r"\w+", line)}


@cache
def file(path: Path) -> File:
    return File(path, path.read_text().partition("#[cfg(test)]")[0])


@cache
def files() -> dict[str, File]:
    """The file of every kind, by the kind's name."""
    found = {}
    for path in (path for crate in CRATES for path in crate.rglob("*.rs")):
        if name := re.search(r'const NAME: &\'static str = "([\w.]+)"', file(path).text):
            found[name[1]] = file(path)
    return found


@cache
def source(kind: Kind) -> str:
    """The text of the kind's own file, and of the functions and constants elsewhere that it needs, however far off."""
    own = files()[kind.name]
    crate = next(crate for crate in CRATES if own.path.is_relative_to(crate))
    modules = {path.stem: file(path) for path in [*sorted(crate.glob("*.rs")), *sorted(own.path.parent.glob("*.rs"))]}
    mod = modules.get("mod", own)
    waiting, found = [(own, own.text)], {("", own.path): own.text}
    while waiting:
        home, text = waiting.pop()
        near = [mod, *(modules[word] for word in sorted((home.imports | mod.imports) & modules.keys()))]
        names = [(name, [modules[module]]) for module, name in QUALIFIED.findall(text) if module in modules]
        names += [(name, [mod]) for module, name in QUALIFIED.findall(text) if module == "super"]
        names += [(name, [home]) for name in set(CALLED.findall(text))]
        names += [(name, near) for name in sorted(home.imports & set(re.findall(r"\w+", text)))]
        for name, places in names:
            for place in (place for place in places if name in place.items and place is not own):
                if (name, place.path) not in found:
                    found[name, place.path] = place.items[name]
                    waiting.append((place, place.items[name]))
        for place in near:
            # Of a type with a file of its own, all methods: which of them are called, only a compiler knows.
            shared = place is mod or place in files().values()
            if home is own and not shared and place.types & home.imports and ("", place.path) not in found:
                found["", place.path] = place.text
                waiting.append((place, place.text))
    return re.sub(r"\s+\.", ".", "\n".join(found.values()))


def calls(kind: Kind) -> tuple[set[str], set[tuple[str, str]]]:
    """The methods that are called without arguments, without spelling: the operations are among them. Then those of
    them that are called on a client, with the client's name in `Cloud`.
    """
    methods = {plain(name) for name in re.findall(r"\.(\w+)\(\)", source(kind))}
    on_clients = re.findall(r"\bcloud\.(\w+)\.(\w+)\(\)", source(kind))
    return methods, {(client, plain(name)) for client, name in on_clients}


def words(kind: Kind) -> set[str]:
    """What it names in quotes or as a value of a type of the SDK, without spelling."""
    return {plain(word) for word in re.findall(r'"([\w-]+)"|::([A-Z]\w*)', source(kind)) for word in word}
