#include "network.hpp"

#include "gather.hpp"

namespace POOL_NS {
namespace {

// A list of wires whose cells are in order once the steps so far were taken.
struct Wires {
    u8 wire[MOST_WIRES];
    int n = 0;
    void add(u8 w) { wire[n++] = w; }
    u8 operator[](int i) const { return wire[i]; }
};

struct Exchanges {
    Network::Step *step;
    int n = 0;
    void add(u8 i, u8 j) { step[n++] = {i, j, false, false}; }
};

Wires every_second(const Wires &list, int first) {
    Wires half;
    for (int i = first; i < list.n; i += 2)
        half.add(list[i]);
    return half;
}

// Batcher's odd-even merge of two lists of any lengths.
Wires merged(const Wires &a, const Wires &b, Exchanges &exchanges) {
    Wires out;
    if (!a.n || !b.n)
        return a.n ? a : b;
    if (a.n == 1 && b.n == 1) {
        exchanges.add(a[0], b[0]);
        out.add(a[0]);
        out.add(b[0]);
        return out;
    }
    const Wires even = merged(every_second(a, 0), every_second(b, 0), exchanges);
    const Wires odd = merged(every_second(a, 1), every_second(b, 1), exchanges);
    out.add(even[0]);
    int i = 0;
    for (; i < odd.n && i + 1 < even.n; i++) {
        exchanges.add(odd[i], even[i + 1]);
        out.add(odd[i]);
        out.add(even[i + 1]);
    }
    for (int rest = i; rest < odd.n; rest++)
        out.add(odd[rest]);
    for (int rest = i + 1; rest < even.n; rest++)
        out.add(even[rest]);
    return out;
}

Wires sorted(const Wires &list, Exchanges &exchanges) {
    if (list.n < 2)
        return list;
    Wires half[2];
    for (int i = 0; i < list.n; i++)
        half[2 * i >= list.n].add(list[i]);
    const Wires first = sorted(half[0], exchanges), second = sorted(half[1], exchanges);
    return merged(first, second, exchanges);
}

} // namespace

void build_network(Network &network, int wires, int low, int high) {
    network.wires = wires;
    network.low = low;
    network.high = high;
    Wires list;
    for (int i = 0; i < wires; i++)
        list.add(u8(i));
    Exchanges exchanges = {network.step};
    list = sorted(list, exchanges);
    bool needed[MOST_WIRES] = {};
    for (int rank = 0; rank < wires; rank++) {
        network.order[rank] = list[rank];
        needed[list[rank]] = rank >= low && rank <= high;
    }
    int kept = exchanges.n; // from the end: what the wanted ranks depend on
    for (int s = exchanges.n - 1; s >= 0; s--) {
        Network::Step one = network.step[s];
        one.least = needed[one.i];
        one.largest = needed[one.j];
        if (!one.least && !one.largest)
            continue;
        needed[one.i] = needed[one.j] = true;
        network.step[--kept] = one;
    }
    network.steps = exchanges.n - kept;
    for (int s = 0; s < network.steps; s++)
        network.step[s] = network.step[kept + s];
}

bool should_exchange(const pool_call &call, int cell_bytes) {
    const i64 cells = most_real_cells(call);
    if (cells > MOST_WIRES)
        return false;
    constexpr i64 most[] = {256, 256, 169, 100, 64}; // by bytes, where windows could slide
    return windows_of_a_cell(call) < 2 || cells <= most[cell_bytes / 2];
}

} // namespace POOL_NS
