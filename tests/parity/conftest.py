"""Say at the end how many cases there were, and how often which named difference was met."""

# Helpers import frameworks that the other tests do not need.
collect_ignore = ["torch_cases.py", "onnxruntime_cases.py"]


def pytest_terminal_summary(terminalreporter):
    import sys

    verdict = sys.modules.get("tests.parity.verdict")
    if verdict is None or not verdict.compared:
        return
    terminalreporter.section("parity")
    for framework, cases in verdict.compared.items():
        terminalreporter.write_line(f"{cases} cases compared with {framework}")
    for name in sorted(verdict.names(), key=lambda name: -verdict.seen[name]):
        terminalreporter.write_line(f"{verdict.seen[name]:6} named difference: {name}")
