"""The names of every model that can be built, known without importing torch.

timm and torchvision register their models with a decorator; their files are read as text, which
takes a twentieth of a second where importing them takes several.
"""

import re
from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from data_registry.text.wording import suggest_name
from train.models.cnn_presets import PRESETS
from train.models.model_names import CNN, CONVMIXER, TORCHVISION, resolve_alias

_REGISTERED = re.compile(r"^@register_model(?:\(.*\))?\n(?:@.*\n)*def (\w+)", re.MULTILINE)
_TAGGED = re.compile(r"""["'](\w+)\.(\w+)["']""")


def explain_unknown_model(name: str) -> str:
    """Explain why no model of this name can be built, and suggest a name; empty if one can."""
    kind = name.partition("/")[0]
    if kind in (CNN, CONVMIXER):
        known = {CNN, CONVMIXER, *PRESETS}
        return "" if name in known else _describe_missing_model(name, known)
    if name.startswith(TORCHVISION):
        offered = {f"{TORCHVISION}{each}" for each in _find_registered_models("torchvision")}
        return "" if name in offered else _describe_missing_model(name, offered)
    return _explain_unknown_timm_model(name)


def _explain_unknown_timm_model(name: str) -> str:
    known = _find_registered_models("timm")
    model, dot, tag = name.partition(".")
    model = model if model in known else resolve_alias(model)
    if model not in known:
        return _describe_missing_model(name, known)
    tags = _find_tags().get(model, set())
    if not dot or tag in tags or not tags:
        return ""
    meant = suggest_name(tag, tags)
    return f"the model {model} has no weights called {tag}; expected {_format_choices(tags)}{meant}"


def _describe_missing_model(name: str, known: Collection[str]) -> str:
    near = suggest_name(name, known)
    return f"there is no model {name!r}{near or '; docs/models.md lists them'}"


def _format_choices(names: Collection[str]) -> str:
    return f"one of {', '.join(sorted(names))}" if len(names) > 1 else "".join(names)


@cache
def _find_registered_models(package: str) -> frozenset[str]:
    return frozenset(name for text in _read_sources(package) for name in _REGISTERED.findall(text))


@cache
def _find_tags() -> dict[str, set[str]]:
    tags: dict[str, set[str]] = {}
    for text in _read_sources("timm"):
        for model, tag in _TAGGED.findall(text):
            tags.setdefault(model, set()).add(tag)
    return tags


@cache
def _read_sources(package: str) -> tuple[str, ...]:
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    files = (file for folder in folders or () for file in Path(folder, "models").glob("*.py"))
    return tuple(file.read_text(encoding="utf-8") for file in files)
