"""What was made lately, kept to be used again: a bounded cache, and keys that tell values apart.

Standard library only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any, Generic, TypeVar

V = TypeVar("V")

# Values of these types are equal only where they are the same, among values of one type.
_PLAIN = frozenset((int, bool, str, bytes, type(None), type))


class Recent(Generic[V]):
    """The last ``most`` values by key; that which was not asked for the longest goes first.

    For any number of threads: a value may be made twice, and is never half there.

    >>> recent = Recent(2)
    >>> for key in "aba":
    ...     recent.put(key, key.upper())
    >>> recent.put("c", "C")
    >>> recent.get("a"), recent.get("b")
    ('A', None)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[type[Recent[V]], tuple[int]]:
        """Copies and other processes begin with none."""
        return Recent, (self._most,)

    def get(self, key: Hashable) -> V | None:
        """The value that was put under ``key``, if it is still there."""
        value = self._values.get(key)
        try:
            self._values.move_to_end(key)
        except KeyError:  # it is not there, or another thread has just let it go
            return value
        return value

    def put(self, key: Hashable, value: V) -> None:
        """Keep ``value``, and let others go where there are too many."""
        self._values[key] = value
        try:
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        except KeyError:  # another thread has let go of more
            pass


class Unlike(TypeError):
    """A value that no key tells apart from all others."""


def exact_key(values: Iterable[Any]) -> Hashable:
    """A key that is equal only for the same values of the same types.

    ``2``, ``2.0`` and ``True`` are different values, and so are ``0.0`` and ``-0.0``; one NaN is as
    good as another. Raises Unlike for what is neither a number, a text, a dtype nor a tuple or list
    of such.

    >>> exact_key([2, (1, 1)]) == exact_key([2, (1, True)])
    False
    """
    values = tuple(values)
    kinds = tuple(map(type, values))
    if _PLAIN.issuperset(kinds):
        return kinds, values
    return kinds, tuple(map(_exact, values))


def _exact(value: Any) -> Hashable:
    kind = type(value)
    if kind in _PLAIN:
        return value  # type: ignore[no-any-return]  # str, int, … all are hashable
    if isinstance(value, float):
        return float.hex(value)
    if kind is tuple or kind is list:
        return exact_key(value)
    if kind.__module__ == "numpy" and not hasattr(value, "__len__"):
        return repr(value)  # a NumPy scalar, which is written with all its digits
    if kind.__module__ == "numpy.dtypes":
        return value  # type: ignore[no-any-return]
    raise Unlike(kind.__name__)
