"""What `make conformance` counts: a few cases of every library that is installed."""

import pytest

from tests.elsewhere import LIBRARIES
from tests.parity.campaigns import CAMPAIGNS, Campaign


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda c: f"{c.library}-{c.what}")
def test_nothing_is_unexplained(campaign: Campaign) -> None:
    if not LIBRARIES[campaign.library].installed:
        pytest.skip(f"{campaign.library} is not installed; make parity installs it")
    count = campaign.run(60)
    assert count.cases == 60
    assert count.different == 0
