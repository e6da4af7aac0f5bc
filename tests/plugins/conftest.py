"""Fixtures of the tests of plugins."""

from tests.helpers.inside import clean_surroundings, poolcli
from tests.helpers.plugins import site

__all__ = ["clean_surroundings", "poolcli", "site"]
