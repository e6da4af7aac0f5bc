"""What builds the kernels: which compiler it takes, what it says where none works."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import hatch_build

NONE = r"no C\+\+ compiler works here; install g\+\+ or clang\+\+, set CXX to one, or pip install"


def hook_for(target: str, root: Path) -> hatch_build.BuildHook:
    return hatch_build.BuildHook(str(root), {}, None, None, str(root), target)  # type: ignore[arg-type]


@pytest.fixture
def hook(tmp_path: Path) -> hatch_build.BuildHook:
    return hook_for("wheel", tmp_path)


def test_without_a_compiler_ziglang_is_asked_for(hook, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.dependencies() == [hatch_build.ZIG]


def test_without_any_it_says_in_one_line_what_to_set(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(hatch_build, "_zig", lambda: None)
    with pytest.raises(SystemExit, match=NONE) as stopped:
        hatch_build.build(tmp_path)
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    ("named", "wanted"),
    [("ziglang", [hatch_build.ZIG]), ("g++-99 -m64", []), ("python -m ziglang c++", [])],
)
def test_cxx_names_the_compiler(hook, monkeypatch, named: str, wanted: list[str]) -> None:
    monkeypatch.setenv("CXX", named)
    assert hook.dependencies() == wanted
    if not wanted:
        assert hatch_build.compiler() == named.split()


def test_an_sdist_needs_none(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "ziglang")
    hook = hook_for("sdist", tmp_path)
    assert hook.dependencies() == []
    hook.initialize("standard", {})


def test_a_compiler_that_only_offers_to_install_one_is_passed_over(
    monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    for name in ("g++", "clang++"):
        path = tmp_path / name
        path.write_text(f"#!{shutil.which('false')}\n")
        path.chmod(0o755)
    true = tmp_path / "c++"
    true.symlink_to(str(shutil.which("true")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hatch_build.compiler() == ["c++"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("print('kernel.cpp: no such thing', file=sys.stderr); sys.exit(1)", "no such thing"),
        ("sys.exit(3)", "exit code 3"),
    ],
)
def test_a_compiler_that_fails_is_named_with_what_to_set(
    monkeypatch, tmp_path: Path, body: str, reason: str
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(f"import sys\n{body}\n")
    monkeypatch.setenv("CXX", f"{sys.executable} {broken}")
    with pytest.raises(SystemExit, match=r"cannot make .*; set CXX to another C\+\+17") as stopped:
        hatch_build.build(tmp_path)
    assert reason in str(stopped.value)
    assert not list(tmp_path.rglob("*.o"))


def test_a_compiler_that_is_not_there(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(SystemExit, match="no-such-compiler.*set CXX to another"):
        hatch_build.build(tmp_path)


@pytest.mark.parametrize(
    ("name", "machine", "tag"),
    [
        ("linux-x86_64", "x86_64", "linux_x86_64"),
        ("linux-aarch64", "aarch64", "linux_aarch64"),
        ("macosx-10.13-universal2", "arm64", "macosx_11_0_arm64"),
        ("macosx-10.13-universal2", "x86_64", "macosx_10_13_x86_64"),
        ("macosx-11.0-arm64", "arm64", "macosx_11_0_arm64"),
        ("win-amd64", "AMD64", "win_amd64"),
    ],
)
def test_wheels_are_for_the_processor_that_the_library_is_for(name, machine, tag) -> None:
    assert hatch_build.platform_tag(name, machine) == tag
