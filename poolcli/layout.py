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
_FEW = 4  # channels: grey, RGB, and either with transparency
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


_BY_NAME = {"channels_first": CHANNELS_FIRST, "channels_last": CHANNELS_LAST}  # as Keras says


def find_layout(
    letters: str | None,
    shape: Sequence[int],
    defaults: Mapping[int, str] = CHANNELS_LAST,
    spatial: int = 0,
) -> Layout:
    """The layout of an array of ``shape``: the given letters, or the default for its dimensions.

    Where the default has not so many ``spatial`` axes as sizes were given for, the other axes are
    channels and a batch, as they stand in the defaults.
    Raises UsageError for letters that are no layout, InputError where they do not fit the array.

    >>> find_layout(None, (8, 28, 28, 3)).letters
    'NHWC'
    >>> find_layout(None, (8, 28, 28, 3), spatial=3).letters
    'DHWC'
    >>> find_layout("channels_first", (8, 3, 28, 28)).letters
    'NCHW'
    """
    if letters is not None:
        if not isinstance(letters, str):
            raise UsageError(f"layout {shown(letters)}: axis letters such as NCHW are meant")
        named = _BY_NAME.get(letters.lower().replace("-", "_"), {})
        layout = Layout(named.get(len(shape), letters.upper()))
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
    layout, others = Layout(defaults[len(shape)]), len(shape) - spatial
    if spatial in (0, len(layout.spatial)) or spatial > 3 or not 0 <= others <= 2:
        return layout
    planes, batch = "DHW"[-spatial:], "N" if others == 2 else ""
    channels = "C" if others else ""
    first = defaults[max(defaults)].startswith("NC")
    return Layout(f"{batch}{channels}{planes}" if first else f"{batch}{planes}{channels}")


_LETTERS = {
    **dict.fromkeys(("n", "batch", "sample", "t", "time", "frame"), "N"),
    **dict.fromkeys(("c", "channel", "channels", "band", "bands"), "C"),
    **dict.fromkeys(("d", "z", "depth"), "D"),
    **dict.fromkeys(("h", "y", "height", "lat", "latitude"), "H"),
    **dict.fromkeys(("w", "x", "width", "lon", "longitude"), "W"),
}


def named_layout(names: Sequence[str | None]) -> str | None:
    """The layout that the names of an array's axes tell; None where they leave a doubt.

    >>> named_layout(["time", "lat", "lon"]), named_layout(["time", "level", "lat", "lon"])
    ('NHW', None)
    """
    letters = "".join(_LETTERS.get((name or "").lower(), "?") for name in names)
    try:
        return Layout(letters).letters
    except UsageError:
        return None


def doubtful(layout: Layout, shape: Sequence[int]) -> str | None:
    """Warn where ``layout``, taken by default, may be the wrong reading of ``shape``.

    >>> doubtful(Layout("HWC"), (240, 320, 3))
    >>> str(doubtful(Layout("HWC"), (8, 73, 144))).split(";")[0]
    '8x73x144 was read as HWC: 8x73 is pooled, and 144 does not look like channels'
    """
    if layout.letters not in (CHANNELS_LAST[3], CHANNELS_LAST[4], CHANNELS_LAST[5]):
        return None
    if _looks_like_channels(*shape[-3:]):
        return None
    other = CHANNELS_FIRST[len(shape)]
    pooled, instead = (
        show_shape([shape[axis] for axis in axes.spatial]) for axes in (layout, Layout(other))
    )
    return (
        f"{show_shape(shape)} was read as {layout.letters}: {pooled} is pooled, and {shape[-1]} "
        f"does not look like channels; say `layout={other!r}` to pool {instead}, or "
        f"`layout={layout.letters!r}` if this is right"
    )


def _looks_like_channels(height: int, width: int, last: int) -> bool:
    """Whether the last axis of a map is what networks and pictures have for channels.

    They are few beside the map, as colours are; or the map is square; or they are as many as layers
    have, over a map that is not much longer than wide. Twice the width is what grids of the earth
    have: as many degrees of longitude as there are of latitude, and again.
    """
    if last <= _FEW or 2 * last < min(height, width):
        return True
    if height == width:
        return last != width
    if max(height, width) > 2 * min(height, width) or last in (width, 2 * width):
        return False
    power_of_two = last >= 8 and last & (last - 1) == 0
    return power_of_two or (last % 32 == 0 and last >= 3 * max(height, width))


def show_shape(shape: Sequence[int]) -> str:
    """``2x3x4``, the way sizes are typed.

    >>> show_shape((2, 3, 4))
    '2x3x4'
    """
    return "x".join(map(str, shape)) or "no axes"


def _cut(letters: str, limit: int = 20) -> str:
    return letters if len(letters) <= limit else letters[:limit] + "…"


def _axes(number: int) -> str:
    return f"{number} {'axis' if number == 1 else 'axes'}"
