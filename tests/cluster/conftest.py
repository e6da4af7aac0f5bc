"""Folders of small inputs, the program, and clusters that are only pretended."""

from __future__ import annotations

import pytest

from tests.helpers.clusters import Pretended
from tests.helpers.inside import clean_surroundings, poolcli

__all__ = ["clean_surroundings", "poolcli"]


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> type[Pretended]:
    """Let runs be done by workers that are only pretended, in small tasks."""

    class Own(Pretended):
        pass

    monkeypatch.setattr("poolcli.cluster.run.Scheduler", Own)
    monkeypatch.setattr("poolcli.cluster.sizes.LEAST", 0.01)
    return Own
