"""What other distributions add to the tables, by entry points. Standard library only.

Nothing is looked for before a name is unknown: to ask what is installed takes longer than to pool a
small array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from poolcli.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS: Mapping[str, str] = {"format": "poolcli.formats", "op": "poolcli.ops"}
"""The groups of entry points, by what each of theirs is."""


class Plugin(NamedTuple):
    """An entry point: what it is (``format`` or ``op``), its name, and where it comes from."""

    kind: str
    name: str
    distribution: str
    version: str
    entry: EntryPoint

    def __str__(self) -> str:
        return f"plugin {self.distribution} {self.version}".rstrip()


class Offer(NamedTuple):
    """A row that a plugin adds to a table; or the problem for which it is refused, in one line."""

    plugin: Plugin
    row: Any
    problem: str | None = None

    def checked(self) -> Any:
        """The row. Raises UsageError where the plugin is refused."""
        if self.problem is not None:
            raise UsageError(self.problem)
        return self.row


@cache
def installed(kind: str) -> tuple[Plugin, ...]:
    """The plugins of one kind, whether they work or not, in the order of their names."""
    from importlib import metadata  # late: few runs meet an unknown name

    found = [_plugin(kind, entry) for entry in metadata.entry_points(group=GROUPS[kind])]
    return tuple(sorted(found, key=lambda plugin: plugin[1:4]))


def _plugin(kind: str, entry: EntryPoint) -> Plugin:
    try:
        described = entry.dist
        name, version = described.name, described.version  # type: ignore[union-attr]  # below
    except Exception:  # there is no description, or a damaged one
        name, version = "", ""
    # Its module says whose it is, too.
    return Plugin(kind, entry.name, name or entry.value, version or "", entry)


def offers(
    kind: str, problem: Callable[[str, Any], str | None], name: str | None = None
) -> list[Offer]:
    """Load the plugins of one kind, or those of one name.

    ``problem`` says, of a plugin's name and row, why the table does not take it.
    """
    known = installed(kind)
    return [_offer(one, known, problem) for one in known if name in (None, one.name)]


def _offer(
    plugin: Plugin, known: tuple[Plugin, ...], problem: Callable[[str, Any], str | None]
) -> Offer:
    others = [one for one in known if one.name == plugin.name and one is not plugin]
    row, why = _loaded(plugin)
    if others:
        why = f"{others[0]} has one of that name, too; uninstall one of them"
    elif why is None:
        why = problem(plugin.name, row)
    if why is None:
        return Offer(plugin, row)
    return Offer(plugin, None, f"{plugin}: its {plugin.kind} {plugin.name!r} is refused: {why}")


@cache
def _loaded(plugin: Plugin) -> tuple[Any, str | None]:
    """What the entry point names, or why it cannot be had, which is tried once."""
    try:
        return plugin.entry.load(), None
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        said = text if isinstance(error, ImportError) else f"{type(error).__name__}: {text}"
        return None, f"it cannot be imported: {said}"


def forget() -> None:
    """Look again at what is installed, which may have changed: for tests."""
    installed.cache_clear()
    _loaded.cache_clear()
