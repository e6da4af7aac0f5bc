"""Random configurations against the specification, none skipped; `make fuzz` draws thousands."""

import numpy as np
import pytest

from tests.helpers.cases import check, random_case
from tests.helpers.every import draws, every
from tests.spec.windows import Refused


@pytest.mark.parametrize("first", range(0, 1000, 50))
def test_as_specified_whatever_the_blocks(first):
    every(draws(50, first), as_specified_whatever_the_blocks)


def as_specified_whatever_the_blocks(seed):
    case = random_case(seed)
    if not check(case):
        return
    whole = case.run().tobytes()
    rng = np.random.default_rng(seed)
    threads, block_bytes = int(rng.integers(1, 9)), int(rng.choice([1, 7, 64, 333]))
    assert case.run(threads=threads, block_bytes=block_bytes).tobytes() == whole  # S8


def test_most_configurations_have_an_answer():
    """Refusals are checked as well, but most of the table must be about numbers."""

    def answered(seed):
        try:
            random_case(seed).expected()
        except Refused:
            return False
        return True

    assert sum(map(answered, range(500))) > 350
