#include "gather.hpp"

namespace POOL_NS {
namespace {

constexpr i64 GROUP_BYTES = 24 << 10;  // of a group's cells
constexpr i64 LEAST_BYTES = 256 << 10; // of so many as make whole vectors
constexpr i64 MOST_WINDOWS = 2048;
constexpr i64 SOME_BYTES = 128; // of the same cell of several windows: two vectors
constexpr i64 MOST_WIDTH = 8192; // cells of a row that are read for a group of more than one window

// Of columns of pitch cells, lanes of n of them side by side: every step-th, or those at offsets.
template <class T>
void take(const char *row, i64 pitch, const i64 *offsets, i64 step, i64 n, i64 lanes, char *to) {
    auto x = reinterpret_cast<const T *>(row);
    auto y = reinterpret_cast<T *>(to);
    if (step == 1 && pitch == lanes)
        __builtin_memcpy(y, x, u64(n * lanes) * sizeof(T));
    else if (step && lanes == 1)
        for (i64 i = 0; i < n; i++)
            y[i] = x[i * step * pitch];
    else
        for (i64 i = 0; i < n; i++, y += lanes)
            __builtin_memcpy(y, x + offsets[i] * pitch, u64(lanes) * sizeof(T));
}

void take_cells(int size, const char *row, i64 pitch, const i64 *offsets, i64 step, i64 n, i64 lanes,
                char *to) {
    switch (size) {
    case 1: return take<u8>(row, pitch, offsets, step, n, lanes, to);
    case 2: return take<u16>(row, pitch, offsets, step, n, lanes, to);
    case 4: return take<u32>(row, pitch, offsets, step, n, lanes, to);
    case 8: return take<u64>(row, pitch, offsets, step, n, lanes, to);
    }
}

i64 whole_vectors(i64 n, i64 size) {
    const i64 lanes = VECTOR_BYTES / size;
    return (n + lanes - 1) / lanes * lanes;
}

i64 reach_of(const pool_windows &w) { // of the largest window
    return least_of(w.n, (w.size - 1) * w.dilation + 1);
}

} // namespace

i64 most_real_cells(const pool_call &call) {
    i64 cells = 1;
    for (const pool_windows &w : call.spatial)
        cells *= least_of(w.size, (w.n + w.dilation - 1) / w.dilation);
    return cells;
}

f64 windows_of_a_cell(const pool_call &call) {
    f64 windows = 1;
    for (const pool_windows &w : call.spatial)
        windows *= f64(least_of(w.size, w.n)) * f64(w.total) / f64(w.n);
    return windows;
}

i64 gathered_windows(const pool_call &call, i64 cell_bytes) {
    const i64 one = most_real_cells(call) * cell_bytes;
    const i64 several = most_of(1, least_of(SOME_BYTES / cell_bytes, LEAST_BYTES / one));
    return least_of(MOST_WINDOWS, most_of(several, GROUP_BYTES / one));
}

void Gather::prepare(const pool_call &call, int cell, i64 windows, Arena &arena) {
    const pool_windows &w = call.spatial[2];
    call_ = &call;
    cell_size_ = type_size(cell);
    lanes_ = least_of(call.inner.count, windows);
    windows_ = lanes_ * least_of(w.out, most_of(1, windows / lanes_));
    width_ = least_of(w.n * lanes_, most_of(MOST_WIDTH, reach_of(w) * lanes_));
    const bool marks = call.options & (POOL_SKIP_NAN | POOL_NODATA);
    rows_.prepare(call, cell, marks, width_, arena);
    const i64 room = most_real_cells(call) * whole_vectors(windows_, cell_size_);
    values_ = arena.take(room * cell_size_);
    valid_ = marks ? reinterpret_cast<u8 *>(arena.take(room)) : nullptr;
    offsets_ = reinterpret_cast<i64 *>(arena.take((windows_ / lanes_) * 8));
}

void Gather::start() {
    lead_[0] = lead_[1] = 0;
    next_w_ = 0;
    group_.lane = 0;
    group_.w = -1;
}

// Groups go down their columns, so that rows are read once for windows that overlap.
bool Gather::next() {
    const pool_windows *axes = call_->spatial;
    if (group_.w < 0 || (++group_.h == axes[1].out && ++group_.d == axes[0].out)) {
        if (!next_columns())
            return false;
        choose_columns();
        group_.d = group_.h = 0;
    } else if (group_.h == axes[1].out) {
        group_.h = 0;
    }
    gather();
    place_results();
    return true;
}

bool Gather::next_columns() {
    const pool_call &call = *call_;
    if (next_w_ == call.spatial[2].out) {
        next_w_ = 0;
        group_.lane += group_.lanes;
        if (group_.lane == call.inner.count) {
            group_.lane = 0;
            if (++lead_[1] == call.lead[1].count) {
                lead_[1] = 0;
                if (++lead_[0] == call.lead[0].count)
                    return false;
            }
        }
    }
    return true;
}

// The windows from next_w_ on that have as many cells as the first, as far as they fit.
void Gather::choose_columns() {
    const pool_windows &w = call_->spatial[2];
    Gathered &g = group_;
    g.lanes = least_of(lanes_, call_->inner.count - g.lane);
    g.w = next_w_;
    const Cells one = real_cells(w, g.w);
    const i64 most = windows_ / g.lanes, reach = (one.count - 1) * w.dilation + 1;
    first_ = one.first;
    reach_ = reach;
    g.columns = 1;
    offsets_[0] = 0;
    step_ = 1;
    for (i64 i = g.w + 1; i < w.out && g.columns < most; i++) {
        const Cells next = real_cells(w, i);
        const i64 end = next.first + reach - first_, offset = next.first - first_;
        if (next.count != one.count || end * g.lanes > width_ || next.first < first_)
            break;
        if (g.columns == 1)
            step_ = offset;
        else if (offset != step_ * g.columns)
            step_ = 0;
        offsets_[g.columns++] = offset;
        reach_ = most_of(reach_, end);
    }
    next_w_ = g.w + g.columns;
    g.n = g.columns * g.lanes;
    g.pitch = whole_vectors(g.n, cell_size_);
    rows_.choose(lead_[0], lead_[1], first_, reach_, g.lane, g.lanes);
}

void Gather::gather() {
    const pool_windows *axes = call_->spatial;
    Gathered &g = group_;
    const Cells depths = real_cells(axes[0], g.d), heights = real_cells(axes[1], g.h);
    const i64 count = real_cells(axes[2], g.w).count, pitch = rows_.pitch();
    i64 at = 0;
    for (i64 a = 0; a < depths.count; a++)
        for (i64 b = 0; b < heights.count; b++) {
            const u8 *valid;
            rows_.start();
            const char *row = rows_.row(depths.first + a * axes[0].dilation,
                                        heights.first + b * axes[1].dilation, valid);
            for (i64 c = 0; c < count; c++, at += g.pitch) {
                const i64 column = c * axes[2].dilation;
                take_cells(cell_size_, row + column * pitch * cell_size_, pitch, offsets_, step_,
                           g.columns, g.lanes, values_ + at * cell_size_);
                if (valid)
                    take_cells(1, reinterpret_cast<const char *>(valid) + column * g.lanes, g.lanes,
                               offsets_, step_, g.columns, g.lanes, reinterpret_cast<char *>(valid_) + at);
            }
        }
    g.cells = depths.count * heights.count * count;
    g.values = values_;
    g.valid = valid_;
}

void Gather::place_results() {
    const pool_call &call = *call_;
    const pool_windows *axes = call.spatial;
    Gathered &g = group_;
    g.grid = {g.columns, g.lanes, axes[2].out_stride, call.inner.out_stride};
    g.out = static_cast<char *>(call.out) +
            distance(lead_[0], call.lead[0].out_stride, lead_[1], call.lead[1].out_stride) +
            distance(g.d, axes[0].out_stride, g.h, axes[1].out_stride) +
            distance(g.w, axes[2].out_stride, g.lane, call.inner.out_stride);
}

void Gather::cell_places(i64 *places) const {
    const pool_windows *axes = call_->spatial;
    const Cells depths = real_cells(axes[0], group_.d), heights = real_cells(axes[1], group_.h);
    const i64 count = real_cells(axes[2], group_.w).count;
    i64 k = 0;
    for (i64 a = 0; a < depths.count; a++)
        for (i64 b = 0; b < heights.count; b++) {
            const i64 row = rows_.place(depths.first + a * axes[0].dilation,
                                        heights.first + b * axes[1].dilation);
            for (i64 c = 0; c < count; c++)
                places[k++] = row + c * axes[2].dilation * axes[2].cell_coef;
        }
}

void Gather::window_places(i64 *places) const {
    const i64 column = call_->spatial[2].cell_coef, lane = call_->inner.cell_coef;
    for (i64 c = 0; c < group_.columns; c++)
        for (i64 l = 0; l < group_.lanes; l++)
            *places++ = offsets_[c] * column + l * lane;
}

void Gather::window_numbers(i64 *numbers) const {
    const pool_call &call = *call_;
    const pool_windows *axes = call.spatial;
    const Gathered &g = group_;
    const i64 base = call.window_base +
                     distance(lead_[0], call.lead[0].window_coef, lead_[1], call.lead[1].window_coef) +
                     distance(g.d, axes[0].window_coef, g.h, axes[1].window_coef);
    for (i64 c = 0; c < g.columns; c++)
        for (i64 l = 0; l < g.lanes; l++)
            *numbers++ = base + distance(g.w + c, axes[2].window_coef, g.lane + l, call.inner.window_coef);
}

void count_valid(const Gathered &g, i64 *counts) {
    for (i64 i = 0; i < g.n; i++)
        counts[i] = g.valid ? 0 : g.cells;
    if (!g.valid)
        return;
    for (i64 k = 0; k < g.cells; k++)
        for (i64 i = 0; i < g.n; i++)
            counts[i] += g.valid[k * g.pitch + i];
}

bool is_short(const pool_call &call, i64 valid, i64 real) {
    return !valid || valid * call.least_den < real * call.least_num;
}

void write_fill(const pool_call &call, int result, char *to) {
    if (result == POOL_F32) {
        const f32 value = f32(call.fill_float);
        __builtin_memcpy(to, &value, 4);
    } else if (result == POOL_F64) {
        __builtin_memcpy(to, &call.fill_float, 8);
    } else {
        const bool positive = call.out_type == POOL_U64 || call.fill_int >= 0;
        const Wide value = {u64(call.fill_int), positive ? 0 : -1};
        __builtin_memcpy(to, &value, u64(type_size(result))); // little-endian
    }
}

void fill_short(const pool_call &call, int result, void *results, const Gathered &g, const i64 *counts) {
    if (!g.valid)
        return;
    const i64 size = type_size(result);
    for (i64 i = 0; i < g.n; i++)
        if (is_short(call, counts[i], g.cells))
            write_fill(call, result, static_cast<char *>(results) + i * size);
}

} // namespace POOL_NS
