"""The extensions that can be written."""

from poolcli.files.picture_writing import FORMATS as PICTURES
from poolcli.files.write import SEPARATORS

TEXTS = tuple(SEPARATORS)
WRITABLE = (".npy", ".npz", *TEXTS, *PICTURES)

__all__ = ["PICTURES", "TEXTS", "WRITABLE"]
