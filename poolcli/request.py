"""What is asked: one op over one geometry, before any array is seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli import checks
from poolcli.checks import whole_number
from poolcli.dtypes import FITS, number_type, result_dtype
from poolcli.engine.kernels import Kernel
from poolcli.errors import InputError, UnknownParameter, UsageError
from poolcli.families import JsonObject, Parts, family_of
from poolcli.frameworks.defaults import INDEX_CONVENTIONS, find_preset
from poolcli.geometry import Geometry, Placement
from poolcli.layout import Layout, doubtful, find_layout, show_shape
from poolcli.ops import OPS, Op, find_op
from poolcli.plan import Plan
from poolcli.recent import Recent
from poolcli.windows import Windows

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from poolcli.joined import JoinedPlan


_CHECKS: Mapping[type, Callable[[str, Any], object]] = {
    bool: checks.flag,
    int: checks.whole,
    float: checks.real,
    str: checks.word,
}
# Counts of cells are added and multiplied in 64 bits.
_MOST_COUNTED = 2**62

NAN_POLICIES = ("propagate", "skip", "error")


@dataclass(frozen=True)
class Request:
    """Pooling as asked for, before any array is seen.

    ``fit`` says how results enter an integer ``dtype``: ``exact``, ``round`` (half to even, must
    fit) or ``clip`` (rounded and saturated). ``like`` is the name of a preset that fills in what
    is None here. ``index`` is the convention of the winners' positions.
    """

    op: str
    geometry: Geometry
    layout: str | None = None
    like: str | None = None
    nan: str = "propagate"
    nodata: float | None = None
    min_valid: float = 0.0
    count_include_pad: bool | None = None
    divisor: float | None = None
    index: str | None = None
    dtype: DTypeLike | None = None
    fit: str = "exact"
    keepdims: bool = True
    threads: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    mask: NDArray[np.bool_] | None = field(default=None, compare=False)
    """True for cells that do not count: of the shape of the array, or of its spatial axes."""
    weights: NDArray[np.float64] | None = field(default=None, compare=False)
    """How much cells count, in the same shapes: not negative."""

    def __post_init__(self) -> None:
        op = find_op(self.op)
        preset = find_preset(self.like)
        checks.one_of("nan", self.nan, NAN_POLICIES)
        checks.one_of("fit", self.fit, FITS)
        if self.index is not None:
            checks.one_of("index", self.index, INDEX_CONVENTIONS)
        for name in ("nodata", "min_valid", "divisor"):
            if getattr(self, name) is not None or name == "min_valid":
                checks.real(name, getattr(self, name))
        for name in ("count_include_pad", "keepdims"):
            if getattr(self, name) is not None:
                checks.flag(name, getattr(self, name))
        counts = self.count_include_pad and not preset.count_include_pad
        if not op.divides and (counts or self.divisor is not None):
            raise UsageError(f"{op.name} divides by nothing: no count_include_pad and no divisor")
        if self.divisor is not None and not (math.isfinite(self.divisor) and self.divisor != 0):
            raise UsageError(f"divisor {self.divisor}: must be a number other than 0")
        if not 0 <= self.min_valid <= 1:
            raise UsageError(f"min_valid {self.min_valid}: must be a fraction from 0 to 1")
        if self.threads is not None:
            whole_number("threads", self.threads, least=1)
        if self.weights is not None:
            self._check_weights(op, self.weights)
        unknown = set(self.params) - {param.name for param in op.params}
        if unknown:
            raise UnknownParameter(op.name, min(unknown))
        for param in op.params:
            if param.name in self.params:
                _CHECKS[param.type](param.name, self.params[param.name])

    def _check_weights(self, op: Op, weights: NDArray[np.float64]) -> None:
        if op.weighs is None:
            raise UsageError(f"{op.name} takes no weights; {_weighing()} do")
        if self.count_include_pad or self.divisor is not None:
            raise UsageError("weights are what is divided by: no count_include_pad and no divisor")
        refused = ~((weights >= 0) & np.isfinite(weights))
        if refused.any():
            raise InputError(f"a weight is {weights[refused][0]:g}; numbers from 0 on are meant")

    @property
    def fills_files(self) -> bool:
        """Whether there is no place for another result beside it: there is."""
        return False

    def with_nodata(self, nodata: float) -> Request:
        """Ask the same with this value missing, where none was said to be."""
        return self if self.nodata is not None else replace(self, nodata=nodata)

    def with_results(self, dtype: DTypeLike | None, fit: str) -> Request:
        """Ask the same, with the results stored in this way."""
        return replace(self, dtype=dtype, fit=fit)

    def with_threads(self, threads: int) -> Request:
        """Ask the same of so many threads, where no number was asked for."""
        return self if self.threads is not None else replace(self, threads=threads)

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> Plan | JoinedPlan:
        """What pooling an array of this shape and dtype will do.

        ``layout`` is what the file itself tells; the request's own layout wins over it.

        Raises UsageError for a request that means nothing and InputError where the windows or the
        layout do not fit the array.
        """
        if not family_of(self.geometry).joins:
            return self.plan_alone(shape, dtype, layout)
        placements = self.geometry.parts
        plans = tuple(self.plan_part(part, shape, dtype, layout) for part in placements)
        from poolcli.joined import JoinedPlan  # late: few requests have several parts

        return JoinedPlan(self, plans)

    def plan_alone(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> Plan:
        """What pooling will do where the geometry has one part; see :meth:`plan`."""
        (placement,) = self.geometry.parts
        if layout is not None and type(layout) is not str:  # that is refused, and is no key
            return self.plan_part(placement, shape, dtype, layout)
        key = (shape, dtype, layout)
        plan = self._plans.get(key)
        if plan is None:
            plan = self.plan_part(placement, shape, dtype, layout)
            self._plans.put(key, plan)
        return plan

    @cached_property
    def _plans(self) -> Recent[Plan]:
        return Recent(8)

    def plan_part(
        self,
        placement: Placement,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        layout: str | None = None,
    ) -> Plan:
        """What pooling by one part of the geometry will do; see :meth:`plan`."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "biuf" or dtype.itemsize > 8:
            raise InputError(
                f"dtype {dtype} cannot be pooled; bool, integers and floats of up to 64 bits can"
            )
        preset = find_preset(self.like)
        chosen = layout if self.layout is None else self.layout
        entries = max((part.entries for part in self.geometry.parts), default=0)
        if entries == 1 and self.like is None:
            entries = 0  # one number in a list is one for all axes, but where a framework speaks
        axes = find_layout(chosen, shape, preset.layouts, entries)
        warning = None if chosen or self.like else doubtful(axes, shape)
        padding = find_op(self.op).padding
        placed = placement.completed(unit_stride=preset.unit_stride, padding=padding)
        windows = placed.resolve(axes.spatial_names, [shape[i] for i in axes.spatial])
        kernel = self._kernel(placement)
        if kernel.mirrors:
            from poolcli.engine.mirrored import refuse_weights  # late: one op mirrors

            for w in windows:
                refuse_weights(w)
        self._refuse_counts(windows)
        wanted = None if self.dtype is None else number_type(self.dtype)
        target = result_dtype(kernel.result, dtype) if wanted is None else wanted
        kept = list(shape)
        for axis, w in zip(axes.spatial, windows, strict=True):
            kept[axis] = w.out
        request = self if placement is self.geometry else replace(self, geometry=placement)
        return Plan(
            *(request, axes.letters, shape, dtype, tuple(kept), target, windows, kernel, warning),
            mask=_over_cells("mask", self.mask, axes, shape),
            weights=_over_cells("weights", self.weights, axes, shape),
        )

    def _kernel(self, placement: Placement) -> Kernel:
        """How windows are pooled. Raises UsageError where the op cannot do what they ask for."""
        op = find_op(self.op)
        if not placement.cuts_cells and self.weights is None:
            return op.kernel(self.op_params)
        if op.weighs is None:
            raise UsageError(f"{op.name} takes cells whole; `by_area` is for {_weighing()}")
        if self.weights is None:
            return op.weighs.cut
        return op.weighs.both if placement.cuts_cells else op.weighs.weighted

    def _refuse_counts(self, windows: tuple[Windows, ...]) -> None:
        """Refuse windows whose padding would be counted, and is too much for 64 bits."""
        most = math.prod(w.largest for w in windows)
        if self.counts_padding and most > _MOST_COUNTED:
            raise InputError(
                f"windows of {show_shape([w.largest for w in windows])} hold more than 2^62 cells "
                "to divide by; leave padding out of the count or use smaller windows"
            )

    @property
    def counts_padding(self) -> bool:
        """Whether averages count explicit padding: as said, or else by the preset."""
        said = self.count_include_pad
        if said is None:
            said = find_preset(self.like).count_include_pad and self.weights is None
        return said and find_op(self.op).divides

    def describe(self, parts: Parts, times: str = "x") -> str:
        """Say what is asked for; ``parts`` are the windows that it came to."""
        family = family_of(self.geometry)
        said = [] if family.slides else [family.name]
        said += [self.op, *family.describe(self.geometry, parts, times, self.params)]
        return " ".join([*said, *self.rules])

    @property
    def rules(self) -> list[str]:
        """What is asked for besides the op and its windows, in words."""
        said = []
        if self.count_include_pad:
            said.append("counting padding")
        elif self.count_include_pad is False and self.like is not None:
            said.append("not counting padding")
        if self.divisor is not None:
            said.append(f"divisor {_short(self.divisor)}")
        if self.nan != "propagate":
            said.append(f"nan {self.nan}")
        if self.nodata is not None:
            said.append(f"nodata {_short(self.nodata)}")
        if self.mask is not None:
            said.append("masked")
        if self.weights is not None:
            said.append("weighted")
        if self.min_valid:
            said.append(f"min-valid {_short(self.min_valid)}")
        said += [f"{name} {value}" for name, value in self.params.items()]
        return said if self.like is None else [*said, f"like {self.like}"]

    def as_json(self, parts: Parts) -> JsonObject:
        """A record's ``op`` and ``windows``; ``parts`` are the windows that it came to."""
        family = family_of(self.geometry)
        windows = {"kind": family.name, **family.as_json(self.geometry, parts)}
        return {"op": self.op, "windows": windows}

    @property
    def index_convention(self) -> str:
        """What positions count: as said, or else by the preset."""
        return self.index or find_preset(self.like).index

    @property
    def op_params(self) -> dict[str, Any]:
        """The op's own parameters: as said, or else by the preset, or else the op's defaults."""
        op, preset = find_op(self.op), find_preset(self.like).params
        said = dict(self.params)
        for p in op.params:
            default = p.default if p.no_preset(self.params) else preset.get(p.name, p.default)
            said.setdefault(p.name, default)
        return {p.name: p.type(said[p.name]) for p in op.params}


def _weighing() -> str:
    """The ops whose cells can have weights, in words."""
    return " and ".join(op.name for op in OPS.values() if op.weighs is not None)


def _over_cells(
    what: str, values: NDArray[Any] | None, axes: Layout, shape: tuple[int, ...]
) -> NDArray[Any] | None:
    """A mask or weights for every cell: what they have no axes for has the same everywhere."""
    if values is None:
        return None
    if values.ndim == len(axes.spatial) < len(shape):
        spatial = iter(values.shape)
        values = values.reshape(
            [next(spatial) if i in axes.spatial else 1 for i in range(len(shape))]
        )
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        spatial_axes = [shape[axis] for axis in axes.spatial]
        others = f", or {show_shape(spatial_axes)}" if len(spatial_axes) < len(shape) else ""
        raise InputError(
            f"the shape of the {what} is {show_shape(values.shape)}; for {show_shape(shape)} as "
            f"{axes.letters} it would be the same{others}"
        ) from None


def _short(value: float) -> str:
    """Write a number as people would: 4 for 4.0, but 1e+300 for that."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e16 else str(value)
