"""How the picture is pooled that a plan is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from poolcli.errors import UsageError
from poolcli.ops import OPS, find_op

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.plan import Plan


class Treatment(NamedTuple):
    """What is asked of pictures besides a Request.

    linear: means are of light instead of its codes
    by: the channel, or luma, that decides which whole pixel is picked
    """

    linear: bool = False
    by: str | None = None

    def check(self, op: str) -> None:
        """Raise UsageError where ``op`` has no use for it."""
        record = find_op(op)
        if self.linear and not record.blends:
            known = ", ".join(name for name, other in OPS.items() if other.blends)
            raise UsageError(f"`linear` is for means ({known}); {op} is none")
        if self.by is not None:
            if record.winner is None:
                known = ", ".join(name for name, other in OPS.items() if other.winner is not None)
                raise UsageError(f"`by` is for ops that pick a pixel ({known}); {op} picks none")
            from poolcli.images.whole_pixels import check_key

            check_key(self.by)

    def run(self, plan: Plan, array: NDArray[Any], *, alpha: bool) -> NDArray[Any]:
        """Pool the pixels of a picture; ``alpha``: its last channel says how opaque the others are.

        Raises InputError where the picture is not of the kind that was asked for.
        """
        if self.by is not None:
            from poolcli.images.whole_pixels import pick_whole

            return pick_whole(plan, array, self.by, alpha=alpha)
        # A value that means missing is looked for among the values as they are.
        alpha = alpha and plan.request.nodata is None
        weighted = alpha and find_op(plan.request.op).blends
        if alpha and not weighted:
            from poolcli.images.unseen import pool_seen

            return pool_seen(plan, array)
        if weighted or self.linear:
            from poolcli.images.colour import blend

            return blend(plan, array, alpha=weighted, linear=self.linear)
        return plan.run(array)
