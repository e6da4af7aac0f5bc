"""The house: which room may import which, and which library belongs to one room alone.

The rooms and their order are those of the drawing in ``docs/design.md``; what the code does is read
from the code itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "poolcli"
DESIGN = PROJECT / "docs" / "design.md"

# Libraries that one room alone may know.
ONLY_IN = {
    "typer": "cli",
    "dask": "cluster",
    "distributed": "cluster",
    "click": "",
    "rich": "report",
    "imageio": "formats",
    "PIL": "formats",
    "tifffile": "formats",
    "imagecodecs": "formats",
}
# What `poolcli --help` loads stands on the standard library alone.
WITHOUT_NUMPY = (
    *(
        "checks",
        "errors",
        "families",
        "frameworks/defaults",
        "frameworks/table",
        "layout",
        "notation",
        "ops",
    ),
    *("geometry", "windows", "operation"),
)

MODULES = sorted(PACKAGE.rglob("*.py"))
# The root hands out the public names on request, from wherever they are.
ROOMS = [path for path in MODULES if path != PACKAGE / "__init__.py"]


def floors() -> list[set[str]]:
    """Give the rooms of the drawing, floor by floor, from the top of the house to the ground."""
    drawing = DESIGN.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    return [set(re.findall(r"\b[a-z_]+\b", line.split("  ")[0])) for line in drawing.splitlines()]


def room(path: Path) -> str:
    """Give the part of the house that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, late: bool = True) -> Iterator[str]:
    """Give every module that a file imports, except for types only.

    ``late`` are imports in functions, which are done when one is called.
    """
    for node in _at_run_time(ast.parse(path.read_text(encoding="utf-8")), late):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_run_time(tree: ast.AST, late: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef) and not late:
            continue
        yield node
        yield from _at_run_time(node, late)


def test_the_drawing_has_every_room_once() -> None:
    drawn = [name for names in floors() for name in names]
    assert sorted(drawn) == sorted({room(path) for path in ROOMS})


def test_imports_point_downwards() -> None:
    floor = {name: number for number, names in enumerate(floors()) for name in names}
    upwards = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in ROOMS
        for name in imports(path)
        if name.startswith("poolcli.") and not name.endswith("__version__")
        if (there := name.split(".")[1]) != room(path) and floor[there] <= floor[room(path)]
    ]
    assert not upwards


def test_libraries_stay_in_their_rooms() -> None:
    strays = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in ROOMS
        for name in imports(path)
        if ONLY_IN.get(name.split(".")[0], room(path)) != room(path)
    ]
    assert not strays


def test_one_module_is_the_door_to_dask() -> None:
    doors = {
        str(path.relative_to(PACKAGE))
        for path in ROOMS
        for name in imports(path)
        if name.split(".")[0] in ("dask", "distributed")
    }
    assert doors == {"cluster/scheduler.py"}


def test_what_stands_on_the_standard_library_alone() -> None:
    standing = {name: PACKAGE / f"{name}.py" for name in WITHOUT_NUMPY}
    assert all(path.exists() for path in standing.values())
    with_numpy = [
        name
        for name, path in standing.items()
        if any(imported.split(".")[0] == "numpy" for imported in imports(path, late=False))
    ]
    assert not with_numpy


def test_modules_do_not_go_in_circles() -> None:
    known = {_module(path): path for path in MODULES}
    graph = {
        module: {target for name in imports(path) if (target := _target(name, known)) != module}
        for module, path in known.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        if module not in done:
            for target in graph[module] - {""}:
                visit(target, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_words_of_the_glossary_are_in_order() -> None:
    """One word, one meaning: each has one line, and people find it by its letter."""
    glossary = DESIGN.read_text(encoding="utf-8").split("## Glossary")[1]
    words = re.findall(r"^\*\*(.+?)\*\*", glossary, re.MULTILINE)
    assert len(words) >= 25
    assert all(first.lower() < second.lower() for first, second in pairwise(words))


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _target(name: str, known: dict[str, Path]) -> str:
    """Give the module that ``package.module.attribute`` comes from; nothing for other libraries."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return "" if name == "poolcli" else name
