// The functions of math.hpp on arrays, for test_native_math.py.
#include "math.hpp"

using namespace POOL_NS;

namespace {

template <class T, int N>
Vec<f64, N> one(int function, Vec<f64, N> x, Vec<f64, N> y) {
    switch (function) {
    case 0: return exp<T, N>(x);
    case 1: return log<T, N>(x);
    case 2: return power<T, N>(x, y);
    case 3: return exp_weight<T, N>(x).value;
    case 4: return exp_weight<T, N>(x).less_one;
    case 5: return log_near_one<T, N>(x);
    case 6: return root<T, N>(x, y);
    default: return near_cube_root<N>(x);
    }
}

template <class T>
void rows(int function, const f64 *x, const f64 *y, f64 *out, i64 n) {
    each<VECTOR_BYTES / 8>(n, [&](auto lanes, i64 i) {
        constexpr int N = decltype(lanes)::value;
        write<N>(out + i, one<T, N>(function, read<N>(x + i), read<N>(y + i)));
    });
}

} // namespace

extern "C" POOL_API void run(int function, int is_short, const f64 *x, const f64 *y, f64 *out, i64 n) {
    is_short ? rows<f32>(function, x, y, out, n) : rows<f64>(function, x, y, out, n);
}
