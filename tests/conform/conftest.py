# The script that made the numbers imports frameworks that the tests do not need.
collect_ignore = ["make_goldens.py"]
