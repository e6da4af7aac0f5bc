// Batcher's odd-even merges (1968) as lists of exchanges, also for the compiler to unroll.
#pragma once

#include "vec.hpp"

namespace POOL_NS {

// An exchange of two wires.
struct Step {
    uint8_t i, j;
    bool least, largest; // whether the minimum is wanted (to i), and the maximum (to j)
};

namespace {

// A list of wires whose cells are in order once the steps so far were taken.
template <int MOST>
struct Wires {
    u8 wire[MOST] = {};
    int n = 0;
    constexpr void add(u8 w) { wire[n++] = w; }
    constexpr u8 operator[](int i) const { return wire[i]; }
};

template <int MOST>
constexpr Wires<MOST> every_second(const Wires<MOST> &list, int first) {
    Wires<MOST> half;
    for (int i = first; i < list.n; i += 2)
        half.add(list[i]);
    return half;
}

// Appends the exchanges that merge two sorted lists; returns the wires in their new order.
template <int MOST>
constexpr Wires<MOST> merged(const Wires<MOST> &a, const Wires<MOST> &b, Step *step, int &steps) {
    Wires<MOST> out;
    if (!a.n || !b.n)
        return a.n ? a : b;
    if (a.n == 1 && b.n == 1) {
        step[steps++] = {a[0], b[0], false, false};
        out.add(a[0]);
        out.add(b[0]);
        return out;
    }
    const Wires<MOST> even = merged(every_second(a, 0), every_second(b, 0), step, steps);
    const Wires<MOST> odd = merged(every_second(a, 1), every_second(b, 1), step, steps);
    out.add(even[0]);
    int i = 0;
    for (; i < odd.n && i + 1 < even.n; i++) {
        step[steps++] = {odd[i], even[i + 1], false, false};
        out.add(odd[i]);
        out.add(even[i + 1]);
    }
    for (int rest = i; rest < odd.n; rest++)
        out.add(odd[rest]);
    for (int rest = i + 1; rest < even.n; rest++)
        out.add(even[rest]);
    return out;
}

template <int MOST>
constexpr Wires<MOST> sorted(const Wires<MOST> &list, Step *step, int &steps) {
    if (list.n < 2)
        return list;
    Wires<MOST> first, second;
    for (int i = 0; i < list.n; i++) {
        if (2 * i < list.n)
            first.add(list[i]);
        else
            second.add(list[i]);
    }
    first = sorted(first, step, steps);
    second = sorted(second, step, steps);
    return merged(first, second, step, steps);
}

// Keep the steps that the needed wires depend on, and of each the half that is needed.
constexpr int pruned(Step *step, int steps, bool *needed) {
    int kept = steps; // from the end
    for (int s = steps - 1; s >= 0; s--) {
        Step one = step[s];
        one.least = needed[one.i];
        one.largest = needed[one.j];
        if (!one.least && !one.largest)
            continue;
        needed[one.i] = needed[one.j] = true;
        step[--kept] = one;
    }
    for (int s = kept; s < steps; s++)
        step[s - kept] = step[s];
    return steps - kept;
}

} // namespace
} // namespace POOL_NS
