"""Windows drawn as cells in groups: see ``picture``."""
