using System.Collections;

namespace TorchSharp.Utils;

/// <summary>Typed access to the elements of a contiguous CPU tensor, in row-major order.</summary>
public sealed unsafe class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    private readonly torch.Tensor tensor;
    private readonly T* data;

    internal TensorAccessor(torch.Tensor tensor, T* data, long count)
    {
        this.tensor = tensor;
        this.data = data;
        Count = count;
    }

    public long Count { get; }

    public T this[long index]
    {
        get => index >= 0 && index < Count ? data[index] : throw new IndexOutOfRangeException();
        set
        {
            if (index < 0 || index >= Count) throw new IndexOutOfRangeException();
            data[index] = value;
        }
    }

    public T[] ToArray()
    {
        var copy = new Span<T>(data, checked((int)Count)).ToArray();
        GC.KeepAlive(tensor);
        return copy;
    }

    public void CopyTo(Span<T> target)
    {
        new Span<T>(data, checked((int)Count)).CopyTo(target);
        GC.KeepAlive(tensor);
    }

    public IEnumerator<T> GetEnumerator()
    {
        for (long i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Ends the access; the tensor lives on.</summary>
    public void Dispose()
    {
    }
}
