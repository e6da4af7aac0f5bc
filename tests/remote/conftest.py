"""Fixtures of the tests of what is far away."""

from tests.helpers.far import s3, s3_server, web
from tests.helpers.inside import clean_surroundings, poolcli

__all__ = ["clean_surroundings", "poolcli", "s3", "s3_server", "web"]
