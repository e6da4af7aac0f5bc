"""Hostile and odd .safetensors files."""

import json
import struct
from typing import Any

from tests.helpers.hostile.case import Case


def safetensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a file with exactly this header, true or not: an object or its text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(
    begin: Any = 0, end: Any = 16, *, shape: Any = (2, 2), dtype: Any = "F32"
) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


ZEROS = b"\0" * 32


def safetensors_cases() -> list[Case]:
    good = safetensors({"a": entry()}, ZEROS[:16])
    nested = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    twice = b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2)
    huge = 2**62
    rows: list[tuple[str, bytes, str]] = [
        ("length-only", good[:8], "its first bytes"),
        ("half-header", good[:20], "truncated"),
        ("truncated", good[:-4], "16 bytes of data, and 12 follow; it is truncated"),
        ("trailing", good + b"more", "16 bytes of data, and 20 follow"),
        ("claims-all", safetensors({"a": entry()}, length=2**63), "its header claims"),
        ("claims-4GiB", safetensors({"a": entry()}, length=2**32), "its header claims 4.0 GiB"),
        ("claims-more", safetensors({"a": entry()}, length=5000), "truncated"),
        ("no-json", safetensors(b"{nothing}"), "no JSON"),
        ("no-utf8", safetensors(b'{"\xff": 1}'), "no JSON"),
        ("list", safetensors(b"{}      [1]"), "no JSON"),
        ("none", safetensors({}), "holds no array"),
        ("nested", safetensors(nested), "nested too deep"),
        ("digits", safetensors(b'{"a": %b}' % (b"9" * 5000)), "no JSON"),
        ("same-name", safetensors(twice, ZEROS[:16]), "its header has 'a' twice"),
        ("no-entry", safetensors({"a": [1, 2]}), "not dtype, shape and data_offsets"),
        ("more-keys", safetensors({"a": {**entry(), "x": 1}}, ZEROS), "not dtype, shape and"),
        ("hidden", safetensors({"a\nb": entry()}, ZEROS[:16]), "a name that cannot be printed"),
        ("surrogate", safetensors({"\ud800": entry()}, ZEROS[:16]), "cannot be printed"),
        ("metadata", safetensors({"a": entry(), "__metadata__": {"x": 1}}), "object of texts"),
        ("negative", safetensors({"a": entry(shape=(-2, -2))}, ZEROS[:16]), "whole numbers from 0"),
        ("float", safetensors({"a": entry(shape=(2.0, 2))}, ZEROS[:16]), "whole numbers from 0"),
        ("bool", safetensors({"a": entry(shape=(True, 4))}, ZEROS[:16]), "whole numbers from 0"),
        ("too-wide", safetensors({"a": entry(shape=(2**64, 0))}), "whole numbers from 0"),
        ("axes", safetensors({"a": entry(0, 4, shape=(1,) * 90)}, ZEROS[:4]), "90 dimensions"),
        ("wraps", safetensors({"a": entry(shape=(huge, 4, 2**8))}, ZEROS[:16]), "and gives it 16"),
        ("absurd", safetensors({"a": entry(0, huge, shape=(huge // 4,))}), "it is truncated"),
        ("size", safetensors({"a": entry(shape=(2, 3))}, ZEROS[:16]), "24 bytes, and gives it 16"),
        ("backwards", safetensors({"a": entry(16, 0)}, ZEROS[:16]), "no beginning and end"),
        ("three", safetensors({"a": {**entry(), "data_offsets": [0, 8, 16]}}), "no beginning"),
        ("overlap", safetensors({"a": entry(), "b": entry(8, 24)}, ZEROS[:24]), "'b' overlap 'a'"),
        ("shared", safetensors({"a": entry(), "b": entry()}, ZEROS[:16]), "'b' overlap 'a'"),
        ("hole", safetensors({"a": entry(), "b": entry(20, 36)}, ZEROS), "leaves 4 bytes before"),
        ("late", safetensors({"a": entry(4, 20)}, ZEROS[:20]), "leaves 4 bytes before 'a'"),
        ("bf16", safetensors({"a": entry(0, 8, dtype="BF16")}, ZEROS[:8]), "bfloat16, which NumPy"),
        ("f8", safetensors({"a": entry(0, 4, dtype="F8_E4M3")}, ZEROS[:4]), "floats of 8 bits"),
        ("complex", safetensors({"a": entry(0, 32, dtype="C64")}, ZEROS), "complex numbers"),
        ("dtype", safetensors({"a": entry(dtype="X9")}, ZEROS[:16]), "dtype 'X9' is unknown"),
        ("no-dtype", safetensors({"a": entry(dtype=4)}, ZEROS[:16]), "is no text"),
        ("bools", safetensors({"a": entry(0, 4, dtype="BOOL")}, b"\0\1\2\0"), "a bool is 0 or 1"),
    ]
    cells = ((2, 2), "float32")
    return [
        Case("good.safetensors", good, reads=cells),
        Case("safetensors-named.npy", good, reads=cells),
        Case(
            "spaces.safetensors",
            safetensors(json.dumps({"a": entry()}).encode() + b" " * 9, ZEROS[:16]),
            reads=cells,
        ),
        Case(
            "no-cells.safetensors",
            safetensors({"a": entry(0, 0, shape=(0, 2**40))}),
            reads=((0, 2**40), "float32"),
        ),
        *(Case(f"{name}.safetensors", data, refused=words) for name, data, words in rows),
    ]
