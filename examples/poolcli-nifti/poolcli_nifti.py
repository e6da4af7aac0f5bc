"""The row of NIfTI: how files of it are recognised, and what reads and writes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from poolcli.formats.base import Format, Opened, OpenFile

GZIP = b"\x1f\x8b"


def recognises(head: bytes) -> bool:
    """Tell whether these are first bytes of a NIfTI file, packed or not."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 352)
        except zlib.error:
            return False
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def opener(opened: Opened) -> OpenFile:
    """Open a file. nibabel is loaded for that, and not to know what the file is."""
    from poolcli_nifti_file import NiftiFile

    return NiftiFile(opened)


def encode(*arguments: Any) -> Iterator[bytes]:
    """Return the bytes of a file, see ``poolcli.formats.base.Encode``."""
    from poolcli_nifti_file import encode

    return encode(*arguments)


NIFTI = Format("nifti", (".nii",), recognises, opener, encode)
