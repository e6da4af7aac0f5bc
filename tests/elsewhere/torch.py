"""PyTorch's functional poolings."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: Any, args: dict[str, Any], threads: int | None = None) -> Run:
    """Any pooling of ``torch.nn.functional`` of an array or a tensor.

    ``samples`` of fractional pooling are one number for each axis, in their order. ``unfold`` is
    the median of a plane's windows, for which there is no function: people unfold them.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    tensor = torch.from_numpy(x) if isinstance(x, np.ndarray) else x
    args = dict(args)
    if "samples" in args:
        # One number per plane and axis in the array's type; the width's first in two dimensions,
        # the depth's in three.
        axes = len(args["samples"])
        order = list(args.pop("samples"))[:: -1 if axes == 2 else 1]
        batch = 1 if tensor.ndim == axes + 1 else tensor.shape[0]
        planes = (batch, tensor.shape[-axes - 1], axes)
        args["_random_samples"] = torch.tensor(order).expand(planes).to(tensor.dtype)
    pool = _median if function == "unfold" else getattr(torch.nn.functional, function)

    def run() -> Any:
        with torch.inference_mode():
            return pool(tensor, **args)

    return run


def _median(tensor: Any, kernel_size: int, stride: int) -> Any:
    windows = tensor.unfold(0, kernel_size, stride).unfold(1, kernel_size, stride)
    return windows.reshape(*windows.shape[:2], -1).median(dim=-1).values


def in_our_words(function: str, args: dict[str, Any]) -> dict[str, Any]:
    """What is asked for: op, kind of windows, geometry and options."""
    op = next(word for word in ("max", "avg", "lp") if word in function)
    options = {}
    if function.startswith("adaptive"):
        return {"op": op, "kind": "adaptive", "geometry": args}
    if function.startswith("fractional"):
        geometry = {"size": args["kernel_size"], "output_size": args["output_size"]}
        return {
            "op": op,
            "kind": "fractional",
            "geometry": {**geometry, "samples": args["samples"]},
        }
    if op == "lp":
        options = {"norm": args.pop("norm_type"), "signed": True}
    if op == "avg":
        options = {"count_include_pad": args.pop("count_include_pad", True)}
        if "divisor_override" in args:
            options["divisor"] = args.pop("divisor_override")
    args["size"] = args.pop("kernel_size")
    return {"op": op, "kind": "sliding", "geometry": args, "options": options}
