"""Random poolings by PyTorch, each with what was asked in the words of the design."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tests.elsewhere import answers
from tests.elsewhere.golden import Golden
from tests.elsewhere.torch import in_our_words
from tests.parity.random_inputs import LAYOUTS, random_array, random_shape

FAMILIES = {
    "max": 0.32,
    "avg": 0.26,
    "lp": 0.12,
    "adaptive_max": 0.1,
    "adaptive_avg": 0.1,
    "fractional_max": 0.1,
}
FLOATS = ["f2", "f4", "f8"]
# What the CPU kernels of torch 2.13 take.
DTYPES = {
    "max": [*FLOATS, *FLOATS, "u1", "i1", "i2", "i4", "i8"],
    "avg": [*FLOATS, *FLOATS, "i8"],
    "lp": FLOATS,
    "adaptive_max": FLOATS,
    "adaptive_avg": FLOATS,
    "fractional_max": FLOATS,
}


def torch_case(seed: int) -> Golden:
    """One pooling with PyTorch's answer to it, a function of the seed."""
    rng = np.random.default_rng([20130116, seed])
    family = str(rng.choice(list(FAMILIES), p=list(FAMILIES.values())))
    axes = int(rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25]))
    if family == "fractional_max":
        axes = max(axes, 2)
    dtype = np.dtype(str(rng.choice(DTYPES[family])))
    if family in ("avg", "lp") and axes == 3 and dtype == np.float16:
        dtype = np.dtype("f4")  # torch has no such kernel
    # Powers of quarters are exact, so that cancelling odd powers leave an exact 0 in both.
    style = "quarters" if family == "lp" else None
    x = random_array(rng, random_shape(rng, axes), dtype, style)
    args = random_arguments(rng, family, axes, x.shape[2:])
    function = f"{family}_pool{axes}d"
    unbatched = axes > 1 and rng.random() < 0.1 and len(x) > 0
    answers = run_torch(function, args, x, rng, unbatched)
    golden = Golden(
        id=f"{seed}-{function}",
        framework="torch",
        function=function,
        x=x,
        layout=LAYOUTS[axes],
        **in_our_words(function, explicit(function, args, x.shape[2:])),
        asked=asked(function, args, x.shape[2:]),
    )
    if answers is None:
        return golden
    expected, indices = answers
    golden = replace(golden, expected=expected, indices=indices)
    if unbatched:
        golden = replace(golden, x=x[0], layout=golden.layout[1:])
    return golden


def random_arguments(
    rng: np.random.Generator, family: str, axes: int, cells: tuple[int, ...]
) -> dict[str, Any]:
    """Arguments of one of PyTorch's functions, few of which it refuses."""

    def each(values: list[int], odds: list[float]) -> Any:
        drawn = rng.choice(values, size=axes, p=odds).tolist()
        return drawn[0] if axes == 1 or rng.random() < 0.4 else tuple(drawn)

    if family.startswith("adaptive"):
        size = each(list(range(1, 8)), [0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1])
        if isinstance(size, tuple) and rng.random() < 0.2:
            size = (*size[:-1], None)  # as many as there are
        return {"output_size": size if axes > 1 or isinstance(size, int) else size[0]}
    if family == "fractional_max":
        size = each([1, 2, 3], [0.2, 0.6, 0.2])
        sizes = [size] * axes if isinstance(size, int) else size
        most = [max(1, n - k) for n, k in zip(cells, sizes, strict=True)]
        output = tuple(int(rng.integers(1, m + 1)) for m in most)
        samples = tuple(rng.random(axes).astype(np.float16).tolist())
        return {"kernel_size": size, "output_size": output, "samples": samples}
    args: dict[str, Any] = {"kernel_size": each([1, 2, 3, 4, 5], [0.1, 0.4, 0.3, 0.1, 0.1])}
    sizes = args["kernel_size"]
    sizes = [sizes] * axes if isinstance(sizes, int) else sizes
    if rng.random() < 0.9:  # most windows fit
        sizes = tuple(min(k, n) for k, n in zip(sizes, cells, strict=True))
        args["kernel_size"] = sizes[0] if axes == 1 else sizes
    if rng.random() < 0.75:
        args["stride"] = each([1, 2, 3, 4], [0.35, 0.35, 0.2, 0.1])
    if rng.random() < 0.5:
        args["ceil_mode"] = bool(rng.random() < 0.7)
    if family == "lp":
        norms = [1, 2, 3, 4] if args.get("ceil_mode") else [1, 2, 3, 4, 1.5, 2.5, 0.5]
        return {**args, "norm_type": float(rng.choice(norms))}
    if rng.random() < 0.5:
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in sizes)
        if rng.random() < 0.04:
            padding = tuple(p + 1 for p in padding)
        args["padding"] = padding
    if family == "max" and rng.random() < 0.35:
        args["dilation"] = each([1, 2, 3], [0.3, 0.5, 0.2])
    if family == "avg":
        if rng.random() < 0.6:
            args["count_include_pad"] = bool(rng.random() < 0.4)
        if axes > 1 and rng.random() < 0.2:
            args["divisor_override"] = int(rng.choice([1, 2, 3, 5, 7]))
    return args


def explicit(function: str, args: dict[str, Any], cells: tuple[int, ...]) -> dict[str, Any]:
    """The same arguments with PyTorch's defaults written out."""
    if "samples" in args:
        return dict(args)
    if "output_size" in args:
        size = args["output_size"]
        if isinstance(size, tuple):
            size = tuple(n if s is None else s for s, n in zip(size, cells, strict=True))
        return {"output_size": size}
    defaults = {"stride": args["kernel_size"], "ceil_mode": False}
    if not function.startswith("lp"):
        defaults["padding"] = 0
    return {**defaults, **args}


def asked(function: str, args: dict[str, Any], cells: tuple[int, ...]) -> dict[str, Any]:
    """The same for poolcli with --like torch: what is not given here is not given there."""
    names = {
        "kernel_size": "size",
        "divisor_override": "divisor",
        "norm_type": "norm",
    }
    given = explicit(function, args, cells) if function.startswith("adaptive") else args
    return {names.get(name, name): value for name, value in given.items()}


def run_torch(
    function: str, args: dict[str, Any], x: np.ndarray, rng: np.random.Generator, unbatched: bool
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The result and the indices, if there are any; None where PyTorch refuses."""
    args = dict(args)
    tensor = torch.from_numpy(x.copy())
    form = rng.choice(["plain", "channels last", "slice"])
    if form == "channels last" and x.ndim == 4:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    elif form == "slice":
        tensor = torch.stack([tensor, tensor], dim=-1)[..., 0]
    if unbatched:
        tensor = tensor[0]
    with_indices = "max" in function and bool(rng.random() < 0.7)
    if function == "max_pool1d" and x.dtype.kind != "f":
        with_indices = True  # the other kernel takes no integers
    if with_indices:
        args["return_indices"] = True
    try:
        values, *indices = answers("torch", function, tensor, args)
    except RuntimeError:
        return None
    return values, indices[0] if indices else None
