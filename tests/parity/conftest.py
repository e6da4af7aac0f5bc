"""Say at the end how many cases there were, and how often which named difference was met."""

# Helpers import frameworks that the other tests do not need.
collect_ignore = ["torch_cases.py", "onnxruntime_cases.py", "verdict.py"]


def pytest_terminal_summary(terminalreporter):
    import sys

    verdict = sys.modules.get("verdict")
    if verdict is None or not verdict.compared:
        return
    terminalreporter.section("parity")
    for framework, cases in verdict.compared.items():
        terminalreporter.write_line(f"{cases} cases compared with {framework}")
    for name, times in verdict.seen.most_common():
        terminalreporter.write_line(f"{times:6} named difference: {name}")
