"""What pooling a picture means beyond pooling its numbers: colours, transparency, light, looks."""

from poolcli.pictures.look import Look, parse_normalize, render
from poolcli.pictures.treatment import Treatment

__all__ = ["Look", "Treatment", "parse_normalize", "render"]
