// Folding the windows of a block.
//
// A strip is a run of output columns whose states fit the cache. For each row of outputs the cells
// of its windows are folded downwards, so that each column of cells has one state (Columns); then
// the states of each window's columns are folded across, and finished (Folder). What is combined
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

#include "folder.hpp"

namespace POOL_NS {
namespace {

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

constexpr int MOST_FOLDERS = 3; // a kernel, its rescue, and the rescue's

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
    Folder folder_[MOST_FOLDERS];
    int folders_;

    void lead(i64 i, i64 j, i64 lane, i64 lanes) {
        const pool_windows &w = call_->spatial[2];
        const bool continued = call_->options & POOL_CONTINUES;
        const bool unfinished = call_->options & POOL_UNFINISHED;
        const i64 first = real_from(w, 0), last = real_to(w, w.out - 1);
        Tile states[MOST_FOLDERS] = {};
        if (continued || unfinished) {
            place_states(i, j, lane, states);
            // A column after another, each once; windows may share them.
            for (int f = 0; f < folders_; f++)
                for (i64 x = first; x < last; x += cut_.columns) {
                    const i64 stop = least_of(last, x + cut_.columns);
                    const Tile part = shifted(folder_[f].kernel(), states[f], (x - first) * lanes);
                    folder_[f].piece(i, j, {0, 0, 0, x, stop, 0, lane, lanes, false}, part, continued);
                }
            if (unfinished)
                return;
        }
        for (i64 w0 = 0; w0 < w.out;) {
            const Strip strip = next_strip(w, cut_, w0, lane, lanes);
            Tile columns[MOST_FOLDERS] = {};
            for (int f = 0; f < folders_; f++)
                columns[f] = shifted(folder_[f].kernel(), states[f], (strip.x0 - first) * lanes);
            go_down(i, j, strip, continued ? columns : nullptr);
            w0 = strip.w1;
        }
    }

    // Where the states of each kernel are: those of a rescue after those of what it rescues.
    void place_states(i64 i, i64 j, i64 lane, Tile *states) const {
        const pool_windows &w = call_->spatial[2];
        const i64 columns = real_to(w, w.out - 1) - real_from(w, 0);
        const i64 all = call_->lead[0].count * call_->lead[1].count * call_->inner.count * columns;
        const i64 before = ((i * call_->lead[1].count + j) * call_->inner.count + lane) * columns;
        char *part = static_cast<char *>(call_->state);
        for (int f = 0; f < folders_; f++)
            for (int p = 0; p < folder_[f].kernel().parts; p++) {
                const i64 size = folder_[f].kernel().part_size[p];
                states[f].part[p] = part + before * size;
                part += all * size;
            }
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
                for (int f = 1; f < folders_; f++) {
                    if (all_finite(kernel_->result, results, n))
                        break;
                    const char *others = folder_[f].row(d, h, columns ? columns + f : nullptr, nullptr);
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
    if (is_tall(call.spatial[1]))
        return -1; // what such windows share is folded from all of their rows
    const pool_windows &w = call.spatial[2];
    const i64 columns = real_to(w, w.out - 1) - real_from(w, 0);
    i64 bytes = 0; // of the kernel's states and those of its rescues
    int chain = 0;
    for (const Kernel *k = &kernel; k && chain < MOST_FOLDERS; k = k->rescue, chain++)
        bytes += state_bytes(*k);
    return call.lead[0].count * call.lead[1].count * call.inner.count * columns * bytes;
}

} // namespace POOL_NS
