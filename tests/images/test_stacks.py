"""Pages that OME and ImageJ say more of: read as tifffile reads them, and written so again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tifffile

from poolcli import pool
from poolcli.formats import open_file, tiff
from tests.helpers.images import Run, done, noise

# Axes as tifffile calls them, the shape, the layout that it has here; None: as a batch of pages.
STACKS = {
    "volume": ("ZYX", (5, 24, 30), "DHW"),
    "time": ("TYX", (5, 24, 30), "NHW"),
    "channels": ("CYX", (2, 24, 30), "CHW"),
    "channels of a volume": ("CZYX", (2, 5, 24, 30), "CDHW"),
    "everything": ("TCZYX", (2, 3, 4, 24, 30), "NCDHW"),
    "colours of a volume": ("ZYXS", (4, 24, 30, 3), "DHWC"),
    "colours in time": ("TYXS", (4, 24, 30, 3), "NHWC"),
}
PLACES = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 2.0}


@pytest.fixture(autouse=True, params=["whole", "in parts"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in parts":
        monkeypatch.setattr(tiff, "STREAMED", 0)


def save_ome(name: str, **more: Any) -> np.ndarray:
    axes, shape, _ = STACKS[name]
    x = noise(*shape)
    photometric = "rgb" if "S" in axes else "minisblack"
    metadata = {"axes": axes, **PLACES} | more
    tifffile.imwrite("in.ome.tif", x, photometric=photometric, metadata=metadata)
    return x


def series(path: str) -> Any:
    with tifffile.TiffFile(path) as file:
        found = file.series[0]
        return found.axes, found.asarray(), found.kind, file.pages[0].description


@pytest.mark.parametrize("name", STACKS)
def test_ome_is_understood_and_written_again(name: str, poolcli: Run) -> None:
    axes, _, layout = STACKS[name]
    x = save_ome(name)
    source = next(open_file("in.ome.tif").sources())
    assert source.layout == layout
    assert source.array.tobytes() == x.tobytes()
    done(poolcli("max", "-k", 2, "in.ome.tif", "-o", "out.ome.tif"))
    expected = pool(x, "max", 2, layout=layout)
    told, array, kind, text = series("out.ome.tif")
    assert (told, kind) == (axes, "ome")
    assert array.tobytes() == expected.tobytes()
    assert ('PhysicalSizeX="1"' in text, 'PhysicalSizeY="0.5"' in text) == (True, True)
    assert ('PhysicalSizeZ="4"' in text) == ("Z" in axes)


@pytest.mark.parametrize("order", ["TZCYX", "CTZYX", "ZTCYX"])
def test_planes_in_another_order(order: str, poolcli: Run) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 24, "X": 30}
    x = noise(*(sizes[axis] for axis in order))
    tifffile.imwrite("in.ome.tif", x, photometric="minisblack", metadata={"axes": order})
    source = next(open_file("in.ome.tif").sources())
    assert source.layout == "NCDHW"
    expected = x.transpose([order.index(axis) for axis in "TCZYX"])
    assert source.array.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("axes", "shape", "layout"),
    [
        ("TZCYX", (2, 4, 3, 24, 30), "NCDHW"),
        ("ZYX", (5, 24, 30), "DHW"),
        ("TYX", (5, 24, 30), "NHW"),
        ("ZYXS", (4, 24, 30, 3), "DHWC"),
    ],
)
def test_imagej_is_understood_and_written_again(
    axes: str, shape: tuple[int, ...], layout: str, poolcli: Run
) -> None:
    x = noise(*shape)
    said = {"axes": axes, "spacing": 3.0, "unit": "um"}
    tifffile.imwrite("in.tif", x, imagej=True, resolution=(2.0, 4.0), metadata=said)
    source = next(open_file("in.tif").sources())
    assert source.layout == layout
    done(poolcli("max", "-k", 2, "in.tif", "-o", "out.tif"))
    letters = {"T": "N", "Z": "D", "C": "C", "Y": "H", "X": "W", "S": "C"}
    expected = pool(x, "max", 2, layout="".join(letters[axis] for axis in axes))
    told, array, kind, text = series("out.tif")
    assert (told, kind) == (axes, "imagej")
    assert array.tobytes() == expected.tobytes()
    assert "unit=um" in text
    assert ("spacing=6" if "Z" in axes else "spacing=3") in text
    with tifffile.TiffFile("out.tif") as file:
        assert file.pages[0].resolution == (1.0, 2.0)


def test_a_layout_that_is_said_is_taken(poolcli: Run) -> None:
    x = save_ome("volume")
    done(poolcli("max", "-k", 2, "--layout", "NHW", "in.ome.tif", "-o", "out.tif"))
    with tifffile.TiffFile("out.tif") as file:
        assert not file.is_ome
        pages = np.stack([page.asarray() for page in file.pages])
    assert pages.tobytes() == pool(x, "max", 2, layout="NHW").tobytes()


def test_regions_and_places_of_planes_are_left_out(poolcli: Run) -> None:
    save_ome("volume", Plane={"PositionX": [0.0] * 5}, Channel={"Name": "nuclei"})
    with tifffile.TiffFile("in.ome.tif", mode="r+b") as file:
        page = file.pages[0]
        text = page.description.replace("</OME>", '<ROI ID="ROI:0"/></OME>')
        page.tags["ImageDescription"].overwrite(text)
    done(poolcli("max", "-k", 2, "in.ome.tif", "-o", "out.ome.tif"))
    text = series("out.ome.tif")[3]
    assert ("ROI" in text, "PositionX" in text, 'Name="nuclei"' in text) == (False, False, True)


@pytest.mark.parametrize(
    "change",
    [
        ('SizeZ="5"', 'SizeZ="6"'),
        ('IFD="0"', 'IFD="3"'),
        ('DimensionOrder="XY', 'DimensionOrder="XX'),
        ("<Image ", "<Imagine "),
        ("</OME>", ""),
        ("<OME", '<!DOCTYPE OME [<!ENTITY a "a">]><OME'),
    ],
)
def test_what_is_not_so_is_a_batch_of_pages(change: tuple[str, str]) -> None:
    x = save_ome("volume")
    with tifffile.TiffFile("in.ome.tif", mode="r+b") as file:
        page = file.pages[0]
        assert change[0] in page.description
        page.tags["ImageDescription"].overwrite(page.description.replace(*change))
    source = next(open_file("in.ome.tif").sources())
    assert (source.layout, source.array.tobytes()) == ("NHW", x.tobytes())


def test_depth_of_another_format_is_said_by_ome(poolcli: Run) -> None:
    x = noise(6, 24, 30)
    np.save("x.npy", x)
    done(poolcli("max", "-k", 2, "--layout", "DHW", "x.npy", "-o", "out.tif"))
    told, array, kind, _ = series("out.tif")
    assert (told, kind) == ("ZYX", "ome")
    assert array.tobytes() == pool(x, "max", 2, layout="DHW").tobytes()
    wide = poolcli("sum", "-k", 2, "--layout", "DHW", "x.npy", "--dtype", "i8", "-o", "wide.tif")
    assert (wide.code, wide.err.count("\n")) == (1, 1)
    assert "TIFF with depth holds int8" in wide.err
