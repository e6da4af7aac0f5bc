"""Hostile and odd .npy files, and .npz archives of them."""

import io
import struct
import zipfile

import numpy as np

from tests.helpers.hostile.case import Case


def npy(
    descr: str = "'<f4'",
    shape: str = "(4, 4)",
    data: bytes = b"\0" * 64,
    *,
    fortran: str = "False",
    version: int = 1,
    extra: str = "",
) -> bytes:
    """Return an .npy file with exactly this header text, true or not."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, {extra}}}\n"
    return raw_npy(text.encode("utf-8" if version == 3 else "latin-1"), data, version)


def raw_npy(header: bytes, data: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def _saved(array: np.ndarray, **options: bool) -> bytes:
    target = io.BytesIO()
    np.save(target, array, **options)
    return target.getvalue()


def npy_cases() -> list[Case]:
    good = _saved(np.arange(12, dtype="<f4").reshape(3, 4))
    sixteen = ((4, 4), "float32")
    return [
        Case("good.npy", good, reads=((3, 4), "float32")),
        Case("named-as-picture.png", good, reads=((3, 4), "float32")),
        Case("fortran.npy", npy(fortran="True"), reads=sixteen),
        Case("version2.npy", npy(version=2), reads=sixteen),
        Case("version3.npy", npy(version=3), reads=sixteen),
        Case("big-endian.npy", npy("'>f4'"), reads=sixteen),
        Case("python2.npy", npy(shape="(4L, 4L)"), reads=sixteen),
        Case("no-number.npy", npy("'<f4'", "()", b"\0" * 4), reads=((), "float32")),
        Case("no-cells.npy", npy(shape="(0, 4)", data=b""), reads=((0, 4), "float32")),
        Case("empty.npy", b"", refused="empty"),
        Case("magic-only.npy", b"\x93NUMPY", refused="truncated"),
        Case("half-header.npy", good[:40], refused="truncated"),
        Case("truncated.npy", good[:-36], refused="3x4 float32 = 48 bytes, the file has 12"),
        Case("trailing.npy", good + b"more", refused="3x4 float32 = 48 bytes, the file has 52"),
        Case("two-in-a-row.npy", good + good, refused="from a pipe"),
        Case("version9.npy", npy(version=9), refused="version 9.0"),
        Case("claims-4TB.npy", npy(shape="(1000000, 1000000)"), refused="the file has 64"),
        Case("claims-4GiB.npy", npy(shape="(32768, 32768)"), refused="the file has 64"),
        Case("header-4GiB.npy", b"\x93NUMPY\x02\0\xff\xff\xff\xff{", refused="header claims"),
        Case("header-1GiB.npy", b"\x93NUMPY\x03\0\0\0\0\x40{", refused="header claims"),
        Case("negative.npy", npy(shape="(-4, -4)"), refused="negative"),
        Case("wraps-64-bits.npy", npy(shape="(4294967296, 4294967296)"), refused="multiply to"),
        Case("wraps-to-16.npy", npy(shape="(9223372036854775808, 2)"), refused="multiply to"),
        Case(
            "zero-times-huge.npy", npy(shape=f"(0, {2**62}, {2**62})", data=b""), refused="multiply"
        ),
        Case("thousand-digits.npy", npy(shape=f"({'9' * 1000},)"), refused="20 digits"),
        Case("ninety-axes.npy", npy(shape="(" + "1, " * 90 + ")"), refused="90 dimensions"),
        Case("bool-shape.npy", npy(shape="(True, 4)"), refused="whole numbers"),
        Case("float-shape.npy", npy(shape="(4.0, 4)"), refused="whole numbers"),
        Case("list-shape.npy", npy(shape="[4, 4]"), refused="shape"),
        Case("code-shape.npy", npy(shape="(__import__('os').getpid(),)"), refused="damaged"),
        Case("nested.npy", raw_npy(b"(" * 9000), refused="nested"),
        Case("signs.npy", npy(shape="(" + "-" * 9000 + "1,)"), refused="damaged"),
        Case("not-utf8.npy", raw_npy(b"{'descr': '\xff'}\n", version=3), refused="UTF-8"),
        Case("no-dictionary.npy", raw_npy(b"[1, 2]\n"), refused="damaged"),
        Case("missing-key.npy", raw_npy(b"{'descr': '<f4', 'shape': (1,)}"), refused="damaged"),
        Case("extra-key.npy", npy(extra="'more': 1"), refused="damaged"),
        Case("fortran-7.npy", npy(fortran="7"), refused="fortran_order"),
        Case("objects.npy", _saved(np.array([{}, 1]), allow_pickle=True), refused="objects"),
        Case("pickle.npy", b"\x80\x04\x95\x05\0\0\0\0\0\0\0.", refused="pickle"),
        Case("records.npy", npy("[('a', '<f4'), ('b', '<i4')]"), refused="structured"),
        Case("records-text.npy", npy("'f4,i4'"), refused="structured"),
        Case("sub-array.npy", npy("('<f4', (2,))"), refused="sub-array"),
        Case("sub-array-text.npy", npy("'(2,2)f4'"), refused="structured"),
        Case("bytes.npy", npy("'|S4'"), refused="byte strings"),
        Case("strings.npy", npy("'<U4'"), refused="strings"),
        Case("dates.npy", npy("'<M8[ns]'"), refused="datetime64"),
        Case("spans.npy", npy("'<m8[s]'"), refused="timedelta64"),
        Case("complex.npy", npy("'<c8'"), refused="complex"),
        Case("bfloat16.npy", npy("'|V2'"), refused="bfloat16"),
        Case("itemsize-0.npy", npy("'|V0'"), refused="void"),
        Case("unknown-type.npy", npy("'<q9'"), refused="unknown"),
        Case("type-name.npy", npy("'float32'"), refused="unknown"),
        Case("number-as-type.npy", npy("7"), refused="dtype"),
        Case("bool-of-2.npy", npy("'|b1'", "(2,)", b"\x01\x02"), refused="0 or 1"),
    ]


def _zipped(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return target.getvalue()


def _claims(size: int) -> bytes:
    """An archive whose single stored member claims another size in both places."""
    data = npy()
    whole = _zipped(("a.npy", data))
    true = struct.pack("<II", len(data), len(data))
    return whole.replace(true, struct.pack("<II", len(data), size))


def _encrypted() -> bytes:
    whole = bytearray(_zipped(("a.npy", npy())))
    whole[6] |= 1
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    return bytes(whole)


def _bomb() -> bytes:
    """512 MiB of zeros in 0.5 MB, behind a header that claims one number."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.npy", "w") as member,
    ):
        member.write(npy("'|u1'", "(1,)", b""))
        for _ in range(512):
            member.write(bytes(2**20))
    return target.getvalue()


def npz_cases() -> list[Case]:
    good = npy()
    sixteen = ((4, 4), "float32")
    archive = _zipped(("a.npy", good))
    flipped = bytearray(archive)
    flipped[archive.index(good) + len(good) - 5] ^= 1
    return [
        Case("good.npz", archive, reads=sixteen),
        Case("npz-named.csv", archive, reads=sixteen),
        Case("parent-names.npz", _zipped(("../../x.npy", good)), reads=sixteen),
        Case("other-members.npz", _zipped(("readme.txt", b"hi"), ("a.npy", good)), reads=sixteen),
        Case("no-members.npz", _zipped(), refused="none of its 0 members"),
        Case("no-arrays.npz", _zipped(("a.txt", b"1 2")), refused="none of its 1 members"),
        Case("one-name-twice.npz", _twice(good), refused="second array"),
        Case("objects-in.npz", _zipped(("a.npy", npy("'|O'"))), refused="objects"),
        Case("not-npy-in.npz", _zipped(("a.npy", b"plain")), refused="header"),
        Case("claims-more.npz", _claims(10**9), refused="its zip entry has 999999930"),
        Case("claims-less.npz", _claims(100), refused="CRC"),
        Case("header-claims-4TB.npz", _zipped(("a.npy", npy(shape="(1000000, 1000000)"))),
             refused="zip entry has 64"),
        Case("hides-512MiB.npz", _bomb(), refused="its zip entry has 536870912"),
        Case("bad-checksum.npz", bytes(flipped), refused="CRC"),
        Case("encrypted.npz", _encrypted(), refused="encrypted"),
        Case("truncated.npz", archive[:-30], refused="zip"),
        Case("only-the-end.npz", b"PK\x05\x06" + bytes(18), refused="none of its 0 members"),
    ]  # fmt: skip


def _twice(data: bytes) -> bytes:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of just this
        return _zipped(("a.npy", data), ("a.npy", data))
