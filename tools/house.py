"""Count what a newcomer stumbles over, and fail where a goal is missed.

Usage: ``python tools/house.py [--json] [--list NAME]``

The counts are about the five packages, not about tests or benchmarks. A *verb-first* name starts
with a verb in its plain form (``load_features``, ``is_known``); a word that is a noun as often as a
verb (``group``, ``report``) counts only where an object follows (``group_images``, not
``group_of``). Properties are left out, since they are named after what they are, and so are
methods whose names a library prescribes.
"""

import argparse
import ast
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("data_registry", "collectors", "labeling", "train", "flows")
LONG_FUNCTION, LONG_MODULE = 40, 300
Function = ast.FunctionDef | ast.AsyncFunctionDef
_LISTS = tomllib.loads(Path(__file__).with_name("house_words.toml").read_text())
WORDS = {name: frozenset(words.split()) for name, words in _LISTS.items()}
REGULAR_PARTICIPLE = re.compile(r"[a-z]{2,}(ed|ing)")


@dataclass(frozen=True)
class Module:
    """One source file and its syntax tree."""

    path: Path
    tree: ast.Module
    lines: int

    @property
    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def locate(self, node: Function) -> str:
        """Name a function by file and line."""
        return f"{self.path.relative_to(ROOT)}:{node.lineno} {node.name}"


@dataclass(frozen=True)
class Count:
    """One figure, its goal, and what it was counted from."""

    value: float
    goal: str
    met: bool
    places: Sequence[str]


def read_modules() -> list[Module]:
    """Parse the packages."""
    files = sorted(file for name in PACKAGES for file in (ROOT / name).rglob("*.py"))
    texts = [(file, file.read_text()) for file in files]
    return [Module(file, ast.parse(text), text.count("\n")) for file, text in texts]


def is_property(node: Function) -> bool:
    """Whether a function is read like an attribute."""
    return any(
        "property" in ast.unparse(item) or ".setter" in ast.unparse(item)
        for item in node.decorator_list
    )


def is_verb_first(name: str) -> bool:
    """Whether a name starts with a verb in its plain form."""
    first, *rest = name.strip("_").split("_")
    if first in WORDS["ambiguous"]:
        return (bool(rest) and rest[0] not in WORDS["prepositions"]) or (
            not rest and first in WORDS["verbs"]
        )
    return first in WORDS["verbs"]


def is_participle_first(name: str) -> bool:
    """Whether a name starts with a participle (``kept``, ``compared_pairs``, ``fetching``)."""
    first = name.strip("_").split("_")[0]
    if first in WORDS["not_participles"] or first in WORDS["verbs"]:
        return False
    irregular = first in WORDS["irregular_participles"]
    return irregular or REGULAR_PARTICIPLE.fullmatch(first) is not None


def count_largest_folder(modules: Sequence[Module]) -> Count:
    """Count the modules of the fullest folder."""
    sizes = Counter(
        str(m.path.parent.relative_to(ROOT)) for m in modules if m.path.name != "__init__.py"
    )
    folder, size = sizes.most_common(1)[0]
    return Count(size, "at most 16", size <= 16, [folder])


def count_duplicate_names(modules: Sequence[Module]) -> Count:
    """Count module names that stand more than once."""
    names = Counter(m.path.stem for m in modules if m.path.name != "__init__.py")
    twice = sorted(name for name, number in names.items() if number > 1)
    return Count(len(twice), "under 6", len(twice) < 6, twice)


def count_names(
    modules: Sequence[Module], rule: Callable[[str], bool], listed: bool
) -> tuple[float, list[str]]:
    """Measure the share of function names, in percent, for which a rule holds.

    Args:
        modules: where to look.
        rule: judges a name.
        listed: whether the places to return are those where the rule holds, or the others.
    """
    named = [
        (rule(node.name), module.locate(node))
        for module in modules
        for node in module.functions
        if not (node.name.startswith("__") or node.name in WORDS["prescribed"] or is_property(node))
    ]
    share = 100 * sum(holds for holds, _ in named) / len(named)
    return share, [place for holds, place in named if holds == listed]


def count_verbs(modules: Sequence[Module]) -> Count:
    """Measure the share of verb-first names."""
    share, others = count_names(modules, is_verb_first, listed=False)
    return Count(round(share, 1), "over 55", share > 55, others)


def count_participles(modules: Sequence[Module]) -> Count:
    """Measure the share of participle-first names."""
    share, found = count_names(modules, is_participle_first, listed=True)
    return Count(round(share, 1), "under 4", share < 4, found)


def count_long_functions(modules: Sequence[Module]) -> Count:
    """Count functions over 40 lines."""
    found = [
        f"{module.locate(node)} {length}"
        for module in modules
        for node in module.functions
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONG_FUNCTION
    ]
    return Count(len(found), "under 10", len(found) < 10, found)


def count_long_modules(modules: Sequence[Module]) -> Count:
    """Count modules over 300 lines."""
    found = [f"{m.path.relative_to(ROOT)} {m.lines}" for m in modules if m.lines > LONG_MODULE]
    return Count(len(found), "at most 2", len(found) <= 2, found)


def count_missing_docstrings(modules: Sequence[Module]) -> Count:
    """Measure the share of public functions without a docstring, in percent."""
    public = [
        (ast.get_docstring(node) is None, module.locate(node))
        for module in modules
        for node in _public_functions(module.tree)
    ]
    missing = [place for bare, place in public if bare]
    share = 100 * len(missing) / len(public)
    return Count(round(share, 1), "under 5", share < 5, missing)


def _public_functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public_functions(node)


def count_loose_dicts(modules: Sequence[Module]) -> Count:
    """Count ``dict[str, Any]``."""
    found = [
        f"{module.path.relative_to(ROOT)}:{node.lineno}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node) == "dict[str, Any]"
    ]
    return Count(len(found), "under 40", len(found) < 40, found)


COUNTS: dict[str, Callable[[Sequence[Module]], Count]] = {
    "largest folder, modules": count_largest_folder,
    "duplicate module names": count_duplicate_names,
    "verb-first names, %": count_verbs,
    "participle-first names, %": count_participles,
    "functions over 40 lines": count_long_functions,
    "modules over 300 lines": count_long_modules,
    "public functions without docstring, %": count_missing_docstrings,
    "dict[str, Any]": count_loose_dicts,
}


def main() -> int:
    """Print the counts; return 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--list", metavar="NAME", help="places of the counts so named")
    options = parser.parse_args()
    modules = read_modules()
    counts = {name: count(modules) for name, count in COUNTS.items()}
    if options.list:
        places = [
            place
            for name, count in counts.items()
            if options.list in name
            for place in count.places
        ]
        sys.stdout.write("\n".join(places) + "\n")
        return 0
    met = all(count.met for count in counts.values())
    if options.json:
        rows = {
            name: {"value": c.value, "goal": c.goal, "met": c.met} for name, c in counts.items()
        }
        sys.stdout.write(json.dumps({"counts": rows, "met": met}, indent=2) + "\n")
    else:
        for name, count in counts.items():
            mark = "" if count.met else f"   MISSED; see --list {name.split(',')[0]!r}"
            sys.stdout.write(f"{name:40} {count.value:8g}   goal {count.goal}{mark}\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
