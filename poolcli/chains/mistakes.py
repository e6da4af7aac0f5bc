"""What commonly goes wrong when poolings are stacked, said where it can be seen from the shapes.

Windows too large for the map lose its detail, many layers leave next to nothing of it, and after
global pooling there are no positions left for a layer to work on.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from poolcli.chains.stage import StagePlan
from poolcli.geometry import Sliding
from poolcli.layout import show_shape
from poolcli.windows import Windows

LITTLE = Fraction(1, 100)
LARGE = Fraction(1, 2)
FEW = 2


def mistakes(
    plan: StagePlan, kept_before: Fraction, kept: Fraction, *, joined: bool
) -> Iterator[str]:
    """Say what looks like a mistake in one stage, in a sentence each.

    Only sliding windows are judged: global, adaptive and pyramid pooling reduce on purpose.
    ``joined`` says that a pyramid's levels lie side by side in what goes in.
    """
    first = plan.plans[0]
    if not isinstance(first.request.geometry, Sliding):
        return
    if all(w.n == 1 for w in first.windows):
        yield "one value per channel goes in, so there is no position left to pool"
        return
    if joined:
        yield "its windows reach across the levels of the pyramid, which lie side by side"
    yield from _too_large(first.windows)
    left = tuple(w.out for w in first.windows)
    if all(n <= FEW for n in left) and any(w.n > FEW for w in first.windows):
        yield f"only {show_shape(left)} is left of the map: hardly a position to tell apart"
    if kept < LITTLE <= kept_before:
        yield f"only {percent(kept)} of the input's values are left; fewer stages keep more"


def percent(share: Fraction) -> str:
    """A share as people write it.

    >>> percent(Fraction(1, 4)), percent(Fraction(1, 1024))
    ('25%', '0.0977%')
    """
    return f"{float(share * 100):.3g}%" if share <= 10 else f"{float(share):.3g}x"


def _too_large(windows: tuple[Windows, ...]) -> Iterator[str]:
    covered = {w.axis: (min((w.largest - 1) * w.dilation + 1, w.n), w.n) for w in windows}
    for cells, n in dict.fromkeys(covered.values()):
        axes = " and ".join(axis for axis, pair in covered.items() if pair == (cells, n))
        if cells == n > 1:
            yield f"{axes}: the window covers all {n} cells; if it is meant, use global"
        elif Fraction(cells, n) > LARGE and n > 1:
            yield f"{axes}: the window covers {cells} of {n} cells, too many to keep detail"
