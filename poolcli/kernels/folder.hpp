// One kernel's way from cells to results, for one output row of a strip at a time.
#pragma once

#include "columns.hpp"
#include "picks.hpp"
#include "strips.hpp"

namespace POOL_NS {
namespace {

class Folder {
  public:
    void prepare(pool_call &call, const Kernel &kernel, const Cut &cut, Arena &arena) {
        call_ = &call;
        kernel_ = &kernel;
        cut_ = cut;
        const i64 cells = cut.columns * cut.lanes, outs = cut.outputs * cut.lanes;
        columns_.prepare(call, kernel, cells, arena);
        down_ = take_tile(kernel, arena, cells);
        runs_ = take_tile(kernel, arena, cells);
        dense_ = take_tile(kernel, arena, most_of(cells, outs));
        partial_ = take_tile(kernel, arena, INTERLEAVED * cut.lanes);
        across_ = take_tile(kernel, arena, outs);
        dense_results_ = arena.take(cells * type_size(kernel.result));
        results_ = arena.take(outs * type_size(kernel.result));
        norms_ = reinterpret_cast<f64 *>(arena.take(outs * 8));
        real_ = reinterpret_cast<i64 *>(arena.take(cut.outputs * 8));
        padded_ = reinterpret_cast<i64 *>(arena.take(cut.outputs * 8));
        first_ = reinterpret_cast<i32 *>(arena.take(cut.outputs * 4));
        count_ = reinterpret_cast<i32 *>(arena.take(cut.outputs * 4));
        short_ = reinterpret_cast<u8 *>(arena.take(outs));
    }
    bool knows_type() const { return columns_.knows_type(); }
    const Kernel &kernel() const { return *kernel_; }

    void choose(i64 lead0, i64 lead1, const Strip &strip) {
        lead0_ = lead0;
        lead1_ = lead1;
        strip_ = strip;
        if (!cut_.chunks)
            columns_.choose(lead0, lead1, strip.x0, strip.x1 - strip.x0, strip.lane0, strip.lanes);
        measure();
        real_columns_ = shifted(*kernel_, down_, strip.before * strip.lanes);
        if (strip.before)
            kernel_->identity(down_, strip.before * strip.lanes);
        if (strip.after)
            kernel_->identity(shifted(*kernel_, real_columns_, (strip.x1 - strip.x0) * strip.lanes),
                              strip.after * strip.lanes);
    }

    // The results of one row of the strip, where the caller wants them or else in memory of ours;
    // says where. columns: their states where they are known already.
    const char *row(i64 d, i64 h, const Tile *columns, char *results) {
        Finish how = {call_, nullptr, 1};
        if (kernel_->divides)
            set_norms(d, h, how);
        char *to = results ? results : results_;
        if (strip_.whole && !columns && short_cut(d, h, how, to))
            return to;
        known_ = down_;
        if (columns && (strip_.before || strip_.after))
            copy_states(*kernel_, real_columns_, *columns, (strip_.x1 - strip_.x0) * strip_.lanes);
        else if (columns)
            known_ = *columns;
        else if (!cut_.chunks)
            columns_.fold(d, h, real_columns_, false);
        across(d, h, columns || !cut_.chunks);
        finish(d, h, how);
        return results_;
    }

    // Fold rows of one window into the states of columns, for windows that come in pieces.
    void piece(i64 lead0, i64 lead1, const Strip &part, const Tile &states, bool continued) {
        columns_.choose(lead0, lead1, part.x0, part.x1 - part.x0, part.lane0, part.lanes);
        columns_.fold(0, 0, states, continued);
    }

  private:
    pool_call *call_;
    const Kernel *kernel_;
    Cut cut_;
    Columns columns_;
    Tile down_, real_columns_, runs_, dense_, partial_, across_, known_;
    char *results_, *dense_results_;
    f64 *norms_;
    i64 *real_, *padded_;   // of each window of the strip: real cells, and with explicit padding
    i32 *first_, *count_;   // its columns, from the strip's first on
    bool alike_, serial_;   // all have the same counts; few enough columns to go one by one
    u8 *short_;
    Strip strip_;
    i64 lead0_, lead1_;

    void measure() {
        const pool_windows &w = call_->spatial[2];
        alike_ = serial_ = true;
        for (i64 i = strip_.w0; i < strip_.w1; i++) {
            const i64 at = i - strip_.w0;
            const Cells cells = real_cells(w, i);
            real_[at] = cells.count;
            padded_[at] = padded_count(w, i);
            first_[at] = i32(cells.first - strip_.x0);
            count_[at] = i32(cells.count);
            alike_ = alike_ && real_[at] == real_[0] && padded_[at] == padded_[0];
            serial_ = serial_ && cells.count <= MOST_SERIAL;
        }
        serial_ = serial_ && w.dilation == 1;
    }

    // Small windows that are all alike, on a way of their own through fewer passes.
    bool short_cut(i64 d, i64 h, const Finish &how, char *results) {
        const pool_windows &w = call_->spatial[2];
        const i64 lanes = strip_.lanes, n = strip_.outs();
        RowSet rows;
        if (halves(*call_, *kernel_) && columns_.few_rows(d, h, rows)) {
            kernel_->halve(how, rows, int(w.size), n, results);
            return true;
        }
        if (!kernel_->slide_finish || shares_work(w) || w.size > MOST_SERIAL || cut_.chunks || how.norms)
            return false;
        const i64 size = type_size(kernel_->result), shift = w.dilation * lanes;
        const bool apart = w.step > 1 && lanes < 8; // results are close: all, and then the wanted
        if (apart && (size > 4 || w.step > 4))
            return false;
        columns_.fold(d, h, real_columns_, false);
        if (w.step == 1) {
            kernel_->slide_finish(how, down_, int(w.size), shift, n, results);
            return true;
        }
        if (apart) {
            const i64 count = strip_.w1 - strip_.w0, all = ((count - 1) * w.step + 1) * lanes;
            kernel_->slide_finish(how, down_, int(w.size), shift, all, dense_results_);
            pick_groups(results, dense_results_, lanes * size, count, w.step);
            return true;
        }
        for (i64 i = 0; i < strip_.w1 - strip_.w0; i++)
            kernel_->slide_finish(how, shifted(*kernel_, down_, i * w.step * lanes), int(w.size), shift,
                                  lanes, results + i * lanes * size);
        return true;
    }

    // The states of real columns from x on: known, or folded now.
    Tile columns_from(i64 d, i64 h, i64 x, i64 count, bool known) {
        if (known)
            return shifted(*kernel_, known_, (x - strip_.x0 + strip_.before) * strip_.lanes);
        columns_.choose(lead0_, lead1_, x, count, strip_.lane0, strip_.lanes);
        columns_.fold(d, h, down_, false);
        return down_;
    }

    void across(i64 d, i64 h, bool known) {
        const pool_windows &w = call_->spatial[2];
        const i64 lanes = strip_.lanes, count = strip_.w1 - strip_.w0;
        const bool close = w.step * lanes <= 64 && w.size <= MOST_SERIAL;
        if (strip_.whole && known && (shares_work(w) || (close && count > 1)))
            return together();
        if (known && serial_ && count > 1)
            return uneven(shifted(*kernel_, known_, strip_.before * lanes), count);
        for (i64 i = 0; i < count; i++)
            one(d, h, strip_.w0 + i, shifted(*kernel_, across_, i * lanes), known);
    }

    // Windows of some columns each, one column of all windows after another.
    void uneven(const Tile &real, i64 count) {
        const i64 lanes = strip_.lanes;
        if (lanes > 1) {
            for (i64 i = 0; i < count; i++)
                kernel_->slide(shifted(*kernel_, across_, i * lanes),
                               shifted(*kernel_, real, first_[i] * lanes), count_[i], lanes, lanes);
            return;
        }
        kernel_->identity(partial_, 1);
        gather(across_, real, 0, count);
        i64 most = 0;
        for (i64 i = 0; i < count; i++)
            most = most_of(most, count_[i]);
        for (i64 k = 1; k < most; k++) {
            gather(dense_, real, k, count);
            kernel_->merge(across_, across_, dense_, count);
        }
    }

    // Column number k of each window, or the state of none where it has fewer.
    void gather(const Tile &out, const Tile &real, i64 k, i64 count) {
        for (int part = 0; part < kernel_->parts; part++)
            gather_part(kernel_->part_size[part], real.part[part], partial_.part[part], out.part[part],
                        k, count);
    }
    void gather_part(int size, const char *in, const char *none, char *out, i64 k, i64 count) {
        switch (size) {
        case 1: return gather_typed<u8>(in, none, out, k, count);
        case 2: return gather_typed<u16>(in, none, out, k, count);
        case 4: return gather_typed<u32>(in, none, out, k, count);
        case 8: return gather_typed<u64>(in, none, out, k, count);
        }
    }
    template <class T>
    void gather_typed(const char *in, const char *none, char *out, i64 k, i64 count) {
        for (i64 i = 0; i < count; i++) {
            const char *from = k < count_[i] ? in + (first_[i] + k) * i64(sizeof(T)) : none;
            __builtin_memcpy(out + i * i64(sizeof(T)), from, sizeof(T)); // states may stand anywhere
        }
    }

    // One window.
    void one(i64 d, i64 h, i64 i, const Tile &out, bool known) {
        const pool_windows &w = call_->spatial[2];
        const Cells cells = real_cells(w, i);
        const i64 lanes = strip_.lanes;
        if (cells.count <= MOST_SERIAL || w.dilation > 1) {
            const i64 reach = (cells.count - 1) * w.dilation + 1;
            const Tile in = columns_from(d, h, cells.first, reach, known);
            return kernel_->slide(out, in, int(cells.count), w.dilation * lanes, lanes);
        }
        kernel_->identity(partial_, INTERLEAVED * lanes);
        const i64 chunk = known ? cells.count : cut_.columns;
        for (i64 first = 0; first < cells.count; first += chunk) {
            const i64 some = least_of(chunk, cells.count - first);
            const Tile in = columns_from(d, h, cells.first + first, some, known);
            for (i64 x = 0; x < some; x += INTERLEAVED)
                kernel_->merge(partial_, partial_, shifted(*kernel_, in, x * lanes),
                               least_of(INTERLEAVED, some - x) * lanes);
        }
        for (i64 half = INTERLEAVED / 2; half > 1; half /= 2)
            kernel_->merge(partial_, partial_, shifted(*kernel_, partial_, half * lanes), half * lanes);
        kernel_->merge(out, partial_, shifted(*kernel_, partial_, lanes), lanes);
    }

    // All windows of a strip of whole ones: at every column between, then the wanted ones.
    void together() {
        const pool_windows &w = call_->spatial[2];
        const i64 lanes = strip_.lanes, count = strip_.w1 - strip_.w0;
        const i64 n = ((count - 1) * w.step + 1) * lanes;
        const Tile &dense = w.step == 1 ? across_ : dense_;
        if (shares_work(w))
            double_up(dense, known_, n);
        else
            kernel_->slide(dense, known_, int(w.size), w.dilation * lanes, n);
        if (w.step > 1)
            pick(across_, dense, count, w.step, lanes);
    }

    void double_up(const Tile &out, const Tile &in, i64 n) {
        const i64 lanes = strip_.lanes, size = call_->spatial[2].size;
        Tile runs = in; // of 1, 2, 4 ... columns
        bool any = false;
        i64 taken = 0, run = 1;
        for (; run <= size; run *= 2) {
            if ((size & run) && !kernel_->picks) {
                const Tile there = shifted(*kernel_, runs, taken * lanes);
                if (any)
                    kernel_->merge(out, out, there, n);
                else
                    copy_states(*kernel_, out, there, n);
                any = true;
                taken += run;
            }
            if (2 * run > size)
                break;
            // In place: what is read lies before nothing that was written.
            const i64 m = n + (size - 2 * run) * lanes;
            kernel_->merge(runs_, runs, shifted(*kernel_, runs, run * lanes), m);
            runs = runs_;
        }
        if (kernel_->picks) // two runs that may overlap
            kernel_->merge(out, runs, shifted(*kernel_, runs, (size - run) * lanes), n);
    }

    void pick(const Tile &out, const Tile &in, i64 count, i64 step, i64 lanes) {
        for (int part = 0; part < kernel_->parts; part++)
            pick_groups(out.part[part], in.part[part], lanes * kernel_->part_size[part], count, step);
    }

    // ---- results ------------------------------------------------------------------------------

    void finish(i64 d, i64 h, const Finish &how) {
        const i64 n = strip_.outs();
        Finish counted = how;
        if (kernel_->counted && kernel_->divides)
            count_norms(d, h, counted);
        const bool any = kernel_->counted && mark_short(d, h);
        kernel_->finish(counted, across_, n, results_);
        for (i64 i = 0; any && i < n; i++)
            if (short_[i])
                fill(i);
    }

    i64 real_rows(i64 d, i64 h) const {
        return real_cells(call_->spatial[0], d).count * real_cells(call_->spatial[1], h).count;
    }

    // The divisors where no cell can be missing.
    void set_norms(i64 d, i64 h, Finish &how) {
        if (call_->options & POOL_DIVISOR) {
            how.norm = call_->divisor;
            return;
        }
        const bool pads = call_->options & POOL_COUNT_PAD;
        const i64 rows = pads ? padded_count(call_->spatial[0], d) * padded_count(call_->spatial[1], h)
                              : real_rows(d, h);
        const i64 *columns = pads ? padded_ : real_;
        how.norm = f64(rows * columns[0]);
        if (alike_)
            return;
        const i64 count = strip_.w1 - strip_.w0;
        how.norms = norms_;
        if (strip_.lanes == 1) {
            for (i64 i = 0; i < count; i++)
                norms_[i] = f64(rows * columns[i]);
            return;
        }
        for (i64 i = 0, at = 0; i < count; i++)
            for (i64 lane = 0; lane < strip_.lanes; lane++)
                norms_[at++] = f64(rows * columns[i]);
    }

    // Where some can, less the missing ones.
    void count_norms(i64 d, i64 h, Finish &how) {
        if (call_->options & POOL_DIVISOR)
            return;
        const bool pads = call_->options & POOL_COUNT_PAD;
        const i64 rows = real_rows(d, h);
        const i64 padded = padded_count(call_->spatial[0], d) * padded_count(call_->spatial[1], h);
        auto valid = reinterpret_cast<const i64 *>(across_.part[0]);
        for (i64 i = 0, at = 0; i < strip_.w1 - strip_.w0; i++) {
            const i64 more = pads ? padded * padded_[i] - rows * real_[i] : 0;
            for (i64 lane = 0; lane < strip_.lanes; lane++, at++)
                norms_[at] = f64(valid[at] + more);
        }
        how.norms = norms_;
    }

    // Windows with too few cells are windows of none: the op does not see what they have.
    bool mark_short(i64 d, i64 h) {
        const i64 rows = real_rows(d, h);
        auto valid = reinterpret_cast<const i64 *>(across_.part[0]);
        bool any = false;
        for (i64 i = 0, at = 0; i < strip_.w1 - strip_.w0; i++) {
            const __int128 least = __int128(rows * real_[i]) * call_->least_num;
            for (i64 lane = 0; lane < strip_.lanes; lane++, at++) {
                short_[at] = !valid[at] || __int128(valid[at]) * call_->least_den < least;
                if (short_[at])
                    kernel_->identity(shifted(*kernel_, across_, at), 1);
                any = any || short_[at];
            }
        }
        return any;
    }

    void fill(i64 at) {
        char *to = results_ + at * type_size(kernel_->result);
        if (kernel_->result == POOL_F32) {
            const f32 value = f32(call_->fill_float);
            __builtin_memcpy(to, &value, 4);
        } else if (kernel_->result == POOL_F64) {
            __builtin_memcpy(to, &call_->fill_float, 8);
        } else {
            const bool wide_unsigned = call_->out_type == POOL_U64 || call_->fill_int >= 0;
            const Wide value = {u64(call_->fill_int), wide_unsigned ? 0 : -1};
            __builtin_memcpy(to, &value, u64(type_size(kernel_->result))); // little-endian
        }
    }
};

} // namespace
} // namespace POOL_NS
