"""What the source of a kind says: the operations that it calls, and the words that it knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from kinds import ROOT, Kind
from packages import plain

CRATES = [ROOT / "crates" / "aws" / "src", ROOT / "crates" / "kubernetes" / "src"]
ITEM = re.compile(r"^(?:    )?(?:pub(?:\(\w+\))? )?(?:(?:async )?fn|const|macro_rules!) (\w+)", re.M)
USE = re.compile(r"^(?:pub.*)?use ([^;]*);", re.M)
FROM = re.compile(r"(?:\w+::)*(\w+)::(?:\{([^{}]*)\}|\w+)")
QUALIFIED = re.compile(r"\b(\w+)::(?=(\w+))")
CALLED = re.compile(r"\b(?:\w+(?=\()|[A-Z_]+\b)")
# Rows of a macro that makes a type of each: `RoleTags: tag_role, untag_role, role_name;`.
ROW = re.compile(r"^    (\w+): (\w+(?:, \w+)*);$", re.M)


@dataclass(frozen=True, eq=False)
class File:
    """A file of the source, without its tests."""

    path: Path
    text: str = field(repr=False)

    @cached_property
    def items(self) -> dict[str, str]:
        """The text of every function, constant and macro, to the start of the next one."""
        starts = list(ITEM.finditer(self.text))
        ends = [*(match.start() for match in starts[1:]), len(self.text)][: len(starts)]
        found = {match[1]: self.text[match.start() : end] for match, end in zip(starts, ends, strict=True)}
        made = {name: " ".join(f".{word}()" for word in row.split(", ")) for name, row in ROW.findall(self.text)}
        return made | found

    @cached_property
    def types(self) -> set[str]:
        """The types with methods, of their own or of a trait."""
        return set(re.findall(r"^impl(?:<[^>]*>)? (?:\S+ for )?(\w+)[^{]*{", self.text, re.M))

    @cached_property
    def imports(self) -> set[str]:
        """Every word of its `use` lines."""
        return {word for line in USE.findall(self.text) for word in re.findall(r"\w+", line)}

    @cached_property
    def origins(self) -> dict[str, str]:
        """The modules of the names in its `use` lines."""
        lines = [match for line in USE.findall(self.text) if (match := FROM.fullmatch(line))]
        return {name: match[1] for match in lines for name in re.findall(r"\w+", match[2] or match[0])}

    @cached_property
    def renamed(self) -> dict[str, str]:
        """The names that its `use` lines give to what has another one: `change as change_records`."""
        return {new: old for line in USE.findall(self.text) for old, new in re.findall(r"(\w+) as (\w+)", line)}


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
def modules(crate: Path, folder: Path) -> dict[str, File]:
    """What a file in a folder of a crate calls by one name: the crate's files and folders, and the files beside it."""
    shared = {path.parent.name: file(path) for path in sorted(crate.glob("*/mod.rs"))}
    return shared | {path.stem: file(path) for path in [*sorted(crate.glob("*.rs")), *sorted(folder.glob("*.rs"))]}


@cache
def source(kind: Kind) -> str:
    """The text of the kind's own file, and of the functions and constants elsewhere that it needs, however far off."""
    own = files()[kind.name]
    crate = next(crate for crate in CRATES if own.path.is_relative_to(crate))
    shared = modules(crate, crate)
    waiting, found = [(own, own.text)], {("", own.path): own.text}

    def known(home: File) -> dict[str, File]:
        return modules(crate, home.path.parent)

    def module_of(home: File, name: str) -> File | None:
        """The module that a file calls so. It can be one of another folder: `use crate::route53::hosted_zone`."""
        beside = known(home)
        folder = beside.get(home.origins.get(name, ""), home)
        return beside.get(name) or known(folder).get(name)

    def holding(place: File, name: str) -> tuple[str, File]:
        """Where a name is, which a file has itself or has from another one, and what it is called there."""
        origin, there = known(place).get(place.origins.get(name, ""), place), place.renamed.get(name, name)
        return (there, origin) if name not in place.items and there in origin.items else (name, place)

    while waiting:
        home, text = waiting.pop()
        beside = known(home)
        mod = beside.get("mod", home)
        near = [mod, *(beside[word] for word in sorted((home.imports | mod.imports) & beside.keys()))]
        # A folder of the crate may be called as a file beside is.
        hidden = [shared[word] for word in sorted(home.imports & shared.keys()) if shared[word] not in near]
        qualified = [(module_of(home, module), name) for module, name in QUALIFIED.findall(text)]
        names = [holding(module, name) for module, name in qualified if module]
        names += [(name, mod) for module, name in QUALIFIED.findall(text) if module == "super"]
        names += [(name, home) for name in set(CALLED.findall(text))]
        used = sorted(home.imports & set(re.findall(r"\w+", text)))
        names += [holding(place, home.renamed.get(name, name)) for name in used for place in near + hidden]
        for name, place in names:
            if name in place.items and place is not own and (name, place.path) not in found:
                found[name, place.path] = place.items[name]
                waiting.append((place, place.items[name]))
        for place in near:
            # Of a type with a file of its own, all methods: which of them are called, only a compiler knows.
            general = place is mod or place in files().values()
            if home is own and not general and place.types & home.imports and ("", place.path) not in found:
                found["", place.path] = place.text
                waiting.append((place, place.text))
    return re.sub(r"\s+\.", ".", "\n".join(found.values()))


def calls(kind: Kind) -> tuple[set[str], set[tuple[str, str]]]:
    """The methods that are called without arguments, without spelling: the operations are among them. Then those of
    them that are called on a client, with the client's name in `Cloud`.
    """
    text = source(kind)
    methods = {plain(name) for name in re.findall(r"\.(\w+)\(\)", text)}
    # `let ec2 = &self.cloud.ec2;`
    named = set(re.findall(r"let (\w+) = &(?:self\.)?cloud\.\1;", text))
    on_clients = re.findall(r"\bcloud\.(\w+)\.(\w+)\(\)", text)
    on_clients += [(client, name) for client, name in re.findall(r"\b(\w+)\.(\w+)\(\)", text) if client in named]
    return methods, {(client, plain(name)) for client, name in on_clients}


def words(kind: Kind) -> set[str]:
    """What it names in quotes or as a value of a type of the SDK, without spelling."""
    return {plain(word) for word in re.findall(r'"([\w-]+)"|::([A-Z]\w*)', source(kind)) for word in word}
