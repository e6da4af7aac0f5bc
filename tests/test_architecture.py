"""Dependencies point downwards: who may import whom, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "poolcli"

# From the top of the house to the ground. A room may import from rooms below it only.
FLOORS = [
    {"__main__"},
    {"cli"},
    {"batch"},
    {"report"},
    {"analysis"},
    {"files", "api", "pictures"},
    {"chains", "conform"},
    {"pyramid", "unpooling"},
    {"plan"},
    {"ops", "notation"},
    {"engine"},
    {"dtypes"},
    {"presets", "geometry"},
    {"windows", "layout"},
    {"checks"},
    {"errors"},
]
ROOT = "poolcli"

# Libraries that one room alone may know.
ONLY_IN = {
    "typer": {"cli"},
    "click": set(),
    "rich": {"report"},
    "imageio": {"files"},
    "PIL": {"files"},
    "tifffile": {"files"},
}
WITHOUT_NUMPY = (
    *("checks", "errors", "geometry", "layout", "notation", "ops/record", "presets", "windows"),
)

MODULES = sorted(PACKAGE.rglob("*.py"))
# The root hands out the public names on request, from wherever they are.
ROOMS = [path for path in MODULES if path != PACKAGE / "__init__.py"]


def room(path: Path) -> str:
    """Give the part of the house that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Give every module that a file imports, at the top or anywhere else, except for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _at_run_time(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _at_run_time(node)


def floor(name: str) -> int:
    """Give the number of floors above a room."""
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def test_every_room_has_its_floor() -> None:
    rooms = {room(path) for path in ROOMS}
    assert rooms == set().union(*FLOORS)


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != ROOT or parts[1] == "__version__":
            continue
        there = parts[1]
        assert there == here or floor(there) > floor(here), f"{path}: imports {name}"


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        if library in ONLY_IN:
            assert room(path) in ONLY_IN[library], f"{path}: imports {name}"


def test_what_stands_on_the_standard_library_alone() -> None:
    for path in MODULES:
        place = str(path.relative_to(PACKAGE))
        if place.startswith(WITHOUT_NUMPY):
            assert not [name for name in imports(path) if name.split(".")[0] == "numpy"], path


def test_modules_of_one_room_do_not_go_in_circles() -> None:
    known = {_module(path): path for path in MODULES}
    graph = {
        module: {target for name in imports(path) if (target := _target(name, known)) != module}
        for module, path in known.items()
    }
    state: dict[str, int] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert state.get(module) != 1, " -> ".join([*trail, module])
        if module in state:
            return
        state[module] = 1
        for target in graph[module] - {""}:
            visit(target, (*trail, module))
        state[module] = 2

    for module in graph:
        visit(module, ())


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _target(name: str, known: dict[str, Path]) -> str:
    """Give the module that ``package.module.attribute`` comes from; nothing for other libraries."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return "" if name == ROOT else name
