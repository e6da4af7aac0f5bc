"""The golden cases, and the named differences that they show."""

from differences import DIFFERENCES as EVERYWHERE
from differences import named_differences
from golden_cases import RTOL, Golden, goldens

__all__ = ["DIFFERENCES", "RTOL", "Golden", "goldens", "named_differences"]

# The others are met in the campaigns only.
DIFFERENCES = [d for d in EVERYWHERE if d.golden]
