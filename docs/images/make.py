"""Draw the picture in the README again: ``python docs/images/make.py``.

Colours are opaque and the captions a middle grey, so that the picture reads on a light and on a
dark page alike.
"""

from __future__ import annotations

from pathlib import Path

from poolcli.analysis.palette import FAINT, HUES, INK

MATRIX = [[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]]
WINDOW = 2

# One colour for each window, in reading order: (the winner and the result, the other cells).
COLOURS = [(hue.strong, hue.tint) for hue in HUES]
PALE_INK, GREY = "#4d5a68", FAINT

CELL, GAP, BETWEEN = 64, 4, 12  # a cell, the gap inside a window, the gap between windows
MARGIN, TITLE, ARROW = 16, 40, 150


def draw() -> str:
    """Return the picture as SVG: the matrix, an arrow, the maxima of its four windows."""
    side = place(len(MATRIX) - 1) + CELL
    results = len(MATRIX) // WINDOW
    small = results * (CELL + BETWEEN) - BETWEEN
    right = MARGIN + side + ARROW
    right_top = TITLE + (side - small) // 2
    width, height = right + small + MARGIN, TITLE + side + MARGIN

    parts = [caption(MARGIN + side / 2, TITLE - 16, "4×4 input")]
    for i in range(results):
        for j in range(results):
            strong, weak = COLOURS[i * results + j]
            cells = [
                (WINDOW * i + di, WINDOW * j + dj) for di in range(WINDOW) for dj in range(WINDOW)
            ]
            winner = max(cells, key=lambda cell: MATRIX[cell[0]][cell[1]])
            for row, column in cells:
                x, y = MARGIN + place(column), TITLE + place(row)
                wins = (row, column) == winner
                parts.append(tile(x, y, MATRIX[row][column], strong if wins else weak, wins))
            x, y = right + j * (CELL + BETWEEN), right_top + i * (CELL + BETWEEN)
            parts.append(tile(x, y, MATRIX[winner[0]][winner[1]], strong, True))
    parts.append(caption(right + small / 2, right_top - 16, "2×2 output"))
    parts.append(arrow(MARGIN + side + 24, right - 24, TITLE + side / 2))
    return "\n".join([*head(width, height), *parts, "</svg>", ""])


def place(index: int) -> int:
    """Return how far from the first cell the cell ``index`` of the matrix stands."""
    return index * (CELL + GAP) + index // WINDOW * (BETWEEN - GAP)


def head(width: int, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title" '
        'font-family="Helvetica, Arial, DejaVu Sans, sans-serif" text-anchor="middle">',
        '<title id="title">2×2 max pooling with stride 2: each coloured 2×2 window of a 4×4 matrix '
        "becomes its largest value in the 2×2 result, 6 4 / 4 4</title>",
    ]


def tile(x: float, y: float, value: int, colour: str, bold: bool) -> str:
    ink, weight = (INK, "700") if bold else (PALE_INK, "400")
    return (
        f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="8" fill="{colour}"/>'
        f'<text x="{x + CELL / 2:g}" y="{y + CELL / 2 + 10:g}" font-size="28" '
        f'font-weight="{weight}" fill="{ink}">{value}</text>'
    )


def caption(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="17" fill="{GREY}">{text}</text>'


def arrow(left: float, right: float, y: float) -> str:
    middle = (left + right) / 2
    return "\n".join(
        [
            caption(middle, y - 36, "max 2×2"),
            caption(middle, y - 15, "stride 2"),
            f'<path d="M{left:g} {y:g}H{right:g}m-11 -9l11 9l-11 9" fill="none" stroke="{GREY}" '
            'stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>',
        ]
    )


if __name__ == "__main__":
    Path(__file__).with_name("max-pooling.svg").write_text(draw(), "utf-8", newline="\n")
