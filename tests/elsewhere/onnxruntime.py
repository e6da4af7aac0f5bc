"""onnxruntime: models of one node, run on the processor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run
from tests.elsewhere.onnx import model


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A node of that type; ``outputs`` says how many of its outputs are asked for."""
    return prepare_node(function, {"x": x}, args, threads)


def prepare_node(
    function: str, inputs: dict[str, np.ndarray], args: dict[str, Any], threads: int | None = None
) -> Run:
    """The same for nodes of several inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model(function, inputs, args).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    return lambda: session.run(None, inputs)
