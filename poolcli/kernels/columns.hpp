// Folding downwards: for each column of cells one state, of the rows of a window.
#pragma once

#include "states.hpp"

namespace POOL_NS {
namespace {

constexpr i64 MOST_KEPT = 4096; // backward folds of a segment

inline bool is_tall(const pool_windows &h) {
    return shares_work(h) && (h.size + h.step - 1) / h.step <= MOST_KEPT;
}

// Rows that wait to be folded into a tile together, after what in holds, if it is not null.
struct Batch {
    const Kernel &kernel;
    Rows &rows;
    Tile out;
    const Tile *in;
    i64 n;
    RowSet set;

    Batch(const Kernel &kernel, Rows &rows, const Tile &out, const Tile *in, i64 n)
        : kernel(kernel), rows(rows), out(out), in(in), n(n) {
        set.count = 0;
        set.places = rows.places();
        set.call = &rows.call();
        rows.start();
    }
    void add(i64 d, i64 h) {
        set.cells[set.count] = rows.row(d, h, set.valid[set.count]);
        set.place[set.count] = kernel.places ? rows.place(d, h) : 0;
        if (++set.count == MOST_ROWS)
            flush();
    }
    void flush() {
        if (set.count) {
            kernel.fold(out, in, set, n);
            in = &out;
        }
        set.count = 0;
        rows.start();
    }
    ~Batch() {
        flush();
        if (!in)
            kernel.identity(out, n); // a first piece without a row of these windows
    }
};

// The states of columns: windows folded along depth and height.
class Columns {
  public:
    void prepare(const pool_call &call, const Kernel &kernel, i64 most, Arena &arena) {
        call_ = &call;
        kernel_ = &kernel;
        most_ = most;
        rows_.prepare(call, kernel.cell, kernel.counted, most, arena);
        const pool_windows &h = call.spatial[1];
        if (is_tall(h)) {
            const i64 kept = least_of(h.out, (h.size + h.step - 1) / h.step);
            for (i64 i = 0; i < kept; i++) {
                Tile tile = take_tile(kernel, arena, most);
                if (!i)
                    kept_ = tile, kept_step_ = 0;
                if (i == 1)
                    kept_step_ = tile.part[0] - kept_.part[0];
            }
            running_ = take_tile(kernel, arena, most);
        }
    }
    bool knows_type() const { return rows_.knows_type(); }

    void choose(i64 lead0, i64 lead1, i64 first, i64 columns, i64 first_lane, i64 lanes) {
        rows_.choose(lead0, lead1, first, columns, first_lane, lanes);
        if (kernel_->places)
            rows_.number_places();
        n_ = columns * lanes;
        depth_ = segment_ = forward_ = -1;
    }

    // Fold the windows d, h into a tile; with continued into what it holds already.
    void fold(i64 d, i64 h, const Tile &tile, bool continued) {
        const pool_windows &rows = call_->spatial[1];
        if (is_tall(rows))
            return fold_tall(d, h, tile);
        const Cells depths = real_cells(call_->spatial[0], d), heights = real_cells(rows, h);
        const pool_windows &ds = call_->spatial[0];
        Batch batch(*kernel_, rows_, tile, continued ? &tile : nullptr, n_);
        for (i64 i = 0; i < depths.count; i++)
            for (i64 j = 0; j < heights.count; j++) {
                const i64 at = depths.first + i * ds.dilation, row = heights.first + j * rows.dilation;
                if (at >= ds.held && at < ds.stop && row >= rows.held && row < rows.stop)
                    batch.add(at, row); // else it belongs to another piece
            }
    }

    // The rows of the windows d, h, where they are few enough to be folded at once.
    bool few_rows(i64 d, i64 h, RowSet &set) {
        const pool_windows &ds = call_->spatial[0], &hs = call_->spatial[1];
        const Cells depths = real_cells(ds, d), heights = real_cells(hs, h);
        if (is_tall(hs) || depths.count * heights.count > MOST_ROWS)
            return false;
        rows_.start();
        set.count = 0;
        set.places = nullptr;
        set.call = call_;
        for (i64 i = 0; i < depths.count; i++)
            for (i64 j = 0; j < heights.count; j++, set.count++)
                set.cells[set.count] = rows_.row(depths.first + i * ds.dilation,
                                                 heights.first + j * hs.dilation,
                                                 set.valid[set.count]);
        return true;
    }

  private:
    const pool_call *call_;
    const Kernel *kernel_;
    i64 most_, n_;
    Rows rows_;
    Tile kept_, running_;
    i64 kept_step_;
    i64 depth_, segment_, kept_from_; // the segment that is kept, and for windows from which on
    i64 forward_, forward_stop_;      // the segment that is run through, and up to where

    Tile kept(i64 i) const { // each tile takes the same room
        Tile tile = kept_;
        for (int part = 0; part < kernel_->parts; part++)
            tile.part[part] += i * kept_step_;
        return tile;
    }

    void add_depths(Batch &batch, i64 d, i64 row) {
        const Cells depths = real_cells(call_->spatial[0], d);
        for (i64 i = 0; i < depths.count; i++)
            batch.add(depths.first + i * call_->spatial[0].dilation, row);
    }

    void fold_tall(i64 d, i64 h, const Tile &tile) {
        const pool_windows &w = call_->spatial[1];
        const i64 start = window_start(w, h), stop = least_of(start + w.size, w.n);
        if (d != depth_)
            segment_ = forward_ = -1;
        depth_ = d;
        if (start < 0) { // a part of the first segment
            run_forward(d, 0, stop);
            return copy_states(*kernel_, tile, running_, n_);
        }
        const i64 segment = start / w.size, next = (segment + 1) * w.size;
        if (segment != segment_ || h < kept_from_)
            keep(d, h, segment);
        const Tile backward = kept(h - kept_from_);
        if (stop <= next)
            return copy_states(*kernel_, tile, backward, n_);
        run_forward(d, next, stop);
        kernel_->merge(tile, backward, running_, n_);
    }

    // Fold a segment backwards, from its end to the start of each of the block's windows from h on.
    void keep(i64 d, i64 h, i64 segment) {
        const pool_windows &w = call_->spatial[1];
        const i64 next = (segment + 1) * w.size;
        i64 last = h;
        while (last + 1 < w.out && window_start(w, last + 1) < next)
            last++;
        segment_ = segment;
        kept_from_ = h;
        i64 row = least_of(next, w.n);
        for (i64 i = last; i >= h; i--) {
            const Tile to = kept(i - h), from = kept(i + 1 - h);
            Batch batch(*kernel_, rows_, to, i < last ? &from : nullptr, n_);
            while (row > window_start(w, i))
                add_depths(batch, d, --row);
        }
    }

    // Fold rows from the start of a segment up to stop.
    void run_forward(i64 d, i64 start, i64 stop) {
        const bool fresh = forward_ != start || forward_stop_ > stop;
        if (fresh)
            forward_stop_ = start;
        Batch batch(*kernel_, rows_, running_, fresh ? nullptr : &running_, n_);
        for (i64 row = forward_stop_; row < stop; row++)
            add_depths(batch, d, row);
        forward_ = start;
        forward_stop_ = stop;
    }
};

} // namespace
} // namespace POOL_NS
