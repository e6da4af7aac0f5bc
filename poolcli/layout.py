"""Which axis of an array is which: layouts as strings of axis letters (NCHW, HWC, ...).

A layout holds the spatial letters ``D H W`` in that order (``W``, ``HW`` or ``DHW``) and at most
one each of ``N`` (batch) and ``C`` (channels), anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from poolcli.checks import shown
from poolcli.errors import InputError, UsageError

AXIS_NAMES = {"D": "depth", "H": "height", "W": "width", "N": "batch", "C": "channels"}
CHANNELS_LAST = {1: "W", 2: "HW", 3: "HWC", 4: "NHWC", 5: "NDHWC"}
CHANNELS_FIRST = {1: "W", 2: "HW", 3: "CHW", 4: "NCHW", 5: "NCDHW"}
_COLOURS = (1, 3, 4)
_SPATIAL_ORDERS = ("W", "HW", "DHW")


@dataclass(frozen=True)
class Layout:
    """A validated layout, e.g. ``Layout("NCHW")``.

    >>> Layout("NHWC").spatial
    (1, 2)
    """

    letters: str

    def __post_init__(self) -> None:
        if not self.letters:
            raise UsageError("the layout is empty; give axis letters such as HW or NCHW")
        said = f"layout {_cut(self.letters)!r}"
        for place, letter in enumerate(self.letters):
            if letter not in AXIS_NAMES:
                raise UsageError(f"{said}: unknown axis letter {letter!r}; use N, C, D, H, W")
            # No more than the five letters are looked at before one must come again.
            if letter in self.letters[:place]:
                raise UsageError(f"{said}: axis letter {letter!r} stands twice")
        if self.spatial_letters not in _SPATIAL_ORDERS:
            found = self.spatial_letters or "none"
            raise UsageError(
                f"{said}: spatial axes must be W, HW or DHW in that order, found {found}"
            )

    @property
    def spatial_letters(self) -> str:
        return "".join(letter for letter in self.letters if letter in "DHW")

    @property
    def spatial_names(self) -> tuple[str, ...]:
        return tuple(AXIS_NAMES[letter] for letter in self.spatial_letters)

    @property
    def spatial(self) -> tuple[int, ...]:
        return tuple(self.letters.index(letter) for letter in self.spatial_letters)

    @property
    def others(self) -> tuple[int, ...]:
        return tuple(i for i, letter in enumerate(self.letters) if letter in "NC")

    @property
    def without_spatial(self) -> str:
        """The letters of a global result whose spatial axes are dropped."""
        return "".join(letter for letter in self.letters if letter in "NC")


def find_layout(
    letters: str | None, shape: Sequence[int], defaults: Mapping[int, str] = CHANNELS_LAST
) -> Layout:
    """The layout of an array of ``shape``: the given letters, or the default for its dimensions.

    Raises UsageError for letters that are no layout, InputError where they do not fit the array.

    >>> find_layout(None, (8, 28, 28, 3)).letters
    'NHWC'
    """
    if letters is not None:
        if not isinstance(letters, str):
            raise UsageError(f"layout {shown(letters)}: axis letters such as NCHW are meant")
        layout = Layout(letters.upper())
        if len(layout.letters) != len(shape):
            raise InputError(
                f"layout {layout.letters} names {_axes(len(layout.letters))}, the array has "
                f"{_axes(len(shape))}: {show_shape(shape)}"
            )
        return layout
    if not shape:
        raise InputError("the array has no axes (a single number); there is nothing to pool")
    if len(shape) not in defaults:
        raise InputError(
            f"the array has {len(shape)} axes, {show_shape(shape)}; pooling knows 1 to "
            f"{max(defaults)}, so reshape it or take a part"
        )
    return Layout(defaults[len(shape)])


def channels_first_hint(layout: Layout, shape: Sequence[int]) -> str | None:
    """A line of advice when a default channels-last reading looks wrong for ``shape``.

    >>> channels_first_hint(Layout("HWC"), (3, 224, 224))
    '3x224x224 looks like channels first but was read as HWC; say --layout CHW if it is'
    >>> channels_first_hint(Layout("NHWC"), (1, 4, 4, 8))
    """
    if layout.letters not in ("HWC", "NHWC", "NDHWC"):
        return None
    channels = shape[-3] if len(shape) < 5 else shape[1]
    height, width = shape[-2:]
    is_square_map = shape[-3] == height != width
    if is_square_map or min(height, width) <= 4 or width == channels:
        return None
    few_first = channels in _COLOURS
    square_last = height == width
    # Layers have multiples of 8 channels; 16x15x10 is rather a map of 15x10 than of 16x15.
    layer_first = channels % 8 == 0 and width % 8 != 0 and 1 / 2 <= height / width <= 2
    if not (few_first or square_last or layer_first):
        return None
    return (
        f"{show_shape(shape)} looks like channels first but was read as {layout.letters}; "
        f"say --layout {CHANNELS_FIRST[len(shape)]} if it is"
    )


def show_shape(shape: Sequence[int]) -> str:
    """``2x3x4``, the way sizes are typed.

    >>> show_shape((2, 3, 4))
    '2x3x4'
    """
    return "x".join(map(str, shape)) or "no axes"


def _cut(letters: str, limit: int = 20) -> str:
    return letters if len(letters) <= limit else letters[:limit] + "..."


def _axes(number: int) -> str:
    return f"{number} {'axis' if number == 1 else 'axes'}"
