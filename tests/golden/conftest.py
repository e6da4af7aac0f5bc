# The scripts that made the numbers import frameworks that the tests do not need.
collect_ignore = ["make_goldens.py", "make_library_goldens.py"]
