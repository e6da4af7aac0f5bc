# The script that made the numbers imports onnx, which the tests do not need.
collect_ignore = ["convert_nodes.py"]
