"""Chains as layers: the code compiles, and where the framework is installed it does the same."""

import importlib.util
import os
import re

import numpy as np
import pytest

from poolcli.analysis.code import write_code
from poolcli.chain_syntax import parse_chain
from poolcli.errors import UsageError
from poolcli.frameworks.table import TABLE

X = np.random.default_rng(3).integers(-30, 30, (2, 13, 10, 3)).astype(np.float32)
FRAMEWORKS = ("torch", "keras", "onnx")  # whose reasons stand below, and which run here

# Which frameworks have layers for a chain; a word of the reason where one has none.
CHAINS = {
    "max 2": {},
    "max 3/2 p1": {"keras": "padding='same' only"},
    "max 3/2 psame": {},
    "max 3/2 psame-lower": {"keras": "padding='same' only"},
    "max 3x2/2x1 p1x0 d2x1": {"keras": "dilation"},
    "max 3 p1:0,0:1": {"keras": "padding='same' only"},
    "max 3/1 p2": {"keras": "padding='same' only"},
    "max 3/2 p1 ceil": {"keras": "no ceil mode"},
    "max 2 ceil": {},
    "max 3/1 p1 | max 2": {},
    "avg 2": {},
    "avg 2 ceil": {},
    "avg 3/2 p1": {"keras": "padding='same' only"},
    "avg 3/2 p1 count-include-pad": {},
    "avg 3/2 psame": {"torch": "zeros, which are counted"},
    "avg 3/2 psame count-include-pad": {},
    "avg 3/2 p1 ceil count-include-pad": {"keras": "no ceil mode"},
    "avg 3 p1:0,0:1 count-include-pad": {},
    "avg 3/1 d2": {"torch": "no dilation", "keras": "no dilation"},
    "avg 3 divisor=4": {"keras": "no divisor", "onnx": "no divisor"},
    "avg 2 divisor=2.5": {"torch": "divide by 2.5", "keras": "divisor", "onnx": "divisor"},
    "sum 3/2 p1": {"keras": "pools by sum", "onnx": "pools by sum"},
    "lp 2": {"keras": "pools by lp"},
    "lp 2x3/1 norm=4": {"keras": "pools by lp"},
    "lp 3/2 norm=1": {"keras": "pools by lp", "torch": "with its sign"},
    "lp 2 norm=2.5": {"keras": "by lp", "torch": "with its sign", "onnx": "whole number"},
    "lp 2 p1": {"keras": "pools by lp", "torch": "no padding"},
    "lp 2 ceil": {"keras": "pools by lp", "torch": "scales"},
    "median 3": {"torch": "by median", "keras": "by median", "onnx": "by median"},
    "global max": {},
    "global avg": {},
    "global avg keep": {},
    "global sum": {"keras": "by sum", "onnx": "by sum"},
    "global lp": {"keras": "by lp"},
    "max 2 | avg 2/1 | global avg": {},
    "adaptive max 4x3": {"onnx": "uneven"},
    "adaptive avg 13x5": {},
    "pyramid max 1,2": {"torch": "side by side", "keras": "side by side", "onnx": "side by side"},
    "fractional avg 5": {"torch": "for max", "keras": "uneven", "onnx": "uneven"},
}  # fmt: skip
WRITTEN = [(text, f) for text, refused in CHAINS.items() for f in FRAMEWORKS if f not in refused]
REFUSED = [(text, f, why) for text, refused in CHAINS.items() for f, why in refused.items()]


def planned(text, **options):
    return parse_chain(text, **options).plan(X.shape, X.dtype)


def build(code):
    made = {}
    exec(compile(code, "layers", "exec"), made)
    return made


def run_torch(code, shape):
    import torch

    y = build(code)["model"](torch.tensor(X.transpose(0, 3, 1, 2))).numpy()
    return y.transpose(0, 2, 3, 1) if y.ndim == 4 else y


def run_keras(code, shape):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return np.asarray(build(code)["model"](X))


def run_onnx(code, shape):
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        build(code)["nodes"],
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 13, 10])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list("NCHW")[: len(shape)])],
    )
    versions = [helper.make_opsetid("", 22)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    onnx.checker.check_model(model)
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    (y,) = session.run(None, {"x": X.transpose(0, 3, 1, 2)})
    return y.transpose(0, 2, 3, 1) if y.ndim == 4 else y


RUN = {"torch": run_torch, "keras": run_keras, "onnx": run_onnx}
NEEDED = {"torch": ("torch",), "keras": ("keras",), "onnx": ("onnx", "onnxruntime")}


@pytest.mark.parametrize(("text", "framework"), WRITTEN)
def test_code_compiles(text, framework):
    code = write_code(planned(text), framework)
    compile(code, "layers", "exec")
    assert code.startswith(f"# {text}\n# for 2x13x10x3 NHWC; takes ")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("text", "framework"), WRITTEN)
def test_layers_do_the_same(text, framework):
    missing = [name for name in NEEDED[framework] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} would run the code and is not installed")
    plan = planned(text)
    result = RUN[framework](write_code(plan, framework), plan.output_shape)
    np.testing.assert_allclose(result, plan.run(X), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(("text", "framework", "why"), REFUSED)
def test_there_is_no_such_layer(text, framework, why):
    with pytest.raises(UsageError) as refused:
        write_code(planned(text), framework)
    message = str(refused.value)
    assert message.startswith(f'stage 1 "{text}": {framework} has no such layer: ')
    assert why in message
    assert "\n" not in message


def test_the_stage_without_a_layer_is_named():
    with pytest.raises(UsageError, match='^stage 2 "median 3": torch has no such layer'):
        write_code(planned("max 2 | median 3"), "torch")


def test_missing_values_have_no_layer():
    with pytest.raises(UsageError, match="missing values"):
        write_code(planned("max 2", nan="skip"), "torch")


def test_presets_are_written_out():
    code = write_code(parse_chain("avg 3/2 p1", like="torch").plan((3, 9, 9), X.dtype), "onnx")
    assert "count_include_pad=1" in code
    assert "takes Nx3x9x9" in code


@pytest.mark.parametrize(
    ("framework", "line"),
    [
        ("torch", "    nn.MaxPool2d(3, stride=2, padding=1),\n"),
        ("onnx", '    helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], '
                 "strides=[2, 2], pads=[1, 1, 1, 1]),\n"),
    ],
)  # fmt: skip
def test_code_is_what_one_would_write(framework, line):
    assert line in write_code(planned("max 3/2 p1"), framework)


def test_fractional_layers_say_that_they_draw():
    code = write_code(planned("fractional max 5 size=2"), "torch")
    assert "# draws samples of its own:\n    nn.FractionalMaxPool2d(2, output_size=5),\n" in code


@pytest.mark.parametrize("framework", TABLE)
@pytest.mark.parametrize("text", CHAINS)
def test_every_framework_writes_a_chain_or_says_what_it_has_not(text, framework):
    refused = ""
    try:
        compile(write_code(planned(text), framework), "layers", "exec")
    except UsageError as error:
        refused = str(error)
    assert not refused or re.match(rf'stage 1 ".+": {framework} has no such layer: ', refused)


def test_unknown_frameworks():
    with pytest.raises(UsageError, match=f"^code 'jax': use {', '.join(TABLE)}$"):
        write_code(planned("max 2"), "jax")
