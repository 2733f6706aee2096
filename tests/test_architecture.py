"""The house rules: who may import whom, what belongs in one place only, and how large things may grow."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "deepmatte"

# Each room of the light part may import only what stands before it.
ROOMS = (
    "errors",
    "threads",
    "pixels",
    "exposure",
    "trimap",
    "grids",
    "palette",
    "propagation",
    "guides",
    "framing",
    "foreground",
    "background",
    "bitmap",
    "outputs",
    "processes",
    "sources",
    "jpeg",
    "tiff",
    "codec",
    "profiles",
    "images",
    "models.spec",
    "models.catalogue",
    "models.runtime",
    "models",
    "matting",
    "cutout",
    "cli.console",
    "cli.cutout",
    "cli.corpus",
    "cli.training",
    "cli.evaluation",
    "cli.robustness",
    "cli.study",
    "cli.benchmark",
    "cli",
)
ALWAYS = {"version"}  # importable by all
NAMES_ONLY = {"", "__main__"}  # the package itself and its door: no rooms
HEAVY = ("training", "evaluation")
# Packages from outside, and the only modules of the light part that may use them.
HOMES = {
    "pyvips": {"codec", "profiles", "images"},
    "openvino": {"models.runtime"},
    "onnxruntime": {"models.runtime"},
    "rich": {"cli.console"},
    "scipy": {"trimap", "propagation"},
}
NETWORK = {"socket", "ssl", "urllib", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}
# The one module that may use the network: it serves a user study's page to this machine's own browsers, and
# listens on loopback only. Nothing else of deepmatte listens or connects anywhere.
SERVERS = {"evaluation.study.server": {"http", "socket"}}
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "core", "base", "manager"}
MODULE_LINES, FUNCTION_LINES = 400, 60

FILES = sorted(SOURCE.rglob("*.py"))


def module_name(path: Path) -> str:
    """The name inside deepmatte: "" for the package, "models" for models/__init__.py, "models.spec" ..."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path.read_text("utf-8") for path in FILES}
LIGHT = sorted(name for name in MODULES if name.split(".")[0] not in HEAVY)


def imports(source: str) -> Iterator[tuple[str, bool]]:
    """Yield each imported name, and whether the import runs as soon as the module is loaded."""
    tree = ast.parse(source)
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for name in _names(node):
            yield name, id(node) not in late


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        # "from deepmatte import trimap" imports deepmatte.trimap
        module = "." * node.level + (node.module or "")
        inside = module in ("deepmatte", "deepmatte.models", "deepmatte.cli")
        return [f"{module}.{alias.name}" if inside else module for alias in node.names]
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if is_call and node.func.attr == "import_module" and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
        return [str(node.args[0].value)]  # type: ignore[attr-defined]
    return []


def room(imported: str) -> str | None:
    """The module of deepmatte that an imported name means, None for packages from outside."""
    parts = imported.split(".")
    if parts[0] != "deepmatte":
        return None
    inner = parts[1:]
    while inner and ".".join(inner) not in MODULES:
        inner = inner[:-1]  # the last part is a name in the module
    return ".".join(inner)


def wrong_imports(name: str, source: str) -> list[str]:
    """What a module of the light part imports although it may not."""
    wrong = []
    reach = ROOMS.index(name) if name in ROOMS else len(ROOMS)
    for imported, at_once in imports(source):
        target, outside = room(imported), imported.split(".")[0]
        if imported.startswith(".") or outside in NETWORK:
            wrong.append(imported)
        elif target is None:
            allowed = (
                outside in sys.stdlib_module_names or outside == "numpy" or name in HOMES.get(outside, ())
            )
            wrong += [] if allowed else [imported]
        elif imported.startswith(tuple(f"deepmatte.{heavy}" for heavy in HEAVY)):
            wrong += [] if name.startswith("cli") and not at_once else [imported]
        elif target not in ALWAYS and (target not in ROOMS or ROOMS.index(target) >= reach):
            wrong.append(imported)
    return wrong


def test_every_light_module_has_a_room() -> None:
    assert set(LIGHT) - ALWAYS - NAMES_ONLY == set(ROOMS)


@pytest.mark.parametrize("name", LIGHT)
def test_light_modules_import_only_what_stands_before_them(name: str) -> None:
    assert wrong_imports(name, MODULES[name]) == []


@pytest.mark.parametrize("name", sorted(set(MODULES) - set(LIGHT)))
def test_heavy_modules_keep_off_the_doors_and_the_network(name: str) -> None:
    imported = {found for found, _ in imports(MODULES[name])}
    forbidden = (NETWORK | {"pyvips"}) - SERVERS.get(name, set())
    assert not {found for found in imported if found.split(".")[0] in forbidden}
    assert not {found for found in imported if (room(found) or "").startswith("cli")}
    if not name.startswith("training"):
        # Training measures itself by evaluation, never the other way round.
        assert not {found for found in imported if (room(found) or "").startswith("training")}
        assert not {found for found in imported if found.split(".")[0] == "torch"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("trimap", "from deepmatte import matting"),
        ("trimap", "from deepmatte.matting import solve"),
        ("trimap", "import deepmatte.matting"),
        ("pixels", "def f():\n    from deepmatte.trimap import parse"),
        ("models.spec", "from deepmatte.models import load_model"),
        ("matting", "import torch"),
        ("matting", "import pyvips"),
        ("matting", "import importlib\nimportlib.import_module('openvino')"),
        ("matting", "from urllib.request import urlopen"),
        ("matting", "from . import trimap"),
        ("matting", "def f():\n    from deepmatte.training.loop import train"),
        ("cli", "from deepmatte.training.loop import train"),
        ("cli.training", "from deepmatte.training.loop import train"),
        ("cli.cutout", "from deepmatte.cli.training import COMMANDS"),
        ("cli", "import scipy"),
    ],
)
def test_the_rules_notice(name: str, source: str) -> None:
    assert wrong_imports(name, source) != []


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = MODULES[module_name(path)]
    assert source.count("\n") <= MODULE_LINES
    too_long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert too_long == []


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_modules_say_what_they_hold(path: Path) -> None:
    source = MODULES[module_name(path)]
    assert not source or ast.get_docstring(ast.parse(source))
    assert "*" not in [
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_no_room_is_a_drawer_for_odds_and_ends() -> None:
    for folder in (SOURCE, ROOT / "tests", ROOT / "benchmarks"):
        for path in folder.rglob("*"):
            assert path.stem.removeprefix("test_") not in FORBIDDEN_NAMES, path


@pytest.mark.parametrize("name", sorted(set(LIGHT) - NAMES_ONLY - ALWAYS - {"models"}))
def test_every_light_module_has_its_tests(name: str) -> None:
    tests = (
        "cli" if name.startswith("cli.") else name.replace(".", "_")
    )  # commands are tested as users type them
    assert (ROOT / "tests" / f"test_{tests}.py").is_file()
