"""Write differences.md from the table that the tests use: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from tests.elsewhere import LIBRARIES
from tests.elsewhere.differences import DIFFERENCES, LIBRARY_DIFFERENCES, NODE_DIFFERENCES

PAGE = Path(__file__).parents[1] / "differences.md"
HEADER = """# Where frameworks differ

What poolcli does is written down as rules (the S numbers below), and tested against numbers that
PyTorch, Keras, TensorFlow, ONNX's reference, onnxruntime, scikit-image, SciPy and NumPy computed.
`make parity` compares thousands of random cases more. This is every place where an answer differs,
and why poolcli keeps its own. Refusing means: one line that names the axis and the numbers.

The rules that are cited: S1, output sizes as in the ONNX text; S2, no window without a real cell
and no kernel that exceeds the padded input; S3, padding is never a candidate and adds nothing; S5,
NaN propagates and infinities are values like others; S6, averages of integers are float64, sums and
ranges 64 bits wide; S11, the position of the first winner; S12, windows of adaptive and fractional
pooling; S13, the formulae of lp, gem, lse and soft.

This page is written by `make docs` from the table that the tests use.
"""


def page() -> str:
    """Give the text of the page."""
    table = [*DIFFERENCES, *NODE_DIFFERENCES.values(), *LIBRARY_DIFFERENCES]
    parts = [HEADER]
    for name, library in LIBRARIES.items():
        told = [d for d in table if name in d.frameworks]
        if told:
            parts.append(f"\n## {library.title}\n\n")
        parts.extend(f"- **{d.name[0].upper()}{d.name[1:]}.** {d.reason}\n" for d in told)
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
