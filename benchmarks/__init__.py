"""Measuring poolcli beside its peers: ``make bench`` runs all of it and writes the page."""
