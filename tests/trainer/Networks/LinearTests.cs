using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Btx.Trainer.Tests.Networks;

public sealed unsafe class LinearTests
{
    // Tiles are 8 by 32, panels 256 deep: sizes below, at and beyond the edges of both.
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 1 }, { 3, 5, 7 }, { 8, 32, 256 }, { 9, 33, 257 }, { 7, 64, 40 }, { 8, 31, 12 }, { 29, 172, 64 }, { 130, 95, 530 },
            { 256, 48, 80 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_product_is_the_sum_over_k_whatever_the_order_in_memory_and_the_threads(int m, int n, int k)
    {
        if (!MatrixProduct.IsFaster) return; // libtorch multiplies on such a machine
        var random = new Random((m * 31) + n);
        float[] a = Numbers(m * k), b = Numbers(k * n), start = Numbers(m * n);
        foreach (var (aRow, aColumn) in ((int, int)[])[(k, 1), (1, m)])
        {
            foreach (var (bRow, bColumn) in ((int, int)[])[(n, 1), (1, k)])
            {
                foreach (var accumulate in (bool[])[false, true])
                {
                    float[] one = [.. start, 7], three = [.. start, 7];
                    fixed (float* pa = a, pb = b, p1 = one, p3 = three)
                    {
                        MatrixProduct.Multiply(m, n, k, pa, aRow, aColumn, pb, bRow, bColumn, p1, accumulate, 1);
                        MatrixProduct.Multiply(m, n, k, pa, aRow, aColumn, pb, bRow, bColumn, p3, accumulate, 3);
                    }

                    Assert.Equal(one, three);
                    Assert.Equal(7, one[^1]);
                    for (var i = 0; i < m; i++)
                    {
                        for (var j = 0; j < n; j++)
                        {
                            var sum = accumulate ? (double)start[(i * n) + j] : 0;
                            for (var p = 0; p < k; p++) sum += (double)a[(i * aRow) + (p * aColumn)] * b[(p * bRow) + (j * bColumn)];
                            Assert.True(Math.Abs(sum - one[(i * n) + j])
                                <= 1e-6 * (k + 10), $"element {i}, {j}: {one[(i * n) + j]}, expected {sum}");
                        }
                    }
                }
            }
        }

        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    [Theory]
    [InlineData(true, true, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    public void Values_and_gradients_are_those_of_libtorch(bool inputLearns, bool weightLearns, bool turned)
    {
        using var scope = NewDisposeScope();
        var (x, w, dy) = (randn(turned ? [20, 37] : [37, 20]), randn(45, 20), randn(37, 45));
        var (value, dx, dw) = Run(Linear.Of);
        var (expected, expectedX, expectedW) = Run((a, b) => F.linear(a, b));
        Assert.True(value.allclose(expected, 1e-4, 1e-5));
        Same(expectedX, dx);
        Same(expectedW, dw);

        (Tensor Value, Tensor? X, Tensor? W) Run(Func<Tensor, Tensor, Tensor> product)
        {
            Tensor a = x.clone().requires_grad_(inputLearns), b = w.clone().requires_grad_(weightLearns);
            Tensor y = null!;
            for (var i = 0; i < 2; i++)
            {
                y = product(turned ? a.t() : a, b); // the second time adds to the gradients
                y.backward([dy]);
            }

            return (y.detach(), a.grad, b.grad);
        }

        static void Same(Tensor? expected, Tensor? actual)
        {
            Assert.Equal(expected is null, actual is null);
            if (expected is not null) Assert.True(actual!.allclose(expected, 1e-4, 1e-4));
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused_and_end_no_process()
    {
        if (!MatrixProduct.IsFaster) return;
        Assert.Throws<ArgumentException>(() => Linear.Of(ones(3, 4), ones(2, 5)));
    }
}
