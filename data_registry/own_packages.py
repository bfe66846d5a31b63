"""Make `import train` mean Ephyra's package and not a user's own train.py.

Python searches the folder it is started in first (notebooks, ``python -c``, ``python -m``). Every
package of Ephyra runs this file by its path when it is imported: `data_registry` itself may be the
one that is hidden, so nothing of Ephyra is imported here.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("collectors", "data_registry", "flows", "labeling", "train")
_ROOT = Path(__file__).resolve().parents[1]
_BAD_INPUT = 2


def refuse_hidden_packages(*needed: str) -> None:
    """Refuse to continue where another file hides one of Ephyra's packages.

    A folder without ``__init__.py``, such as ``train/`` beside ``test/`` in a labelled set, gives
    way instead: Python prefers a real package wherever it finds one.

    Args:
        needed: the packages that the importing one needs; the others are only warned of.

    Raises:
        ImportError: naming the file and the package that it hides. The command `ephyra` says the
            same without a traceback, and leaves with exit code 2.
    """
    hidden = _find_hidden(PACKAGES)
    stopping = [_describe_hidden_package(name, hidden[name]) for name in hidden if name in needed]
    if stopping:
        _refuse("; ".join(stopping))
    for name, file in hidden.items():
        warnings.warn(_describe_hidden_package(name, file), RuntimeWarning, stacklevel=3)


def find_hiding_files(folder: Path) -> Mapping[str, Path]:
    """Find the files of a folder that would hide a package from a Python started there."""
    specs = {name: PathFinder.find_spec(name, [str(folder)]) for name in PACKAGES}
    return {
        name: Path(spec.origin)
        for name, spec in specs.items()
        if spec and spec.origin and not _is_ours(name, spec)
    }


def describe_hiding_files(folder: Path) -> list[str]:
    """Build a warning for each file of a project's folder that hides a package."""
    return [
        f"{file} hides Ephyra's package {name!r} from notebooks, `python -m` and `python -c` in "
        f"this folder; `ephyra` and its deployments are not affected. Rename it, or set "
        "PYTHONSAFEPATH=1"
        for name, file in find_hiding_files(folder).items()
    ]


def _find_hidden(names: Iterable[str]) -> dict[str, Path]:
    found = {name: _find_spec(name) for name in names}
    for name in [name for name, spec in found.items() if spec and spec.origin is None]:
        _replace_folder(name)
        found[name] = _find_spec(name)
    return {
        name: _locate_package(spec)
        for name, spec in found.items()
        if spec and not _is_ours(name, spec)
    }


def _replace_folder(name: str) -> None:
    """Import Ephyra's package instead of a folder of its name, unless that folder is in use."""
    if str(_ROOT) not in sys.path:
        sys.path.append(str(_ROOT))
    inside = [module for key, module in sys.modules.items() if key.startswith(f"{name}.")]
    files = [Path(file) for module in inside if (file := getattr(module, "__file__", None))]
    if name in sys.modules and all(file.is_relative_to(_ROOT / name) for file in files):
        del sys.modules[name]
        importlib.import_module(name)


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # a module that somebody made by hand, with no file behind it
        return None


def _is_ours(name: str, spec: ModuleSpec) -> bool:
    return _locate_package(spec).resolve() == _ROOT / name / "__init__.py"


def _locate_package(spec: ModuleSpec) -> Path:
    """Return the package's file, or its folder where there is none."""
    folders = list(spec.submodule_search_locations or ())
    return Path(spec.origin or (folders[0] if folders else spec.name))


def _describe_hidden_package(name: str, file: Path) -> str:
    return (
        f"{file} hides Ephyra's package {name!r}: its folder stands before Ephyra's on Python's "
        "search path. Rename it, start Python in another folder, or set PYTHONSAFEPATH=1 (or "
        "`python -P`) and take the folder out of PYTHONPATH"
    )


def _refuse(message: str) -> None:
    if Path(sys.argv[0] if sys.argv else "").stem != "ephyra":
        raise ImportError(message)
    if "--json" in sys.argv:
        told = {"error": "ImportError", "message": message}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    sys.stderr.write(f"error {message}\n")
    raise SystemExit(_BAD_INPUT)
