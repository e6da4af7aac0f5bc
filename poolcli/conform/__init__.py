"""The same window under torch's, Keras's and ONNX's rules, side by side."""

from poolcli.conform.compare import Verdict, compare
from poolcli.conform.frameworks import OPS

__all__ = ["OPS", "Verdict", "compare"]
