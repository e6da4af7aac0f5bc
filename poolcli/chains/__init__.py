"""Chains: several poolings one after another, what they come to, and the layers they equal."""

from poolcli.chains.chain import Chain, ChainPlan
from poolcli.chains.grammar import parse_chain
from poolcli.chains.stage import Stage, StagePlan

__all__ = ["Chain", "ChainPlan", "Stage", "StagePlan", "parse_chain"]
