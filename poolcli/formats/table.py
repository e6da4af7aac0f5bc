"""The extensions that can be written."""

from poolcli.formats.image_writer import FORMATS as PICTURES
from poolcli.formats.text import SEPARATORS

TEXTS = tuple(SEPARATORS)
WRITABLE = (".npy", ".npz", *TEXTS, *PICTURES)
