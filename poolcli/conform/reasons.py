"""Which of a framework's own rules came into play, in a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from poolcli.geometry import Sliding
from poolcli.layout import show_shape
from poolcli.plan import Plan

TITLES = {"torch": "torch", "keras": "Keras", "onnx": "ONNX"}


@dataclass(frozen=True)
class Case:
    """One framework's plan for what was asked."""

    framework: str
    op: str
    windows: Sliding
    plan: Plan
    own_layout: bool
    has_nan: bool
    params: Mapping[str, Any]

    @property
    def padded(self) -> bool:
        return any(w.pad_before > 0 or w.pad_after > 0 for w in self.plan.windows)

    @property
    def one_sided(self) -> bool:
        return any(w.pad_before != w.pad_after for w in self.plan.windows)

    @property
    def overhang(self) -> bool:
        """Whether some window reaches past the input and its padding."""
        return any(w.end(w.out - 1) > w.n + w.pad_after for w in self.plan.windows)

    @property
    def exceeds(self) -> bool:
        """Whether some window is longer than the padded input."""
        return any(
            w.end(0) - w.starts[0] > w.n + w.pad_before + w.pad_after for w in self.plan.windows
        )


def reasons(case: Case) -> Iterator[str]:
    """Say what the framework did that another might not."""
    for framework, applies, sentence in RULES:
        if framework in ("", case.framework) and applies(case):
            yield sentence(case) if callable(sentence) else sentence


def _layout(case: Case) -> str:
    return f"without a layout it reads {show_shape(case.plan.input_shape)} as {case.plan.layout}"


def _stride(case: Case) -> str:
    steps = show_shape([w.starts.step for w in case.plan.windows if isinstance(w.starts, range)])
    default = "1" if case.framework == "onnx" else "the size"
    return f"without a stride it steps by {default}: {steps}"


def _dilated_same(case: Case) -> bool:
    words = isinstance(case.windows.padding, str) and case.windows.padding != "valid"
    return words and any(w.dilation > 1 for w in case.plan.windows)


def _negative_same(case: Case) -> bool:
    return any(w.pad_before < 0 for w in case.plan.windows)


Rule = tuple[str, Callable[[Case], bool], str | Callable[[Case], str]]
RULES: tuple[Rule, ...] = (
    ("", lambda c: c.own_layout and len(c.plan.layout) > 2, _layout),
    ("", lambda c: c.windows.stride is None, _stride),
    (
        "",
        lambda c: c.windows.padding == "same" and c.one_sided,
        "the odd cell of padding that 'same' needs goes after the input",
    ),
    (
        "onnx",
        lambda c: c.windows.padding == "same-lower" and c.one_sided,
        "the odd cell of padding that SAME_LOWER needs goes before the input",
    ),
    (
        "onnx",
        _dilated_same,
        "onnxruntime computes the padding of SAME for the kernel without its dilation",
    ),
    (
        "onnx",
        _negative_same,
        "onnxruntime's padding for SAME is negative here, which moves the windows inwards",
    ),
    (
        "",
        lambda c: c.op == "max" and c.padded,
        "padding is -inf in max pooling, so it never wins",
    ),
    (
        "torch",
        lambda c: c.op == "avg" and c.padded,
        "padding counts as zeros in the mean (its count_include_pad is True by default)",
    ),
    (
        "onnx",
        lambda c: c.op == "avg" and c.padded,
        "padding does not count in the mean (its count_include_pad is 0 by default)",
    ),
    ("keras", lambda c: c.op == "avg" and c.padded, "padding never counts in the mean"),
    (
        "",
        lambda c: c.exceeds,
        "in ceil mode a kernel may exceed the padded input, and pools what there is",
    ),
    (
        "",
        lambda c: c.overhang,
        "ceil mode keeps a last window that reaches past the end, if it starts inside",
    ),
    (
        "",
        lambda c: c.op == "avg" and c.overhang,
        "the mean never counts the cells that ceil mode reaches past the end",
    ),
    (
        "torch",
        lambda c: c.op == "lp" and c.overhang,
        "where ceil mode clips a window it scales the sum up to a whole kernel",
    ),
    (
        "torch",
        lambda c: c.op == "lp" and c.params.get("norm", 2) % 2 != 0,
        "it sums x^p with its sign, and the root of a negative sum is NaN",
    ),
    (
        "onnx",
        lambda c: c.op == "lp" and c.params.get("norm", 2) % 2 != 0,
        "it sums the absolute values' powers",
    ),
    ("torch", lambda c: c.has_nan and c.op == "max", "NaN is larger than any number"),
    (
        "keras",
        lambda c: c.has_nan and c.op == "max",
        "TensorFlow on a CPU leaves NaN out, and a window of NaN alone gives the lowest number",
    ),
    (
        "onnx",
        lambda c: c.has_nan and c.op == "max",
        "onnxruntime leaves NaN out or not by where in the window it stands; here it never does",
    ),
)
