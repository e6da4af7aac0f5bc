"""Channels that lie side by side and are too many to be taken at once."""

import numpy as np
import pytest

from poolcli import pool

RNG = np.random.default_rng(12)


@pytest.mark.parametrize("op", ["blur", "avg", "max", "median", "std", "count"])
@pytest.mark.parametrize("channels", [511, 513, 1200])
def test_each_channel_as_if_alone(op: str, channels: int) -> None:
    x = RNG.standard_normal((5, 6, channels)).astype(np.float32)
    x[1, 2, :: channels - 1] = np.nan
    for missing in ("propagate", "skip"):
        together = pool(x, op, 3, stride=2, layout="HWC", nan=missing)
        for channel in (0, 1, 510, channels - 1):
            alone = pool(x[..., channel], op, 3, stride=2, layout="HW", nan=missing)
            np.testing.assert_array_equal(together[..., channel], alone)
