using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Standins.Tests.TorchSharpPackage;

/// <summary>Numbers and errors of tensor operations; true of the genuine package as well.</summary>
public sealed class TensorTests
{
    [Fact]
    public void Factories_give_shape_type_and_values()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([2L, 3L], zeros([2, 3]).shape);
        Assert.Equal(float32, zeros([2, 3]).dtype);
        Assert.Equal([0L, 1L, 2L, 3L], arange(4).data<long>().ToArray());
        Assert.Equal([1f, 1.5f, 2f], arange(1.0, 2.5, 0.5).data<float>().ToArray());
        Assert.Equal([7f, 7f], full([2], 7.0).data<float>().ToArray());
        Assert.Equal(int64, tensor([1L, 2L]).dtype);
        Assert.Equal([2L, 2L], tensor([1f, 2f, 3f, 4f], [2, 2]).shape);
        Assert.Equal(4, tensor([1f, 2f, 3f, 4f]).numel());
        Assert.Equal(2, zeros([3], float16).element_size());
    }

    [Fact]
    public void Arithmetic_and_comparisons()
    {
        using var scope = NewDisposeScope();
        var a = tensor([1f, 2f, 3f]);
        var b = tensor([4f, 5f, 6f]);
        Assert.Equal([5f, 7f, 9f], (a + b).data<float>().ToArray());
        Assert.Equal([-3f, -3f, -3f], (a - b).data<float>().ToArray());
        Assert.Equal([4f, 10f, 18f], (a * b).data<float>().ToArray());
        Assert.Equal([4f, 2.5f, 2f], (b / a).data<float>().ToArray());
        Assert.Equal([3f, 5f, 7f], (a * 2 + 1).data<float>().ToArray());
        Assert.Equal([9f, 8f, 7f], (10 - a).data<float>().ToArray());
        Assert.Equal([1f, 4f, 9f], a.pow(2).data<float>().ToArray());
        Assert.Equal([1f, 2f, 2f], a.clamp(max: 2).data<float>().ToArray());
        Assert.Equal([false, true, true], a.ge(2).data<bool>().ToArray());
        Assert.Equal(32f, a.unsqueeze(0).matmul(b.unsqueeze(1)).item<float>());
        Assert.Equal([9f, 12f, 15f], a.add(b, 2).data<float>().ToArray());
        Assert.Equal([5f, 12f, 21f], a.addcmul(a, b, 1).data<float>().ToArray());
    }

    [Fact]
    public void Reductions_and_softmax()
    {
        using var scope = NewDisposeScope();
        var a = tensor([1f, 2f, 3f, 4f, 5f, 6f], [2, 3]);
        Assert.Equal(21f, a.sum().item<float>());
        Assert.Equal([6f, 15f], a.sum(1).data<float>().ToArray());
        Assert.Equal([2.5f, 3.5f, 4.5f], a.mean([0]).data<float>().ToArray());
        Assert.Equal([2L, 2L], a.argmax(1).data<long>().ToArray());
        var (values, indexes) = a.topk(2, 1);
        Assert.Equal([3f, 2f, 6f, 5f], values.data<float>().ToArray());
        Assert.Equal([2L, 1L, 2L, 1L], indexes.data<long>().ToArray());
        Assert.Equal(1.0, a.softmax(1).sum([1]).mean().item<float>(), 6);
        Assert.Equal(Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(3)), a.logsumexp(1).data<float>()[0], 5);
        Assert.Equal(a.softmax(1).data<float>()[4], Math.Exp(a.log_softmax(1).data<float>()[4]), 6);
    }

    [Fact]
    public void Views_share_memory_and_indexing_copies()
    {
        using var scope = NewDisposeScope();
        var a = arange(12).view(3, 4);
        Assert.Equal([3L, 4L], a.shape);
        Assert.Equal([4L, 3L], a.transpose(0, 1).shape);
        Assert.False(a.transpose(0, 1).is_contiguous());
        Assert.Equal([1L, 5L, 9L], a.select(1, 1).contiguous().data<long>().ToArray());
        a.narrow(0, 1, 1).fill_(-1);
        Assert.Equal([0L, 1L, 2L, 3L, -1L, -1L, -1L, -1L, 8L, 9L, 10L, 11L], a.data<long>().ToArray());
        Assert.Equal([8L, 9L, 10L, 11L, 0L, 1L, 2L, 3L], a.index_select(0, tensor([2L, 0L])).data<long>().ToArray());
        Assert.Equal([3, 1, 2], tensor([1, 2, 3]).roll(1, 0).data<int>().ToArray());
        Assert.Equal(2, a.chunk(2, 1).Length);
        Assert.Equal([1L, 0L, 2L], a.split([1, 0, 2], 0).Select(p => p.shape[0]));
        Assert.ThrowsAny<ExternalException>(() => a.split([1, 1], 0));
        Assert.Equal([0L, 1L, 8L, 9L], cat([a.narrow(1, 0, 2).narrow(0, 0, 1), a.narrow(1, 0, 2).narrow(0, 2, 1)], 0).data<long>().ToArray());
        Assert.Equal([2L, 3L, 4L], stack([a, a]).shape);
        Assert.Equal([0L, 0L, 1L, 1L], tensor([0L, 1L]).repeat_interleave(2, 0).data<long>().ToArray());
    }

    [Fact]
    public void Scatter_gather_and_index_add()
    {
        using var scope = NewDisposeScope();
        var source = tensor([1f, 2f, 3f, 4f], [2, 2]);
        var index = tensor([1L, 0L, 0L, 1L], [2, 2]);
        Assert.Equal([2f, 1f, 3f, 4f], source.gather(1, index).data<float>().ToArray());
        Assert.Equal([2f, 1f, 3f, 4f], zeros([2, 2]).scatter(1, index, source).data<float>().ToArray());
        Assert.Equal([4f, 6f], zeros([1, 2]).index_add(0, tensor([0L, 0L]), source, 1).data<float>().ToArray());
        var moved = tensor([1f, 2f, 3f, 4f], [2, 2], requires_grad: true);
        var copied = zeros([3, 2]).index_copy(0, tensor([2L, 0L]), moved);
        Assert.Equal([3f, 4f, 0f, 0f, 1f, 2f], copied.detach().data<float>().ToArray());
        copied.backward([tensor([1f, 2f, 3f, 4f, 5f, 6f], [3, 2])]);
        Assert.Equal([5f, 6f, 1f, 2f], moved.grad!.data<float>().ToArray());
        Assert.Equal([1L, 3L], tensor([0f, 2f, 0f, 5f]).nonzero().data<long>().ToArray());
        Assert.Equal([-9f, 2f, -9f, 4f], source.masked_fill(source.ne(2).mul(source.ne(4)), -9).data<float>().ToArray());
    }

    [Fact]
    public void Conversion_rounds_to_the_narrow_type_and_back()
    {
        using var scope = NewDisposeScope();
        var a = tensor([1f, 1.001f, 65504f]);
        Assert.Equal([1f, 1f, 65536f], a.to(bfloat16).to(float32).data<float>().ToArray());
        Assert.Equal(1.0009765625f, a.to(float16).to(float32).data<float>()[1]);
        Assert.Equal([1L, 1L, 65504L], a.to(int64).data<long>().ToArray());
    }

    [Fact]
    public void Bytes_are_the_elements()
    {
        using var t = empty([2], float32);
        MemoryMarshal.Write(t.bytes, 1.5f);
        MemoryMarshal.Write(t.bytes[4..], -2f);
        Assert.Equal([1.5f, -2f], t.data<float>().ToArray());
    }

    [Fact]
    public void A_wrong_operation_throws_and_names_the_cause()
    {
        using var scope = NewDisposeScope();
        Assert.ThrowsAny<ExternalException>(() => zeros([2, 3]).add(zeros([4, 5])));
        Assert.ThrowsAny<ExternalException>(() => zeros([2, 3]).view(7));
        var e = Assert.ThrowsAny<ExternalException>(() => zeros([2]).index_select(0, tensor([5L])));
        Assert.Contains("index", e.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Throws<ArgumentException>(() => zeros([2]).item<float>());
        Assert.Throws<ArgumentException>(() => zeros([2]).data<long>());
        Assert.Throws<ArgumentException>(() => tensor([1f, 2f, 3f], [2, 2]));
        Assert.Throws<ArgumentException>(() => device("toaster"));
    }

    [Fact]
    public void A_disposed_tensor_is_refused()
    {
        var t = zeros([2]);
        t.Dispose();
        t.Dispose();
        Assert.True(t.IsInvalid);
        Assert.Throws<InvalidOperationException>(() => t.shape);
    }
}
