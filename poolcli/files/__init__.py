"""The only door to disk: files, pipes and typed matrices in; files and streams out."""

from poolcli.files.atomic import atomic_target
from poolcli.files.loaded import Loaded
from poolcli.files.picture_writing import target_dtype
from poolcli.files.read import parse_matrix, read_file, read_stdin
from poolcli.files.write import npy_output, write_file, write_npz, write_stream

__all__ = [
    "Loaded",
    "atomic_target",
    "npy_output",
    "parse_matrix",
    "read_file",
    "read_stdin",
    "target_dtype",
    "write_file",
    "write_npz",
    "write_stream",
]
