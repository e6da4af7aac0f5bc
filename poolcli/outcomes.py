"""What there is to report about one input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.operation import OperationPlan


class Result(NamedTuple):
    """One pooled input, ready to be shown.

    ``label``: what people call the input (``"in.npz:features"``, ``"-"``, ``"photo.png"``).
    ``plan``: what was asked and what it came to (shapes, dtypes, layouts, dropped rows).
    ``output``: the pooled array, or None when it went to its file block by block.
    ``kind``: ``"npy" | "npz" | "image" | "text"``; pictures are drawn, all else is numbers.
    ``written``: the file or folder entry that holds the output, or None when nothing was written.
    ``indices``: the file that holds the winners' positions, or None.
    ``notes``: what did not go on with the output, a sentence each.
    ``source``: the input array, given where it can be drawn beside its result: a picture, or small.
    """

    label: str
    plan: OperationPlan
    output: NDArray[Any] | None
    kind: str
    written: str | None = None
    indices: str | None = None
    source: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may be other than it was meant, a sentence each."""
        doubt = self.plan.warning
        return self.notes if doubt is None else (doubt, *self.notes)

    @property
    def array(self) -> NDArray[Any]:
        """The pooled array, where it is in memory."""
        if self.output is None:
            raise ValueError(f"{self.label}: the result went to {self.written} block by block")
        return self.output
