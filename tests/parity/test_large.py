"""A global average of 10^8 float32 cells within 2 ulp (S7), of values that are hard to add."""

import os

import pytest

from poolcli import global_pool
from tests.helpers.hard_averages import HARD, hard_array, ulps_off

if not os.environ.get("POOLCLI_LARGE"):
    pytest.skip("400 MB for each of these; make parity runs them", allow_module_level=True)


@pytest.mark.parametrize("name", HARD)
def test_average_of_a_hundred_million_cells(name):
    x, exact, magnitude = hard_array(name, 10**8)
    assert ulps_off(global_pool(x, "avg"), exact, magnitude) <= 2
    assert ulps_off(global_pool(x.reshape(10**4, 10**4), "avg"), exact, magnitude) <= 2
