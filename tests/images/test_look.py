"""Numbers as pictures: scales, colormaps, grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poolcli.errors import UsageError
from poolcli.images import colormaps
from poolcli.images.render import GAP, Nan, Rendering, parse_normalize, render
from tests.helpers.images import Run, done, noise, opened, pixels

# First and last colour, as published.
ENDS = {
    "grey": ("000000", "ffffff"),
    "viridis": ("440154", "fde725"),
    "magma": ("000004", "fcfdbf"),
    "inferno": ("000004", "fcffa4"),
    "plasma": ("0d0887", "f0f921"),
    "cividis": ("00224e", "fee838"),
    "turbo": ("30123b", "7a0403"),
}


def luminance(colours: np.ndarray) -> np.ndarray:
    value = colours / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("name", colormaps.NAMES)
def test_colormaps_end_where_they_should(name: str) -> None:
    table = colormaps.colours(name)
    assert table.shape == (256, 3)
    assert (table[0].tobytes().hex(), table[-1].tobytes().hex()) == ENDS[name]
    assert len({tuple(colour) for colour in table.tolist()}) > 200


@pytest.mark.parametrize("name", [name for name in colormaps.NAMES if name != "turbo"])
def test_brighter_is_more(name: str) -> None:
    steps = np.diff(luminance(colormaps.colours(name)))
    assert (steps > -0.002).all()  # colours are whole numbers
    assert luminance(colormaps.colours(name))[-1] > 0.6


def test_turbo_is_brightest_inside() -> None:
    bright = luminance(colormaps.colours("turbo"))
    assert 80 < bright.argmax() < 180
    assert bright[0] < 0.1
    assert bright[-1] < 0.1


def see(values: np.ndarray, layout: str = "HW", **how: object) -> np.ndarray:
    look = Rendering(**how)  # type: ignore[arg-type]
    return render(values, layout, look, alpha=None, nan="colour")[0]


@pytest.mark.parametrize(
    ("values", "how", "expected"),
    [
        ([[0.0, 1.0, 2.0]], "minmax", [[0, 128, 255]]),
        ([[-5, 5]], "minmax", [[0, 255]]),
        ([[3, 3]], "minmax", [[0, 0]]),
        ([[False, True]], "minmax", [[0, 255]]),
        ([list(range(101))], (10.0, 90.0), [[0] * 11 + [None] * 79 + [255] * 11]),
        ([[-np.inf, 0.0, 1.0, np.inf]], "minmax", [[0, 0, 255, 255]]),
        ([[-1.7e308, 1.7e308]], "minmax", [[0, 255]]),
        ([[0, 2**63]], "minmax", [[0, 255]]),
    ],
)
def test_scales(values: list[list[float]], how: str, expected: list[list[int | None]]) -> None:
    got = see(np.array(values), normalize=how)
    for found, wanted in zip(got.flat, np.array(expected, object).flat, strict=True):
        assert wanted is None or found == wanted


@pytest.mark.parametrize("layout", ["HW", "HWC", "CHW", "NHW", "NHWC"])
@pytest.mark.parametrize("normalize", ["minmax", "each"])
@pytest.mark.parametrize("nan", ["transparent", "colour"])
def test_nan_is_not_seen_where_pictures_stay_what_they_are(
    nan: Nan, normalize: str, layout: str
) -> None:
    sizes = {"N": 2, "H": 4, "W": 5, "C": 3}
    shape = [sizes[letter] for letter in layout]
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    values[tuple(1 for _ in layout)] = np.nan
    seen, told = render(values, layout, Rendering(normalize=normalize), alpha=None, nan=nan)
    assert told == layout.replace("C", "") + "C"
    assert seen.shape[-1] == (4 if nan == "transparent" else 3)
    place = tuple(1 for letter in layout if letter != "C")
    assert seen[place][:3].tolist() == ([0, 0, 0] if "C" in layout else [255, 0, 0])
    if nan == "transparent":
        assert np.argwhere(seen[..., 3] == 0).tolist() == [list(place)]


@pytest.mark.parametrize("extension", ["pgm", "jpg", "bmp", "png", "gif", "webp", "tif"])
@pytest.mark.parametrize("options", [(), ("--grid", "1")])
def test_every_format_takes_nan(
    options: tuple[str, ...], extension: str, tmp_path: Path, poolcli: Run
) -> None:
    values = np.arange(96.0).reshape(8, 12)
    values[:2, :2] = np.nan
    np.save(tmp_path / "x.npy", values)
    done(
        poolcli("max", "-k", 2, "x.npy", "-o", f"o.{extension}", "--normalize", "minmax", *options)
    )
    red, green, blue, alpha = opened(tmp_path / f"o.{extension}").convert("RGBA").getpixel((0, 0))
    if extension == "pgm":
        assert (red, green, blue) == (0, 0, 0)
    elif extension in ("jpg", "bmp"):
        assert red > green + 40
        assert alpha == 255
    else:
        assert alpha == 0


def test_nan_is_transparent_in_pictures_that_have_alpha() -> None:
    values = np.full((2, 3, 4), 0.5)
    values[0, 0, 1] = np.nan
    seen, _ = render(values, "HWC", Rendering(), alpha=np.dtype("f4"), nan="transparent")
    assert (seen[..., 3] == [[0, 128, 128], [128, 128, 128]]).all()


def test_nan_is_transparent_or_of_a_colour_of_its_own() -> None:
    values = np.array([[0.0, np.nan, 1.0]])
    look = Rendering("viridis")
    through, layout = render(values, "HW", look, alpha=None, nan="transparent")
    assert layout == "HWC"
    assert through[0, :, 3].tolist() == [255, 0, 255]
    opaque, _ = render(values, "HW", look, alpha=None, nan="colour")
    assert opaque.shape == (1, 3, 3)
    assert opaque[0, 1].tolist() not in colormaps.colours("viridis").tolist()
    grey = see(np.array([[0.0, np.nan]]), columns=0)
    assert grey[0, 1].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("layout", "shape"), [("NCHW", (2, 3, 4, 5)), ("NHWC", (2, 4, 5, 3)), ("DHW", (6, 4, 5))]
)
@pytest.mark.parametrize(("columns", "grid"), [(1, (6, 1)), (3, (2, 3)), (4, (2, 4)), (9, (1, 6))])
def test_grids(layout: str, shape: tuple[int, ...], columns: int, grid: tuple[int, int]) -> None:
    values = noise(*shape)
    got = see(values, layout, columns=columns, normalize="minmax")
    rows, across = grid
    assert got.shape == (rows * 5 - 1, across * 6 - 1)
    planes = values.transpose([layout.index(c) for c in "NDCHW" if c in layout]).reshape(6, 4, 5)
    low, high = int(values.min()), int(values.max())
    for number, plane in enumerate(planes):
        y, x = number // across * 5, number % across * 6
        expected = np.rint((plane.astype(float) - low) / (high - low) * 255)
        np.testing.assert_array_equal(got[y : y + 4, x : x + 5], expected)
        if x:
            assert (got[y : y + 4, x - 1] == GAP).all()
        if y:
            assert (got[y - 1] == GAP).all()


def test_each_plane_by_itself() -> None:
    values = np.stack([noise(4, 4).astype(float) * scale for scale in (1, 1000, 0.001)])
    got = see(values, "CHW", columns=3, normalize="each")
    for number in range(3):
        part = got[:, number * 5 : number * 5 + 4]
        assert (part.min(), part.max()) == (0, 255)


def test_automatic_grids_are_about_square() -> None:
    assert see(np.zeros((16, 8, 8)), "CHW", colormap="magma").shape == (35, 35, 3)
    wide = see(np.zeros((12, 4, 40)), "CHW", colormap="magma").shape
    assert wide[0] < 2 * wide[1] < 4 * wide[0]


def test_a_feature_map_becomes_a_picture(tmp_path: Path, poolcli: Run) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((8, 6, 6)))
    done(poolcli("max", "-k", "2", "-l", "CHW", "x.npy", "-o", "x.png", "--colormap", "viridis"))
    assert opened(tmp_path / "x.png").mode == "RGB"
    assert pixels(tmp_path / "x.png").shape == (11, 11, 3)
    done(poolcli("max", "-k", "2", "-l", "CHW", "x.npy", "-o", "g.png", "--normalize", "2,98"))
    assert opened(tmp_path / "g.png").mode == "L"


def test_sums_of_colours_are_normalized_alike(tmp_path: Path, poolcli: Run) -> None:
    from PIL import Image

    array = noise(8, 8, 3)
    Image.fromarray(array).save(tmp_path / "a.png")
    done(poolcli("sum", "-k", "2", "a.png", "-o", "b.png", "--normalize", "minmax"))
    sums = array.reshape(4, 2, 4, 2, 3).astype(int).sum((1, 3))
    expected = np.rint((sums - sums.min()) / np.ptp(sums) * 255)
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), expected)


@pytest.mark.parametrize(
    ("text", "meaning"), [("minmax", "minmax"), ("each", "each"), ("0,100", (0.0, 100.0))]
)
def test_scales_are_said(text: str, meaning: object) -> None:
    assert parse_normalize(text) == meaning


@pytest.mark.parametrize("text", ["", "max", "1", "5,5", "9,2", "-1,50", "1,101", "nan,5", "1,2,3"])
def test_what_is_no_scale(text: str) -> None:
    with pytest.raises(UsageError, match="use minmax, each, or two percentiles"):
        parse_normalize(text)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--colormap", "jet", "-o", "b.png"], 2, "--colormap 'jet': use grey, viridis"),
        (["--colormap", "magma"], 2, "make a picture: say -o FILE.png"),
        (["--normalize", "9", "-o", "b.png"], 2, "--normalize '9': use minmax"),
        (["--quality", "80", "-o", "b.png"], 2, "PNG loses nothing and has no quality"),
        (["--quality", "101", "-o", "b.jpg"], 2, "--quality 101: must be from 1 to 100"),
        (["--quality", "80", "-o", "b.npy"], 2, "npy loses nothing and has no quality"),
        (["--compression", "11", "-o", "b.png"], 2, "--compression 11: PNG has 0, 1, 2"),
        (["--compression", "1", "-o", "b.jpg"], 2, "JPEG has no --compression to choose"),
        (["--compression", "lzw", "-o", "b.tif"], 2, "--compression lzw: TIFF has none, deflate"),
        (["--max-pixels", "15"], 1, "4x4 pixels; more than 15 are refused .*--max-pixels 16"),
    ],
)
def test_what_means_nothing_is_said_in_one_line(
    arguments: list[str], code: int, message: str, tmp_path: Path, poolcli: Run
) -> None:
    import re

    from PIL import Image

    Image.fromarray(noise(4, 4)).save(tmp_path / "a.png")
    outcome = poolcli("max", "-k", "2", "a.png", *arguments)
    assert outcome.code == code, outcome.err
    assert re.search(message, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("look", ["--colormap magma", "--normalize each", "--grid 2"])
@pytest.mark.parametrize("source", ["a.png", "a.npy", "a.npz", "a.csv"])
@pytest.mark.parametrize(
    "output", ["b.npy", "b.npz", "b.csv", "b.zarr", "b/ --to npy", "- --format npy"]
)
def test_a_look_without_a_picture_is_refused(
    look: str, source: str, output: str, tmp_path: Path, poolcli: Run
) -> None:
    from PIL import Image

    array = noise(4, 4)
    Image.fromarray(array).save(tmp_path / "a.png")
    np.save("a.npy", array)
    np.savez("a.npz", a=array)
    np.savetxt("a.csv", array, "%d", ",")
    before = {path.name for path in tmp_path.iterdir()}
    for more in ([], ["--dry-run"] if output[0] != "-" else []):
        code, out, err = poolcli(
            "max", "-k", "2", source, *look.split(), "-o", *output.split(), *more
        )
        assert (code, out) == (2, b""), err
        format = output.split()[-1].rpartition(".")[2]
        assert err == (
            "poolcli: --colormap, --normalize and --grid make pictures, "
            f"and .{format} is none; write .png\n"
        )
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("format", ["png", "gif", "tif", "webp", "ppm"])
def test_bombs_are_read_when_asked_for(format: str, tmp_path: Path, poolcli: Run) -> None:
    from PIL import Image

    Image.new("RGB", (40, 30)).save(tmp_path / f"a.{format}")
    refused = poolcli("max", "-k", "2", f"a.{format}", "-o", "b.png", "--max-pixels", "1199")
    assert refused.code == 1
    assert "--max-pixels 1200 reads it" in refused.err
    done(poolcli("max", "-k", "2", f"a.{format}", "-o", "b.png", "--max-pixels", "1200"))


def test_a_bomb_by_the_usual_limit_is_read_when_asked_for(
    tmp_path: Path, poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from poolcli.formats import guard

    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(guard, "MAX_PIXELS", 9999)
    refused = poolcli("max", "-k", "2", "a.png", "-o", "b.png")
    assert refused.code == 1
    assert "decompression bomb" in refused.err
    assert "--max-pixels 10000 reads it" in refused.err
    done(poolcli("max", "-k", "2", "a.png", "-o", "b.png", "--max-pixels", "10000"))
