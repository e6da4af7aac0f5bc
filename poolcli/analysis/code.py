"""A chain as the code of a framework's layers that do the same.

Where a framework has no such layer, that is said (UsageError); code that only looks alike is never
written.
"""

from __future__ import annotations

from poolcli.chains import ChainPlan, StagePlan
from poolcli.frameworks.defaults import find_preset
from poolcli.frameworks.layers import Layer, Sequential
from poolcli.frameworks.table import find_framework
from poolcli.ops import find_op


def write_code(plan: ChainPlan, framework: str) -> str:
    """The layers of ``framework`` that do what ``plan`` does, as Python source.

    The layers take the framework's own layout. Raises UsageError that names the stage for which
    there is no layer.
    """
    row = find_framework("code", framework)
    layers = (_layer_of(stage, row.name) for stage in plan.stages)
    return row.load().write(Sequential(layers, plan.chain.text, plan.input_shape, plan.layout))


def _layer_of(stage: StagePlan, framework: str) -> Layer:
    """The stage as one layer; a pyramid is several, which no sequence of layers can be."""
    plan, request = stage.plan.parts[0], stage.plan.request
    op, preset = find_op(request.op), find_preset(request.like)
    counts = request.count_include_pad
    if counts is None:
        counts = preset.count_include_pad
    params = {param.name: preset.params.get(param.name, param.default) for param in op.params}
    layer = Layer(
        op=op.name,
        geometry=request.geometry,
        windows=plan.windows,
        params=params | dict(request.params),
        keepdims=request.keepdims,
        count_include_pad=counts and op.divides,
        divisor=request.divisor,
        name=stage.stage.name,
        framework=framework,
    )
    if stage.plan.single is None:
        raise layer.refusal("a pyramid needs several of them side by side")
    if request.nan != "propagate" or request.nodata is not None:
        raise layer.refusal("it knows no missing values")
    return layer
