"""The only door to disk: files, pipes and typed matrices in; files and streams out."""

from poolcli.files.atomic import Ready, atomic_target, make_folders
from poolcli.files.causes import available_memory, check_memory
from poolcli.files.ending import abandon
from poolcli.files.leftovers import locked, sweep
from poolcli.files.loaded import ALL, Loaded, Members
from poolcli.files.notes import AS_USUAL, Notes, PictureInput, PictureOutput
from poolcli.files.picture_writing import meaningless, target_dtype
from poolcli.files.probe import (
    Described,
    describe_at_most,
    describe_by_header,
    describe_file,
    described_as,
)
from poolcli.files.read import parse_matrix, read_file, read_stdin
from poolcli.files.write import npy_output, write_file, write_npz, write_stream

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
    "write_file",
    "write_npz",
    "write_stream",
]
