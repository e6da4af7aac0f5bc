"""Stochastic pooling: Zeiler & Fergus 2013, "Stochastic pooling for regularization"."""

from __future__ import annotations

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.engine.floats import real_result, wide_float
from poolcli.engine.kernel import Cells, Counts, Fold, Gathered, Kernel, Places, Select
from poolcli.engine.trees import State
from poolcli.errors import InputError, UsageError

MODES = ("sample", "expected")
# Below this, float64 products of activations are near the end of their exponents.
_VANISHING = 2.0**-960
# Above this, sums of weights might not be finite.
_HUGE, _SMALLER = 2.0**900, 2.0**-100
NEGATIVES = ("error", "relu", "shift")


def stochastic(cells: Cells, mode: str, seed: int, negatives: str) -> Kernel:
    """A cell drawn with probability a/Σa, or the expected value Σa²/Σa of that draw.

    Negative activations are an error, count as 0 (``relu``), or all are measured from the window's
    smallest (``shift``).
    """
    if mode not in MODES:
        raise UsageError(f"mode {mode!r}: use {' or '.join(MODES)}")
    if negatives not in NEGATIVES:
        raise UsageError(f"negatives {negatives!r}: use {', '.join(NEGATIVES)}")
    if mode == "expected" and negatives != "shift":
        return _expected_fold(cells, negatives)

    def choose(windows: Gathered, out: Array) -> None:
        if mode == "expected":
            out[...] = _weighted_mean(windows, *_activations(windows, negatives))
            return
        values, drawn = draw(windows, seed, negatives)
        out[...] = np.take_along_axis(values, drawn, axis=0)[0]

    return Select(cells.dtype if mode == "sample" else real_result(cells), choose)


def draw(windows: Gathered, seed: int, negatives: str) -> tuple[Array, Array]:
    """The cells as values to pick, and which of them is drawn in each window."""
    values, weights = _activations(windows, negatives)
    # Where the running sum first passes u·Σa, with the same u however the work is cut.
    running = np.cumsum(weights, axis=0)
    threshold = uniform(seed, windows.places()) * running[-1]
    drawn = (running <= threshold).sum(axis=0)
    last = len(weights) - 1 - (weights[::-1] > 0).argmax(axis=0)
    return values, np.minimum(drawn, last)[None]


def _activations(windows: Gathered, negatives: str) -> tuple[Array, Array]:
    """The cells as values to pick and as weights, which are 0 for cells that do not count."""
    values = windows.cells
    valid = True if windows.valid is None else windows.valid
    if negatives == "error":
        _refuse_negative(np.where(valid, values, 0).min(axis=0))
    elif negatives == "relu":
        values = np.maximum(values, values.dtype.type(0))
    weights = values.astype(wide_float(values.dtype))
    if values.dtype.kind == "f":
        # Beside +inf nothing has a chance, and seen from -inf all others are equally far.
        top = np.where(valid, weights, 0).max(axis=0)
        low = np.where(valid, weights, 0).min(axis=0)
        weights = np.where(np.isposinf(top), np.isposinf(weights), weights)
        weights = np.where(np.isneginf(low) & ~np.isposinf(top), weights > low, weights)
    if (np.abs(weights) > _HUGE).any():
        # Only their proportions matter, and each window goes its own way.
        top = np.where(valid, np.abs(weights), 0).max(axis=0)
        weights = np.where(top > _HUGE, weights * _SMALLER, weights)
    if negatives == "shift":
        weights = weights - np.where(valid, weights, np.inf).min(axis=0)
    weights = np.where(valid, weights, 0)
    # Where nothing has any weight the first cell that counts stands for all: they are equal.
    first = np.argmax(np.broadcast_to(valid, values.shape), axis=0)[None]
    values = np.where(valid, values, np.take_along_axis(values, first, axis=0))
    return values, weights


def _weighted_mean(windows: Gathered, values: Array, weights: Array) -> Array:
    """Σwv / Σw; the first value where there is no weight."""
    total = windows.sum(weights)
    parts = np.where(weights == 0, 0, weights * values)
    weighted = windows.sum(parts)
    mean = weighted / np.where(total == 0, 1, total)
    lost = (total > 0) & (~np.isfinite(mean) | (np.abs(weighted) < _VANISHING))
    if lost.any():
        lost &= ~np.isfinite(mean) | (np.abs(parts).max(axis=0) < _VANISHING)
        # Products that are not within the range of float64: shares first, which always are.
        shares = weights / np.where(lost, weights.max(axis=0), 1)
        shares /= np.where(lost, windows.sum(shares), 1)
        mean = np.where(lost, windows.sum(np.where(shares == 0, 0, shares * values)), mean)
    return np.asarray(np.where(total == 0, values[0], mean))


def _refuse_negative(values: Array) -> None:
    if (values < 0).any():
        raise InputError(
            f"stochastic pooling of a negative activation, {values[values < 0][0]}; "
            "use --negatives relu or --negatives shift"
        )


def _expected_fold(cells: Cells, negatives: str) -> Fold:
    """Expectations as (Σa, Σa²), and the smallest value where it may not be negative."""
    wide = wide_float(real_result(cells))
    can_vanish = cells.dtype.kind == "f" and cells.dtype.itemsize >= 8
    # Told at the end: a cell that is missing, or in no window, may be as it likes.
    checks = negatives == "error" and cells.dtype.kind in "if"

    def load(values: Array, state: State, _: Places) -> None:
        if checks:
            state[2][...] = values
        np.maximum(values, 0, out=state[0], casting="unsafe")
        np.multiply(state[0], state[0], out=state[1])

    def combine(a: State, b: State, out: State) -> None:
        np.add(a[0], b[0], out=out[0])
        np.add(a[1], b[1], out=out[1])
        if checks:
            np.minimum(a[2], b[2], out=out[2])

    def finish(state: State, _: Counts, out: Array) -> None:
        total, squares = state[:2]
        if checks:
            _refuse_negative(state[2])
        value = squares / np.where(total == 0, 1, total)
        out[...] = np.where(np.isinf(total), total, value)
        if can_vanish:
            # So small a sum has lost digits, or everything: as NaN it is left to the rescue.
            np.copyto(out, np.nan, where=(squares < _VANISHING) & (total > 0))

    return Fold(
        result=real_result(cells),
        parts=(wide, wide, cells.dtype) if checks else (wide, wide),
        identity=(0.0, 0.0, 0)[: 2 + checks],
        combine=combine,
        load=load,
        finish=finish,
        rescue=_scaled_expectation(cells),
    )


def _scaled_expectation(cells: Cells) -> Fold:
    """Expectations as (m, Σa/m, Σ(a/m)²) with m the largest a, for any a that is a float."""
    wide = wide_float(real_result(cells))

    def load(values: Array, state: State, _: Places) -> None:
        np.maximum(values, 0, out=state[0], casting="unsafe")
        state[1][...] = state[0] > 0
        state[2][...] = state[1]

    def combine(a: State, b: State, out: State) -> None:
        largest = np.maximum(a[0], b[0])
        base = np.where(largest == 0, 1.0, largest)
        left, right = a[0] / base, b[0] / base
        total = a[1] * left + b[1] * right
        squares = a[2] * left * left + b[2] * right * right
        out[0][...] = largest
        out[1][...] = total
        out[2][...] = squares

    def finish(state: State, _: Counts, out: Array) -> None:
        largest, total, squares = state
        value = largest * (squares / np.where(total == 0, 1, total))
        out[...] = np.where(np.isfinite(largest), value, largest)

    return Fold(
        result=real_result(cells),
        parts=(wide, wide, wide),
        identity=(0.0, 0.0, 0.0),
        combine=combine,
        load=load,
        finish=finish,
    )


def uniform(seed: int, places: Array) -> Array:
    """A number in [0, 1) for each place, a function of the seed and the place alone.

    The finaliser of SplitMix64 (Steele, Lea & Flood 2014), applied to a counter.

    >>> uniform(0, np.arange(3)).round(3).tolist()
    [0.652, 0.701, 0.387]
    """
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    start = _mix(np.array([seed & mask], np.uint64) + np.uint64(golden))[0]
    counter = (places.astype(np.uint64) + np.uint64(1)) * np.uint64(golden)
    bits = _mix(counter + start)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53)


def _mix(bits: Array) -> Array:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
