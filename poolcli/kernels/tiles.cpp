#include "tiles.hpp"

#include "cells.hpp"
#include "keys.hpp"

namespace POOL_NS {
namespace {

constexpr i64 SMALL_TILE = i64(1) << 16, LARGE_TILE = i64(1) << 19;

// Cells of one class of residues.
i64 class_cells(const pool_windows &w) { return (w.n + w.dilation - 1) / w.dilation; }

i64 greatest_divisor(i64 a, i64 b) { return b ? greatest_divisor(b, a % b) : a; }

// How many cells a tile has along each axis at most: more in proportion to a window's the fewer.
void share_out(const pool_windows *axes, i64 most, i64 *sizes) {
    i64 one[3], volume = 1;
    for (int a = 0; a < 3; a++) {
        one[a] = sizes[a] = least_of(axes[a].size, class_cells(axes[a]));
        volume *= one[a];
    }
    bool full[3] = {};
    while (true) {
        int best = -1;
        for (int a = 0; a < 3; a++)
            if (!full[a] && (best < 0 || sizes[a] * one[best] < sizes[best] * one[a]))
                best = a;
        if (best < 0)
            return;
        const i64 others = volume / sizes[best];
        i64 more = least_of(2 * sizes[best], class_cells(axes[best]));
        full[best] = more == sizes[best] || more * others > most;
        more = least_of(more, most_of(sizes[best], most / others));
        sizes[best] = more;
        volume = others * more;
    }
}

} // namespace

bool Tiles::knows_type() const { return rows_.knows_type(); }
i64 Tiles::most_cells() const { return most_; }
i64 Tiles::most_windows() const { return class_[2].windows; }

void Tiles::prepare(const pool_call &call, int cell, Arena &arena) {
    call_ = &call;
    cell_ = cell;
    const i64 wanted = most_of(SMALL_TILE, least_of(LARGE_TILE, 4 * most_real_cells(call)));
    i64 sizes[3];
    share_out(call.spatial, wanted, sizes);
    for (int a = 0; a < 3; a++) {
        const pool_windows &w = call.spatial[a];
        class_[a].most = sizes[a];
        class_[a].windows = least_of(w.out, sizes[a]);
        class_[a].spans = reinterpret_cast<Class::Span *>(
            arena.take(class_[a].windows * i64(sizeof(Class::Span))));
        class_[a].period = w.dilation == 1 ? 1
                           : w.starts      ? w.out
                                           : w.dilation / greatest_divisor(w.dilation, w.step);
    }
    most_ = sizes[0] * sizes[1] * sizes[2];
    const bool marks = call.options & (POOL_SKIP_NAN | POOL_NODATA);
    rows_.prepare(call, cell, marks, (sizes[2] - 1) * call.spatial[2].dilation + 1, arena);
    prepare_order(order, most_, type_size(cell) == 8, arena);
    ranks = reinterpret_cast<u32 *>(arena.take(most_ * 4));
}

void Tiles::start() {
    lead_[0] = lead_[1] = lane_ = 0;
    for (int a = 0; a < 3; a++) {
        class_[a].number = class_[a].first = 0;
        windows[a] = 0;
    }
    fresh_ = true;
}

bool Tiles::next() {
    if (!fresh_ && !next_place())
        return false;
    fresh_ = false;
    cut();
    load();
    sort_order(order);
    for (i64 rank = 0; rank < order.n; rank++)
        ranks[order.cells[order.now][rank]] = u32(rank);
    return true;
}

// The next windows along the axes, the next classes, lanes and lead indices, like an odometer.
bool Tiles::next_place() {
    const pool_call &call = *call_;
    for (int a = 2; a >= 0; a--) {
        class_[a].first += windows[a];
        if (class_[a].first < windows_of_class(a))
            return true;
        class_[a].first = 0;
    }
    for (int a = 2; a >= 0; a--) {
        if (++class_[a].number < least_of(class_[a].period, call.spatial[a].out))
            return true;
        class_[a].number = 0;
    }
    if (++lane_ < call.inner.count)
        return true;
    lane_ = 0;
    for (int i = 1; i >= 0; i--) {
        if (++lead_[i] < call.lead[i].count)
            return true;
        lead_[i] = 0;
    }
    return false;
}

i64 Tiles::windows_of_class(int axis) const {
    const Class &c = class_[axis];
    return (call_->spatial[axis].out - c.number + c.period - 1) / c.period;
}

// The cells of a window of the class, as the class counts both.
Cells Tiles::cells(int axis, i64 window) const {
    const pool_windows &w = call_->spatial[axis];
    const Cells real = real_cells(w, class_[axis].number + window * class_[axis].period);
    return {real.first / w.dilation, real.count};
}

void Tiles::cut() {
    for (int a = 0; a < 3; a++) {
        Class &c = class_[a];
        const i64 last = least_of(windows_of_class(a), c.first + c.windows);
        c.low = cells(a, c.first).first;
        size[a] = 0;
        windows[a] = 0;
        for (i64 i = c.first; i < last; i++) {
            const Cells more = cells(a, i);
            const i64 low = more.first - c.low, end = most_of(size[a], low + more.count);
            if (windows[a] && (end > c.most || low < 0))
                break;
            size[a] = end;
            c.spans[windows[a]++] = {low, more.count};
        }
    }
}

void Tiles::load() {
    const pool_windows *axes = call_->spatial;
    i64 first[3];
    for (int a = 0; a < 3; a++) {
        const i64 start = real_cells(axes[a], class_[a].number).first;
        first[a] = class_[a].low * axes[a].dilation + start % axes[a].dilation;
    }
    rows_.choose(lead_[0], lead_[1], first[2], (size[2] - 1) * axes[2].dilation + 1, lane_, 1);
    for_type(cell_, [&](auto zero) { // a template of the class would be a weak symbol
        using T = decltype(zero);
        using K = Key<T>;
        auto keys = reinterpret_cast<K *>(order.keys[0]);
        u32 *cells = order.cells[0];
        const i64 step = axes[2].dilation, pitch = rows_.pitch() * step;
        i64 n = 0, lost = 0;
        for (i64 d = 0; d < size[0]; d++)
            for (i64 h = 0; h < size[1]; h++) {
                const u8 *valid;
                rows_.start();
                auto row = reinterpret_cast<const T *>(
                    rows_.row(first[0] + d * axes[0].dilation, first[1] + h * axes[1].dilation, valid));
                for (i64 w = 0; w < size[2]; w++) {
                    const u32 cell = u32((w * size[0] + d) * size[1] + h);
                    if (valid && !valid[w * step]) {
                        ranks[cell] = MISSING;
                        continue;
                    }
                    const T x = row[w * pitch];
                    lost += x != x;
                    keys[n] = key_of(x);
                    cells[n++] = cell;
                }
            }
        order.n = n;
        nans = n - lost;
        return 0;
    });
}

i64 Tiles::place(u32 cell) const {
    const pool_windows *axes = call_->spatial;
    const i64 at[3] = {cell / size[1] % size[0], cell % size[1], cell / size[1] / size[0]};
    i64 place = call_->cell_base + lane_ * call_->inner.cell_coef +
                distance(lead_[0], call_->lead[0].cell_coef, lead_[1], call_->lead[1].cell_coef);
    for (int a = 0; a < 3; a++) {
        const i64 start = real_cells(axes[a], class_[a].number).first;
        const i64 absolute = (class_[a].low + at[a]) * axes[a].dilation + start % axes[a].dilation;
        place += absolute * axes[a].cell_coef;
    }
    return place;
}

Box Tiles::box(i64 d, i64 h, i64 w) const {
    const i64 window[3] = {d, h, w};
    Box box;
    for (int a = 0; a < 3; a++) {
        const Class::Span &span = class_[a].spans[window[a]];
        box.low[a] = span.first;
        box.high[a] = span.first + span.count;
    }
    return box;
}

char *Tiles::results(i64 d, i64 h, Grid &grid) const {
    const pool_call &call = *call_;
    const i64 window[3] = {d, h, 0};
    char *out = static_cast<char *>(call.out) + lane_ * call.inner.out_stride +
                distance(lead_[0], call.lead[0].out_stride, lead_[1], call.lead[1].out_stride);
    for (int a = 0; a < 3; a++)
        out += (class_[a].number + (class_[a].first + window[a]) * class_[a].period) *
               call.spatial[a].out_stride;
    grid = {windows[2], 1, class_[2].period * call.spatial[2].out_stride, call.inner.out_stride};
    return out;
}

} // namespace POOL_NS
