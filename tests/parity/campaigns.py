"""Random poolings by every library, counted: how many give the same bytes, and why others do not.

A campaign is one row. What it counts stands in `docs/conformance.md` (`make conformance`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from poolcli import pool
from tests.elsewhere import LIBRARIES, answers
from tests.parity.random_inputs import random_array

Comparison = tuple[np.ndarray, np.ndarray]
"""What poolcli gives and what the library gives."""


@dataclass
class Count:
    """Cases of a campaign: with the same bytes, within rounding, and by named difference."""

    same: int = 0
    rounded: int = 0
    named: Counter[str] = field(default_factory=Counter)
    different: int = 0

    @property
    def cases(self) -> int:
        return self.same + self.rounded + self.different + sum(self.named.values())


class Campaign(NamedTuple):
    """`run` counts so many random cases; `covers` says in a few words what they vary."""

    library: str
    what: str
    covers: str
    run: Callable[[int], Count]


def random_plane(rng: np.random.Generator, dtype: str, style: str | None = None) -> np.ndarray:
    shape = tuple(rng.integers(5, 24, 2).tolist())
    return random_array(rng, shape, np.dtype(dtype), style)


def random_photo(rng: np.random.Generator) -> np.ndarray:
    shape = (*rng.integers(8, 40, 2).tolist(), 3)
    return rng.integers(0, 256, shape, dtype=np.uint8)


def whole_windows(x: np.ndarray, size: int) -> np.ndarray:
    """The part that touching windows of this size cover: some libraries pad the rest with zeros."""
    return x[: len(x) // size * size, : x.shape[1] // size * size]


def block_reduce(rng: np.random.Generator) -> Comparison:
    op, func = [("max", "max"), ("min", "min"), ("avg", "mean"), ("sum", "sum"),
                ("median", "median"), ("var", "var"), ("std", "std")][rng.integers(7)]  # fmt: skip
    size = int(rng.integers(1, 5))
    x = whole_windows(random_plane(rng, "f8", "any"), size)
    args = {"block_size": (size, size), "func": func}
    return pool(x, op, size), answers("skimage", "block_reduce", x, args)[0]


def median_filter(rng: np.random.Generator) -> Comparison:
    size, stride = int(rng.choice([1, 3, 5])), int(rng.integers(1, 4))
    x = random_plane(rng, str(rng.choice(["u1", "f4", "i4"])), "any")
    args = {"size": size, "stride": stride}
    return pool(x, "median", size, stride=stride), answers("scipy", "median_filter", x, args)[0]


def statistics_mode(rng: np.random.Generator) -> Comparison:
    size = int(rng.integers(1, 5))
    x = rng.integers(0, 5, tuple(rng.integers(5, 24, 2).tolist())).astype("u1")
    return pool(x, "mode", size, stride=1), answers("scipy", "mode", x, {"size": size})[0]


def numpy_windows(rng: np.random.Generator) -> Comparison:
    op, function = [("max", "max"), ("min", "min"), ("avg", "mean"), ("sum", "sum"),
                    ("range", "ptp"), ("median", "median")][rng.integers(6)]  # fmt: skip
    size = tuple(rng.integers(1, 5, 2).tolist())
    x = random_plane(rng, "f8", "any")
    args = {"size": size}
    return pool(x, op, size, stride=1), answers("numpy", function, x, args)[0]


def median_blur(rng: np.random.Generator) -> Comparison:
    size, stride = int(rng.choice([3, 5])), int(rng.integers(1, 4))
    x = random_plane(rng, str(rng.choice(["u1", "u2", "f4"])), "any")
    args = {"size": size, "stride": stride}
    return pool(x, "median", size, stride=stride), answers("opencv", "medianBlur", x, args)[0]


def half_up(x: np.ndarray) -> np.ndarray:
    """Averages as bytes, halves up, as libraries for pictures round."""
    return np.floor(x + 0.5).astype(np.uint8)


def inter_area(rng: np.random.Generator) -> Comparison:
    factor = int(rng.integers(2, 7))
    x = whole_windows(random_photo(rng), factor)
    averages = pool(x, "avg", factor)
    # By 2 it rounds halves up, by every other factor to even.
    ours = half_up(averages) if factor == 2 else np.rint(averages).astype(np.uint8)
    return ours, answers("opencv", "INTER_AREA", x, {"factor": factor})[0]


def reduce(rng: np.random.Generator) -> Comparison:
    factor = int(rng.integers(1, 6))
    x = whole_windows(random_photo(rng), factor)
    return half_up(pool(x, "avg", factor)), answers("pillow", "reduce", x, {"factor": factor})[0]


def truncated_reciprocal(ours: np.ndarray, theirs: np.ndarray) -> str | None:
    """Pillow multiplies by 1/n² cut to 24 binary digits: quotients that are whole fall short."""
    low = ours.astype(int) - theirs
    is_it = ours.shape == theirs.shape and bool(np.isin(low, (0, 1)).all())
    return "averages by 3 and 5 are one too low where quotients are whole" if is_it else None


def keras_layer(rng: np.random.Generator) -> Comparison:
    op, layer = [("max", "MaxPooling2D"), ("avg", "AveragePooling2D")][rng.integers(2)]
    x, args = channels_last(rng)
    given = {"pool_size": args["size"], "strides": args["stride"], "padding": args["padding"]}
    return pool(x, op, **args, like="keras"), answers("keras", layer, x, given)[0]


def tensorflow_pool(rng: np.random.Generator) -> Comparison:
    op = str(rng.choice(["max", "avg"]))
    x, args = channels_last(rng)
    given = {"ksize": args["size"], "strides": args["stride"]}
    given["padding"] = str(args["padding"]).upper()
    theirs = np.stack(answers("tensorflow", f"{op}_pool2d", x, given))
    return pool(x, op, **args, like="keras"), theirs


def channels_last(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    shape = (int(rng.integers(1, 3)), *rng.integers(4, 14, 2).tolist(), int(rng.integers(1, 4)))
    args = {"size": int(rng.integers(1, 5)), "stride": int(rng.integers(1, 4))}
    return random_array(rng, shape, np.dtype("f4"), "quarters"), {
        **args,
        "padding": str(rng.choice(["same", "valid"])),
    }


def of_pairs(
    case: Callable[[np.random.Generator], Comparison],
    name: Callable[[np.ndarray, np.ndarray], str | None] = lambda _ours, _theirs: None,
) -> Callable[[int], Count]:
    """A campaign over seeds, each with one answer of both; ``name`` names a difference."""

    def run(cases: int) -> Count:
        count = Count()
        for seed in range(cases):
            ours, theirs = case(np.random.default_rng([19590101, seed]))
            if ours.shape == theirs.shape and np.array_equal(ours, theirs, equal_nan=True):
                count.same += 1
            elif ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=2e-6, atol=2e-6):
                count.rounded += 1
            elif (named := name(ours, theirs)) is not None:
                count.named[named] += 1
            else:
                count.different += 1
        return count

    return run


def of_goldens(module: str, function: str) -> Callable[[int], Count]:
    """A campaign whose verdict knows the named differences."""

    def run(cases: int) -> Count:
        from importlib import import_module

        from tests.parity import verdict

        case = getattr(import_module(f"tests.parity.{module}"), function)
        count = Count()
        for seed in range(cases):
            outcome = verdict.check(case(seed))
            if outcome.reasons:
                count.named[" and ".join(outcome.reasons)] += 1
            elif outcome.same:
                count.same += 1
            else:
                count.rounded += 1
        return count

    return run


CAMPAIGNS = (
    Campaign(
        "torch",
        "`max_pool`, `avg_pool`, `lp_pool`, adaptive and fractional, 1-D to 3-D",
        "sizes, strides, padding, dilation, ceil mode, positions, dtypes, NaN and infinities",
        of_goldens("torch_cases", "torch_case"),
    ),
    Campaign(
        "onnxruntime",
        "`MaxPool`, `AveragePool`, `LpPool`, global ones, 1-D to 3-D",
        "sizes, strides, padding, `auto_pad`, dilation, ceil mode, positions, dtypes, NaN",
        of_goldens("onnxruntime_cases", "onnxruntime_case"),
    ),
    Campaign(
        "keras",
        "`MaxPooling2D`, `AveragePooling2D`",
        "sizes, strides, `same` and `valid`",
        of_pairs(keras_layer),
    ),
    Campaign(
        "tensorflow",
        "`max_pool2d`, `avg_pool2d`",
        "sizes, strides, `same` and `valid`",
        of_pairs(tensorflow_pool),
    ),
    Campaign(
        "skimage",
        "`block_reduce` with max, min, mean, sum, median, var, std",
        "sizes",
        of_pairs(block_reduce),
    ),
    Campaign("scipy", "`median_filter`", "sizes, strides, dtypes", of_pairs(median_filter)),
    Campaign("scipy", "`stats.mode` of all windows", "sizes, ties", of_pairs(statistics_mode)),
    Campaign(
        "numpy",
        "max, min, mean, sum, ptp, median of all windows",
        "sizes of both axes",
        of_pairs(numpy_windows),
    ),
    Campaign("opencv", "`medianBlur`", "sizes, strides, dtypes", of_pairs(median_blur)),
    Campaign("opencv", "`INTER_AREA` of RGB", "factors 2 to 6", of_pairs(inter_area)),
    Campaign("pillow", "`reduce` of RGB", "factors 1 to 5", of_pairs(reduce, truncated_reciprocal)),
)


def installed(campaigns: Iterable[Campaign] = CAMPAIGNS) -> Iterator[Campaign]:
    """Those whose library is there."""
    return (campaign for campaign in campaigns if LIBRARIES[campaign.library].installed)
