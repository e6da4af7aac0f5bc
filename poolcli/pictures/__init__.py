"""What pooling a picture means beyond pooling its numbers: colours, transparency, light, looks."""

from poolcli.pictures.treatment import Treatment

__all__ = ["Treatment"]
