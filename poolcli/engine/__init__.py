"""The one engine: walks any array in cache-sized blocks and pools each block's windows."""
