"""One file of the corpus: its bytes, and what must come of reading it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """Either `reads` (shape, dtype name) or `refused` (words of the one-line message) is given."""

    name: str
    data: bytes
    reads: tuple[tuple[int, ...], str] | None = None
    refused: str | None = None

    def __post_init__(self) -> None:
        if (self.reads is None) == (not self.refused):
            raise ValueError(f"{self.name}: say either what it reads as or why it is refused")
