"""The records of all ops. Add an op by adding a record here."""

from __future__ import annotations

from poolcli.ops.record import Op, lazy

RECORDS = (
    Op(
        name="max",
        summary="the largest value",
        formula="max(x)",
        source="Zhou & Chellappa 1988; ONNX MaxPool",
        kernel=lazy("poolcli.ops.extremes", "extreme", "maximum"),
    ),
    Op(
        name="min",
        summary="the smallest value",
        formula="min(x)",
        source="max pooling of the negated values",
        kernel=lazy("poolcli.ops.extremes", "extreme", "minimum"),
    ),
    Op(
        name="avg",
        aliases=("mean",),
        summary="the arithmetic mean",
        formula="sum(x) / n",
        source="LeCun et al. 1989; ONNX AveragePool",
        kernel=lazy("poolcli.ops.sums", "average"),
        divides=True,
    ),
    Op(
        name="sum",
        summary="the sum",
        formula="sum(x)",
        source="avg pooling without its division",
        kernel=lazy("poolcli.ops.sums", "total"),
    ),
)
