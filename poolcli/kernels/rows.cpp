#include "rows.hpp"

namespace POOL_NS {

char *Arena::take(i64 bytes) {
    char *piece = base ? base + used : nullptr;
    used += (bytes + 127) / 64 * 64;
    return piece;
}

void Rows::start() { batch_++; }
i64 Rows::pitch() const { return direct_ ? call_->inner.count : lanes_; }
const i64 *Rows::places() const { return places_; }
const pool_call &Rows::call() const { return *call_; }
bool Rows::knows_type() const { return direct_ || load_; }

namespace {

// Whether cells stand where the processor wants numbers of their size: others are copied, so that
// all kernels may read cells as what they are.
bool is_aligned(const pool_call &call, i64 size) {
    u64 bits = reinterpret_cast<u64>(call.in);
    for (const pool_windows &w : call.spatial)
        bits |= w.stop - w.held > 1 ? u64(w.in_stride) : 0;
    for (const pool_axis &axis : call.lead)
        bits |= axis.count > 1 ? u64(axis.in_stride) : 0;
    return (bits & u64(size - 1)) == 0;
}

} // namespace

void Rows::prepare(const pool_call &call, int cell, bool marks, i64 most, Arena &arena) {
    const pool_axis &inner = call.inner;
    const i64 in_size = type_size(call.in_type);
    call_ = &call;
    marks_ = marks;
    batch_ = 0;
    next_ = 0;
    most_ = most;
    cell_size_ = type_size(cell);
    const bool swap = (call.options & POOL_SWAP_IN) && in_size > 1;
    load_ = find_load(call.in_type, swap, cell);
    const bool own = cell == call.in_type || (cell == POOL_U8 && call.in_type == POOL_BOOL);
    const bool runs = inner.count == 1 || inner.in_stride == in_size;
    const bool flat = call.spatial[2].in_stride == inner.count * in_size;
    direct_ = own && !swap && runs && flat && inner.count <= MOST_LANES && is_aligned(call, in_size);
    cells_ = direct_ ? nullptr : arena.take(SLOTS * most * cell_size_);
    valid_ = marks ? reinterpret_cast<u8 *>(arena.take(SLOTS * most)) : nullptr;
    places_ = reinterpret_cast<i64 *>(arena.take(most * 8));
}

void Rows::choose(i64 lead0, i64 lead1, i64 first_column, i64 columns, i64 first_lane, i64 lanes) {
    const pool_call &call = *call_;
    base_ = static_cast<const char *>(call.in) +
            distance(lead0, call.lead[0].in_stride, lead1, call.lead[1].in_stride);
    lead_place_ = call.cell_base + distance(lead0, call.lead[0].cell_coef, lead1, call.lead[1].cell_coef);
    first_column_ = first_column;
    columns_ = columns;
    first_lane_ = first_lane;
    lanes_ = lanes;
    grid_ = {columns, lanes, call.spatial[2].in_stride, call.inner.in_stride};
    for (Slot &slot : slots_)
        slot = {-1, -1, -1};
}

const char *Rows::row(i64 d, i64 h, const u8 *&valid) {
    const pool_call &call = *call_;
    const pool_windows *axes = call.spatial;
    const char *in = base_ + (d - axes[0].held) * axes[0].in_stride +
                     (h - axes[1].held) * axes[1].in_stride +
                     (first_column_ - axes[2].held) * axes[2].in_stride +
                     first_lane_ * call.inner.in_stride;
    const bool direct = direct_;
    valid = nullptr;
    if (direct && !marks_)
        return in;
    int at = -1;
    for (int slot = 0; slot < SLOTS; slot++)
        if (slots_[slot].d == d && slots_[slot].h == h)
            at = slot;
    if (at < 0) {
        while (slots_[next_].batch == batch_)
            next_ = (next_ + 1) % SLOTS;
        at = next_;
        next_ = (next_ + 1) % SLOTS;
        slots_[at].d = d;
        slots_[at].h = h;
        if (!direct)
            load_(in, grid_, cells_ + at * most_ * cell_size_);
        if (marks_)
            mark_valid(call, in, grid_, valid_ + at * most_);
    }
    slots_[at].batch = batch_;
    if (marks_)
        valid = valid_ + at * most_;
    return direct ? in : cells_ + at * most_ * cell_size_;
}

i64 Rows::place(i64 d, i64 h) const {
    const pool_windows *axes = call_->spatial;
    return lead_place_ + d * axes[0].cell_coef + h * axes[1].cell_coef +
           first_column_ * axes[2].cell_coef + first_lane_ * call_->inner.cell_coef;
}

void Rows::number_places() {
    i64 i = 0;
    for (i64 column = 0; column < columns_; column++)
        for (i64 lane = 0; lane < lanes_; lane++)
            places_[i++] = column * call_->spatial[2].cell_coef + lane * call_->inner.cell_coef;
}

} // namespace POOL_NS
