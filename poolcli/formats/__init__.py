"""The only door to disk: files, pipes and typed matrices in; files and streams out."""

from poolcli.formats.atomic import Ready, abandon, atomic_target, locked, make_folders, sweep
from poolcli.formats.base import ALL, Described, Loaded, Members, described_as
from poolcli.formats.doors import (
    describe_at_most,
    describe_by_header,
    describe_file,
    npy_output,
    parse_matrix,
    read_file,
    read_stdin,
    write_bytes,
    write_file,
    write_npz,
    write_stream,
)
from poolcli.formats.guard import available_memory, check_memory
from poolcli.formats.image_writer import meaningless, target_dtype
from poolcli.formats.metadata import AS_USUAL, Notes, PictureInput, PictureOutput

__all__ = [
    "ALL",
    "AS_USUAL",
    "Described",
    "Loaded",
    "Members",
    "Notes",
    "PictureInput",
    "PictureOutput",
    "Ready",
    "abandon",
    "atomic_target",
    "available_memory",
    "check_memory",
    "describe_at_most",
    "describe_by_header",
    "describe_file",
    "described_as",
    "locked",
    "make_folders",
    "meaningless",
    "npy_output",
    "parse_matrix",
    "read_file",
    "read_stdin",
    "sweep",
    "target_dtype",
    "write_bytes",
    "write_file",
    "write_npz",
    "write_stream",
]
