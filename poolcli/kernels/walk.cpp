// Folding the windows of a block.
//
// A strip is a run of output columns whose states fit the cache. For each row of outputs the cells
// of its windows are folded downwards, so that each column of cells has one state (Columns); then
// the states of each window's columns are folded across (Across), and finished. What is combined
// with what, and in which order, follows from the windows and from absolute positions alone:
//
//   down    row after row, from the first; where windows overlap much and are tall, rows of each
//           segment (of as many rows as a window has, from absolute multiples of it) are folded
//           once backwards and once forwards, and a window is a backward and a forward fold (van
//           Herk 1992). Along the depth always one after another.
//   across  column after column; from more than MOST_SERIAL columns on 16 interleaved folds, which
//           are then merged in halves; where windows overlap much by doubling: runs of 2, 4, 8 ...
//           of all columns (padding, too), and a window as the runs that its size is made of.
#include "walk.hpp"

namespace POOL_NS {
namespace {

constexpr i64 TILE_BYTES = 24 << 10; // of the states of a strip's columns
constexpr i64 MOST_SERIAL = 32;
constexpr i64 INTERLEAVED = 16;
constexpr i64 MOST_KEPT = 4096; // backward folds of a segment

Tile shifted(const Kernel &kernel, const Tile &tile, i64 cells) {
    Tile to = tile;
    for (int part = 0; part < kernel.parts; part++)
        to.part[part] += cells * kernel.part_size[part];
    return to;
}

Tile take_tile(const Kernel &kernel, Arena &arena, i64 cells) {
    Tile tile = {};
    for (int part = 0; part < kernel.parts; part++)
        tile.part[part] = arena.take(cells * kernel.part_size[part]);
    return tile;
}

i64 state_bytes(const Kernel &kernel) {
    i64 bytes = 0;
    for (int part = 0; part < kernel.parts; part++)
        bytes += kernel.part_size[part];
    return bytes;
}

void copy_states(const Kernel &kernel, const Tile &out, const Tile &in, i64 n) {
    for (int part = 0; part < kernel.parts; part++)
        __builtin_memcpy(out.part[part], in.part[part], u64(n * kernel.part_size[part]));
}

bool is_tall(const pool_windows &h) {
    return shares_work(h) && (h.size + h.step - 1) / h.step <= MOST_KEPT;
}

// ---- down -------------------------------------------------------------------------------------

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
    ~Batch() { flush(); }
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

// ---- strips -----------------------------------------------------------------------------------

// Output columns w0 ... w1 - 1 of some lanes, which need the real columns x0 ... x1 - 1, before
// and after which there may be columns of padding. Whole: the windows are even, and no edge of the
// axis clips one, or padding makes up for it.
struct Strip {
    i64 w0, w1, before, x0, x1, after, lane0, lanes;
    bool whole;
    i64 outs() const { return (w1 - w0) * lanes; }
};

// How strips are cut; the same for the kernel and its rescue.
struct Cut {
    i64 lanes;   // at most, of a strip
    i64 outputs; // at most, times lanes
    i64 columns; // at most, times lanes
    bool chunks; // windows may be wider: they are taken in chunks of columns
    i64 from, to; // the whole windows
};

i64 real_from(const pool_windows &w, i64 i) { return most_of(0, window_start(w, i)); }
i64 real_to(const pool_windows &w, i64 i) { return least_of(w.n, window_end(w, i)); }

Cut cut_strips(const pool_call &call, const Kernel &kernel) {
    const pool_windows &w = call.spatial[2];
    Cut cut;
    cut.lanes = least_of(call.inner.count, MOST_LANES);
    const i64 cells = TILE_BYTES / state_bytes(kernel), columns = most_of(1, cells / cut.lanes);
    const i64 all = (w.size - 1) * w.dilation + 1, reach = shares_work(w) ? all : least_of(w.n, all);
    cut.chunks = false;
    i64 most = most_of(columns, 2 * INTERLEAVED);
    if (reach > most) {
        cut.chunks = !shares_work(w) && reach > 4 * most && w.dilation == 1;
        most = cut.chunks ? most / INTERLEAVED * INTERLEAVED : reach + (shares_work(w) ? reach / 2 : 0);
    }
    cut.columns = shares_work(w) ? most : least_of(most, w.n);
    cut.outputs = least_of(w.out, most_of(cells / cut.lanes, 1));
    cut.from = cut.to = 0;
    if (shares_work(w)) {
        cut.to = w.out;
    } else if (!w.starts) {
        while (cut.from < w.out && real_cells(w, cut.from).count < w.size)
            cut.from++;
        cut.to = w.out;
        while (cut.to > cut.from && real_cells(w, cut.to - 1).count < w.size)
            cut.to--;
    }
    return cut;
}

// The strip that begins with window w0.
Strip next_strip(const pool_windows &w, const Cut &cut, i64 w0, i64 lane0, i64 lanes) {
    const bool whole = w0 >= cut.from && w0 < cut.to;
    i64 last = least_of(w.out, w0 + cut.outputs);
    if (w0 < cut.from)
        last = least_of(last, cut.from);
    else if (whole)
        last = least_of(last, cut.to);
    const i64 from = real_from(w, w0);
    i64 w1 = w0 + 1;
    if (whole)
        w1 = most_of(w1, least_of(last, w0 + (cut.columns - (w.size - 1) * w.dilation - 1) / w.step + 1));
    else
        while (w1 < last && real_to(w, w1) - from <= cut.columns)
            w1++;
    const i64 to = real_to(w, w1 - 1);
    Strip strip = {w0, w1, 0, from, to, 0, lane0, lanes, whole};
    if (shares_work(w)) {
        strip.before = from - window_start(w, w0);
        strip.after = window_end(w, w1 - 1) - to;
    }
    return strip;
}

// ---- one kernel's way from cells to results, for one output row of a strip at a time ----------

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
        dense_ = take_tile(kernel, arena, cells);
        partial_ = take_tile(kernel, arena, INTERLEAVED * cut.lanes);
        across_ = take_tile(kernel, arena, outs);
        results_ = arena.take(outs * type_size(kernel.result));
        norms_ = reinterpret_cast<f64 *>(arena.take(outs * 8));
        real_ = reinterpret_cast<i64 *>(arena.take(cut.outputs * 8));
        padded_ = reinterpret_cast<i64 *>(arena.take(cut.outputs * 8));
        first_ = reinterpret_cast<i32 *>(arena.take(cut.outputs * 4));
        count_ = reinterpret_cast<i32 *>(arena.take(cut.outputs * 4));
        short_ = reinterpret_cast<u8 *>(arena.take(outs));
    }
    bool knows_type() const { return columns_.knows_type(); }

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
    char *results_;
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
        const bool small = (w.size == 2 || w.size == 3) && w.step == 2 && w.dilation == 1;
        RowSet rows;
        if (kernel_->halve && small && lanes == 1 && columns_.few_rows(d, h, rows)) {
            kernel_->halve(how, rows, int(w.size), n, results);
            return true;
        }
        if (!kernel_->slide_finish || shares_work(w) || w.size > MOST_SERIAL || cut_.chunks)
            return false;
        if (w.step > 1 && lanes < 8)
            return false;
        columns_.fold(d, h, down_, false);
        const i64 shift = w.dilation * lanes;
        if (w.step == 1) {
            kernel_->slide_finish(how, down_, int(w.size), shift, n, results);
            return true;
        }
        const i64 size = type_size(kernel_->result);
        for (i64 i = 0; i < strip_.w1 - strip_.w0; i++)
            kernel_->slide_finish(how, shifted(*kernel_, down_, i * w.step * lanes), int(w.size), shift,
                                  lanes, results + i * lanes * size);
        return true;
    }

    // The states of real columns from x on: known, or folded now.
    Tile columns_from(i64 d, i64 h, i64 x, i64 count, bool known) {
        if (known)
            return shifted(*kernel_, known_, (x - strip_.x0) * strip_.lanes);
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
        if (known && serial_)
            return kernel_->uneven(across_, known_, first_, count_, lanes, count);
        for (i64 i = 0; i < count; i++)
            one(d, h, strip_.w0 + i, shifted(*kernel_, across_, i * lanes), known);
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
        for (int part = 0; part < kernel_->parts; part++) {
            const i64 size = kernel_->part_size[part], run = lanes * size;
            char *to = out.part[part];
            const char *from = in.part[part];
            switch (run) {
            case 1: pick_each<u8>(to, from, count, step); break;
            case 2: pick_each<u16>(to, from, count, step); break;
            case 4: pick_each<u32>(to, from, count, step); break;
            case 8: pick_each<u64>(to, from, count, step); break;
            default:
                for (i64 i = 0; i < count; i++)
                    __builtin_memcpy(to + i * run, from + i * step * run, u64(run));
            }
        }
    }

    template <class T>
    static void pick_each(char *out, const char *in, i64 count, i64 step) {
        auto to = reinterpret_cast<T *>(out);
        auto from = reinterpret_cast<const T *>(in);
        for (i64 i = 0; i < count; i++)
            to[i] = from[i * step];
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
        for (i64 i = 0, at = 0; i < strip_.w1 - strip_.w0; i++)
            for (i64 lane = 0; lane < strip_.lanes; lane++)
                norms_[at++] = f64(rows * columns[i]);
        how.norms = norms_;
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

// ---- the whole block --------------------------------------------------------------------------

bool all_finite(int type, const char *results, i64 n) {
    if (type == POOL_F32) {
        auto x = reinterpret_cast<const f32 *>(results);
        f32 sum = 0;
        for (i64 i = 0; i < n; i++)
            sum += x[i] - x[i]; // 0 or NaN
        return sum == 0;
    }
    auto x = reinterpret_cast<const f64 *>(results);
    f64 sum = 0;
    for (i64 i = 0; i < n; i++)
        sum += x[i] - x[i];
    return sum == 0;
}

template <class T>
void take_over(char *results, const char *others, i64 n) {
    auto x = reinterpret_cast<T *>(results);
    auto y = reinterpret_cast<const T *>(others);
    for (i64 i = 0; i < n; i++)
        x[i] = x[i] - x[i] == 0 ? x[i] : y[i];
}

class FoldWalk {
  public:
    int run(pool_call &call, const Kernel &kernel, i64 *bytes) {
        call_ = &call;
        kernel_ = &kernel;
        cut_ = cut_strips(call, kernel);
        Arena arena = {bytes ? nullptr : static_cast<char *>(call.scratch), 0};
        folders_ = 0;
        for (const Kernel *k = &kernel; k && folders_ < MOST_FOLDERS; k = k->rescue)
            folder_[folders_++].prepare(call, *k, cut_, arena);
        if (bytes)
            *bytes = arena.used;
        if (!folder_[0].knows_type())
            return POOL_UNKNOWN;
        if (bytes)
            return POOL_OK;
        if (arena.used > call.scratch_bytes)
            return POOL_NO_ROOM;
        const i64 lanes = call.inner.count;
        for (i64 i = 0; i < call.lead[0].count; i++)
            for (i64 j = 0; j < call.lead[1].count; j++)
                for (i64 lane = 0; lane < lanes; lane += cut_.lanes)
                    lead(i, j, lane, least_of(cut_.lanes, lanes - lane));
        return POOL_OK;
    }

  private:
    pool_call *call_;
    const Kernel *kernel_;
    Cut cut_;
    static constexpr int MOST_FOLDERS = 3;
    Folder folder_[MOST_FOLDERS]; // of the kernel, its rescue, and the rescue's
    int folders_;

    void lead(i64 i, i64 j, i64 lane, i64 lanes) {
        const pool_windows &w = call_->spatial[2];
        const bool continued = call_->options & POOL_CONTINUES;
        const bool unfinished = call_->options & POOL_UNFINISHED;
        Tile states = {};
        if (continued || unfinished) {
            states = states_of(i, j, lane);
            // A column after another, each once; windows may share them.
            const i64 first = real_from(w, 0), last = real_to(w, w.out - 1);
            for (i64 x = first; x < last; x += cut_.columns) {
                const i64 stop = least_of(last, x + cut_.columns);
                const Tile part = shifted(*kernel_, states, (x - first) * lanes);
                folder_[0].piece(i, j, {0, 0, 0, x, stop, 0, lane, lanes, false}, part, continued);
            }
            if (unfinished)
                return;
        }
        for (i64 w0 = 0; w0 < w.out;) {
            const Strip strip = next_strip(w, cut_, w0, lane, lanes);
            const Tile columns = shifted(*kernel_, states, (strip.x0 - real_from(w, 0)) * lanes);
            go_down(i, j, strip, continued ? &columns : nullptr);
            w0 = strip.w1;
        }
    }

    Tile states_of(i64 i, i64 j, i64 lane) const {
        const pool_windows &w = call_->spatial[2];
        const i64 columns = real_to(w, w.out - 1) - real_from(w, 0);
        const i64 all = call_->lead[0].count * call_->lead[1].count * call_->inner.count * columns;
        const i64 before = ((i * call_->lead[1].count + j) * call_->inner.count + lane) * columns;
        Tile tile = {};
        char *part = static_cast<char *>(call_->state);
        for (int p = 0; p < kernel_->parts; p++) {
            tile.part[p] = part + before * kernel_->part_size[p];
            part += all * kernel_->part_size[p];
        }
        return tile;
    }

    void go_down(i64 i, i64 j, const Strip &strip, const Tile *columns) {
        pool_call &call = *call_;
        const pool_windows *axes = call.spatial;
        char *out = static_cast<char *>(call.out) +
                    distance(i, call.lead[0].out_stride, j, call.lead[1].out_stride) +
                    distance(strip.w0, axes[2].out_stride, strip.lane0, call.inner.out_stride);
        const Grid grid = {strip.w1 - strip.w0, strip.lanes, axes[2].out_stride, call.inner.out_stride};
        const bool direct = stores_directly(call, kernel_->result, grid);
        const i64 n = strip.outs();
        for (int f = 0; f < folders_; f++)
            folder_[f].choose(i, j, strip);
        for (i64 d = 0; d < axes[0].out; d++)
            for (i64 h = 0; h < axes[1].out; h++) {
                char *to = out + distance(d, axes[0].out_stride, h, axes[1].out_stride);
                const char *results = folder_[0].row(d, h, columns, direct ? to : nullptr);
                for (int f = 1; f < folders_ && !columns; f++) {
                    if (all_finite(kernel_->result, results, n))
                        break;
                    const char *others = folder_[f].row(d, h, nullptr, nullptr);
                    if (kernel_->result == POOL_F32)
                        take_over<f32>(const_cast<char *>(results), others, n);
                    else
                        take_over<f64>(const_cast<char *>(results), others, n);
                }
                if (results != to)
                    store_results(call, kernel_->result, results, grid, to);
            }
    }
};

} // namespace

int walk_fold(pool_call &call, const Kernel &kernel, i64 *bytes) {
    FoldWalk walk;
    return walk.run(call, kernel, bytes);
}

i64 fold_state_bytes(const pool_call &call, const Kernel &kernel) {
    const pool_windows &w = call.spatial[2];
    const i64 columns = real_to(w, w.out - 1) - real_from(w, 0);
    return call.lead[0].count * call.lead[1].count * call.inner.count * columns * state_bytes(kernel);
}

} // namespace POOL_NS
