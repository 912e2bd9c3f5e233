using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Btx.Trainer.Networks;

/// <summary>C = A·B or C += A·B in fp32 with AVX-512, for processors on which libtorch's MKL takes its slower AVX2 path: it asks for the
/// maker's name, not for the instructions. Each element is summed in the order of k, so the result is the same for any number of
/// threads.</summary>
internal static unsafe class MatrixProduct
{
    private const int Rows = 8, Columns = 32, Depth = 256; // of a tile of C in registers; of a panel of B in the first-level cache
    private const long ThreadWork = 1 << 20;               // multiplications below which another thread costs more than it brings

    /// <summary>Whether this is such a processor.</summary>
    // "GenuineIntel"
    public static bool IsFaster { get; } = Avx512F.IsSupported && X86Base.CpuId(0, 0) is not (_, 0x756e6547, 0x6c65746e, 0x49656e69);

    /// <summary>C [m, n] from A [m, k] and B [k, n]. Element (i, p) of A lies at i·aRow + p·aColumn, B likewise; C row by row.</summary>
    /// <param name="accumulate">Adds to C instead of replacing it.</param>
    public static void Multiply(int m, int n, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, nint bColumn, float* c,
        bool accumulate, int threads)
    {
        threads = (int)Math.Clamp((long)m * n * k / ThreadWork, 1, threads);
        if (threads == 1)
        {
            Part(0, m, n, k, a, aRow, aColumn, b, bRow, bColumn, c, accumulate);
            return;
        }

        var share = ((m / threads) + Rows) / Rows * Rows;
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, t =>
            Part(Math.Min(m, t * share), t == threads - 1 ? m : Math.Min(m, (t + 1) * share), n, k, a, aRow, aColumn, b, bRow, bColumn, c,
            accumulate));
    }

    private static void Part(int from, int to, int n, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, nint bColumn, float* c,
        bool accumulate)
    {
        var panel = (float*)NativeMemory.AlignedAlloc((Depth + Rows) * Columns * sizeof(float), 64);
        var edge = panel + (Depth * Columns);
        for (var j = 0; j < n; j += Columns)
        {
            var width = Math.Min(Columns, n - j);
            for (var p = 0; p < k; p += Depth)
            {
                var depth = Math.Min(Depth, k - p);
                Pack(b + (p * bRow) + (j * bColumn), bRow, bColumn, depth, width, panel);
                for (var i = from; i < to; i += Rows)
                {
                    var rows = Math.Min(Rows, to - i);
                    var tile = c + ((nint)i * n) + j;
                    var add = accumulate || p > 0;
                    if (rows == Rows && width == Columns)
                    {
                        Tile(depth, a + (i * aRow) + (p * aColumn), aRow, aColumn, panel, tile, n, add);
                        continue;
                    }

                    // At an edge the last rows stand in for those that are missing, and only what exists is kept. Where there are
                    // fewer rows than a tile has, each is a tile of its own: eight times the same row.
                    var first = Math.Max(0, Math.Min(i, to - Rows));
                    if (to >= Rows) Tile(depth, a + (first * aRow) + (p * aColumn), aRow, aColumn, panel, edge, Columns, false);
                    else
                        for (var r = 0; r < rows; r++)
                            Tile(depth, a + ((i + r) * aRow) + (p * aColumn), 0, aColumn, panel, edge + (r * Columns), 0, false);
                    var skip = to < Rows ? 0 : i - first;
                    for (var r = 0; r < rows; r++)
                    {
                        for (var q = 0; q < width; q++)
                        {
                            var value = edge[((skip + r) * Columns) + q];
                            tile[((nint)r * n) + q] = add ? tile[((nint)r * n) + q] + value : value;
                        }
                    }
                }
            }
        }

        NativeMemory.AlignedFree(panel);
    }

    // Rows p of B, each with its columns side by side, zero beyond the width.
    private static void Pack(float* b, nint row, nint column, int depth, int width, float* panel)
    {
        if (width < Columns) new Span<float>(panel, depth * Columns).Clear();
        if (column == 1)
        {
            for (var p = 0; p < depth; p++)
                new ReadOnlySpan<float>(b + (p * row), width).CopyTo(new Span<float>(panel + (p * Columns), width));
            return;
        }

        for (var q = 0; q < width; q++)
        {
            var source = b + (q * column);
            for (var p = 0; p < depth; p++) panel[(p * Columns) + q] = source[p * row];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(int depth, float* a, nint aRow, nint aColumn, float* panel, float* c, nint cRow, bool add)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default,
            c31 = default, c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default,
            c71 = default;
        float* a3 = a + (3 * aRow), a6 = a + (6 * aRow);
        for (var p = 0; p < depth; p++)
        {
            Vector512<float> b0 = Vector512.LoadAligned(panel), b1 = Vector512.LoadAligned(panel + 16);
            var x = Vector512.Create(a[0]);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00); c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[aRow]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10); c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[2 * aRow]);
            c20 = Avx512F.FusedMultiplyAdd(x, b0, c20); c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a3[0]);
            c30 = Avx512F.FusedMultiplyAdd(x, b0, c30); c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(a3[aRow]);
            c40 = Avx512F.FusedMultiplyAdd(x, b0, c40); c41 = Avx512F.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a3[2 * aRow]);
            c50 = Avx512F.FusedMultiplyAdd(x, b0, c50); c51 = Avx512F.FusedMultiplyAdd(x, b1, c51);
            x = Vector512.Create(a6[0]);
            c60 = Avx512F.FusedMultiplyAdd(x, b0, c60); c61 = Avx512F.FusedMultiplyAdd(x, b1, c61);
            x = Vector512.Create(a6[aRow]);
            c70 = Avx512F.FusedMultiplyAdd(x, b0, c70); c71 = Avx512F.FusedMultiplyAdd(x, b1, c71);
            panel += Columns;
            a += aColumn;
            a3 += aColumn;
            a6 += aColumn;
        }

        Store(c00, c01, c, add);
        Store(c10, c11, c + cRow, add);
        Store(c20, c21, c + (2 * cRow), add);
        Store(c30, c31, c + (3 * cRow), add);
        Store(c40, c41, c + (4 * cRow), add);
        Store(c50, c51, c + (5 * cRow), add);
        Store(c60, c61, c + (6 * cRow), add);
        Store(c70, c71, c + (7 * cRow), add);
    }

    private static void Store(Vector512<float> left, Vector512<float> right, float* c, bool add)
    {
        Vector512.Store(add ? Vector512.Load(c) + left : left, c);
        Vector512.Store(add ? Vector512.Load(c + 16) + right : right, c + 16);
    }
}
