"""A chain as the code of a framework's layers that do the same.

Where a framework has no such layer, that is said (UsageError); code that only looks alike is never
written.
"""

from __future__ import annotations

from poolcli.analysis import keras_code, onnx_code, torch_code
from poolcli.chains import ChainPlan
from poolcli.errors import UsageError

WRITERS = {
    "torch": torch_code.write,
    "keras": keras_code.write,
    "onnx": onnx_code.write,
}


def write_code(plan: ChainPlan, framework: str) -> str:
    """The layers of ``framework`` that do what ``plan`` does, as Python source.

    The layers take the framework's own layout. Raises UsageError that names the stage for which
    there is no layer.
    """
    if framework not in WRITERS:
        raise UsageError(f"code {framework!r}: use {', '.join(WRITERS)}")
    return WRITERS[framework](plan)
