"""Thousands of random poolings, as PyTorch does them."""

from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    pytest.skip("torch is not installed; make parity installs it", allow_module_level=True)

from tests.parity.torch_cases import torch_case
from tests.parity.verdict import check

CONFIGURATIONS = 7000


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_pooling_as_torch(seed):
    check(torch_case(seed))
