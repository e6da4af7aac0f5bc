"""Make `libraries.json` and `libraries.npz`: Keras, TensorFlow, scikit-image, SciPy and NumPy.

Run once, by hand, in an environment of its own; the tests need none of them:

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 scikit-image==0.26.0 scipy==1.17.1
    python -m tests.data.make_libraries

A case names the library's function and its own arguments, nothing of ours.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np

from tests.elsewhere import answers, versions

HERE = Path(__file__).parent
Case = dict[str, Any]


def make_inputs() -> dict[str, np.ndarray]:
    """Small quarters with ties, channels last, and bytes; NaN and infinity in two of them."""
    rng = np.random.default_rng(1989)
    shapes = {"1d": (2, 11, 2), "2d": (2, 7, 8, 3), "3d": (1, 5, 4, 6, 2), "plane": (9, 10)}
    inputs = {
        name: (rng.integers(-24, 40, shape) / 4).astype(np.float32)
        for name, shape in shapes.items()
    }
    inputs["bytes"] = rng.integers(0, 256, (8, 12), dtype=np.uint8)
    for name, value in (("nan", np.nan), ("endless", -np.inf)):
        x = inputs["2d"][:1, :, :, :1].copy()
        x[0, 2:5, 3:6, 0] = value
        inputs[name] = x
    return inputs


def keras_cases() -> Iterator[Case]:
    for d, kind in itertools.product((1, 2, 3), ("Max", "Average")):
        for k, s, word in itertools.product((2, 3), (None, 1, 2, 3), ("valid", "same")):
            yield {
                "function": f"{kind}Pooling{d}D",
                "input": f"{d}d",
                "args": {"pool_size": k, "strides": s, "padding": word},
            }
        for keepdims in (False, True):
            function = f"Global{kind}Pooling{d}D"
            yield {"function": function, "input": f"{d}d", "args": {"keepdims": keepdims}}
        for size in (1, 2, 3, 4):
            function = f"Adaptive{kind}Pooling{d}D"
            yield {"function": function, "input": f"{d}d", "args": {"output_size": size}}
    for kind, word in itertools.product(("Max", "Average"), ("valid", "same")):
        args = {"pool_size": (2, 3), "strides": (3, 2), "padding": word}
        yield {"function": f"{kind}Pooling2D", "input": "2d", "args": args}
    for name in ("nan", "endless"):
        args = {"pool_size": 2, "strides": 1, "padding": "valid"}
        yield {"function": "MaxPooling2D", "input": name, "args": args}


def tensorflow_cases() -> Iterator[Case]:
    windows = itertools.product((2, 3), (1, 2, 3), ("VALID", "SAME"), (False, True))
    for k, s, word, batch in windows:
        args = {"ksize": k, "strides": s, "padding": word, "include_batch_in_index": batch}
        yield {"function": "max_pool_with_argmax", "input": "2d", "args": args}


def skimage_cases() -> Iterator[Case]:
    for name, func in itertools.product(
        ("plane", "bytes"), ("max", "min", "mean", "median", "sum")
    ):
        for size in ((2, 2), (3, 2), (1, 5), (4, 4)):
            args = {"block_size": size, "func": func}
            yield {"function": "block_reduce", "input": name, "args": args}


def scipy_cases() -> Iterator[Case]:
    """Edges are filled as the mode says; the windows that lie inside need none of it."""
    for function in ("maximum_filter", "minimum_filter", "median_filter", "uniform_filter"):
        for size, name in itertools.product((2, 3, 4, 5), ("plane", "bytes")):
            if (function, name) != ("uniform_filter", "bytes"):  # which rounds in between
                args = {"size": size, "mode": "nearest"}
                yield {"function": function, "input": name, "args": args}
    for size, percentile in itertools.product((3, 4), (0, 10, 25, 50, 75, 90)):
        args = {"size": size, "percentile": percentile, "mode": "nearest"}
        yield {"function": "percentile_filter", "input": "plane", "args": args}
    for function in ("mode", "iqr", "pmean"):
        for size in (2, 3):
            x = "plane" if function != "pmean" else "bytes"
            yield {"function": function, "input": x, "args": {"size": size}}


def numpy_cases() -> Iterator[Case]:
    methods = ("linear", "lower", "higher", "nearest", "midpoint")
    quantiles = (0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 1.0)
    for method, q, name in itertools.product(methods, quantiles, ("plane", "bytes")):
        args = {"q": q, "method": method, "size": (2, 3)}
        yield {"function": "quantile", "input": name, "args": args}
    for function in ("std", "var", "ptp", "median"):
        for name in ("plane", "bytes"):
            yield {"function": function, "input": name, "args": {"size": (3, 2)}}


CASES = {
    "keras": keras_cases,
    "tensorflow": tensorflow_cases,
    "skimage": skimage_cases,
    "scipy": scipy_cases,
    "numpy": numpy_cases,
}


def main() -> None:
    inputs = make_inputs()
    arrays = {f"input {name}": x for name, x in inputs.items()}
    parts: dict[str, list[np.ndarray]] = {}
    lines = []
    for library, cases in CASES.items():
        for case in cases():
            x, shapes = inputs[case["input"]], []
            for answer in answers(library, case["function"], x, case["args"]):
                kept = answer.astype(np.int32) if answer.dtype == np.int64 else answer
                parts.setdefault(str(kept.dtype), []).append(kept.ravel())
                shapes.append({"shape": answer.shape, "dtype": str(answer.dtype)})
            lines.append(json.dumps({"library": library, **case, "answers": shapes}))
    arrays |= {f"answers {dtype}": np.concatenate(some) for dtype, some in parts.items()}
    np.savez_compressed(HERE / "libraries.npz", **arrays)
    made_by = versions("keras", "tensorflow", "skimage", "scipy", "numpy")
    text = ",\n".join(lines)
    (HERE / "libraries.json").write_text(
        f'{{"versions": {json.dumps(made_by)},\n"cases": [\n{text}\n]}}\n', encoding="utf-8"
    )
    print(f"{len(lines)} cases")


if __name__ == "__main__":
    main()
