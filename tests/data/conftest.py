"""Numbers that others computed, and the scripts that asked for them."""

# The scripts import frameworks that the tests do not need.
collect_ignore_glob = ["make_*.py"]
