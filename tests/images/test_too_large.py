"""Pictures that are too large by their header, and what tells of them without decoding any."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.images import Run
from tests.helpers.program import finished

LIMIT = 178_956_970
SIDES = (12_000, 16_000)  # 192 million


def write(path: Path, sides: tuple[int, int] = SIDES) -> None:
    """Write a picture of nothing, in little space."""
    height, width = sides
    if path.suffix == ".tif":
        data = (np.zeros((256, 256), np.uint8) for _ in range(-(-height // 256) * -(-width // 256)))
        shape, packed = (height, width), "zlib"
        tifffile.imwrite(
            path, data, shape=shape, dtype="u1", tile=(256, 256), compression=packed, metadata=None
        )
    elif path.suffix == ".pgm":
        path.write_bytes(b"P5\n%d %d\n65535\n" % (width, height))
    else:
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        pack = zlib.compressobj(1)
        rows = b"".join(pack.compress(b"\0" * (width + 1)) for _ in range(height)) + pack.flush()
        chunks = b""
        for name, content in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")):
            checksum = zlib.crc32(name + content)
            chunks += struct.pack(">I", len(content)) + name + content
            chunks += struct.pack(">I", checksum)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.pgm"])
def test_the_default_of_max_pixels_holds_for_every_kind(poolcli: Run, name: str) -> None:
    write(Path(name))
    assert name == "a.pgm" or Path(name).stat().st_size < 1 << 20
    advice = f"it claims 12000x16000 pixels; more than {LIMIT} are refused as a possible"
    for options in ([], ["--dry-run"], ["-o", "out.npy"]):
        refused = poolcli("max", "-k", 100, name, *options)
        assert (refused.code, refused.err.count("\n")) == (1, 1)
        assert advice in refused.err
        assert "--max-pixels 192000000 reads it" in refused.err
    planned = poolcli("max", "-k", 100, name, "--max-pixels", 192_000_000, "--dry-run")
    assert (planned.code, planned.err) == (0, "")


def test_a_tiff_that_is_asked_for_is_read(poolcli: Run) -> None:
    write(Path("a.tif"), (2_000, 3_000))
    refused = poolcli("max", "-k", 1000, "a.tif", "--max-pixels", 5_999_999, "-o", "out.npy")
    assert "--max-pixels 6000000 reads it" in refused.err
    done = poolcli("max", "-k", 1000, "a.tif", "--max-pixels", 6_000_000, "-o", "out.npy")
    assert (done.code, np.load("out.npy").shape) == (0, (2, 3))


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.pgm"])
def test_info_needs_no_pixel(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    told = finished("info", "--json", name, cwd=tmp_path)
    assert told.err == ""
    assert json.loads(told.out)["shape"] == list(SIDES)
    # The option is there, and does what it says.
    refused = finished("info", name, "--max-pixels", 100, cwd=tmp_path)
    assert refused.code == 1
    assert "--max-pixels 192000000 reads it" in refused.err


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak of memory")
def test_info_takes_little_memory(tmp_path: Path) -> None:
    """Decoded it would be 192 MB."""
    write(tmp_path / "a.tif")
    script = (
        "import sys; from poolcli.cli import main\n"
        "try: main(['info', 'a.tif'])\n"
        "finally: print(open('/proc/self/status').read(), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert done.stdout == "a.tif: 12000x16000 HW uint8 (image)\n"
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    assert int(peak) < 130 * 1024


def test_info_reads_what_headers_do_not_tell(poolcli: Run) -> None:
    frames = [Image.new("RGB", (30, 20), (n, 80, 9)) for n in (1, 90, 200)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    assert poolcli("info", "a.gif").text == "a.gif: 3x20x30x3 NHWC uint8 (image)\n"
    refused = poolcli("info", "a.gif", "--max-pixels", 599)
    assert "--max-pixels 600 reads it" in refused.err
    stream = io.BytesIO()
    frames[0].save(stream, "PNG")
    piped = poolcli("info", "-", stdin=stream.getvalue())
    assert piped.text == "-: 20x30x3 HWC uint8 (image)\n"
