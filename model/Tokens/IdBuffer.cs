using System.Buffers;

namespace Btx.Model.Tokens;

/// <summary>Collects ids in a rented array; <see cref="ToArrayAndReturn"/> ends its life.</summary>
internal ref struct IdBuffer(int capacity)
{
    private int[] _ids = ArrayPool<int>.Shared.Rent(capacity);
    private int _count;

    public void Add(int id)
    {
        if (_count == _ids.Length) Grow(1);
        _ids[_count++] = id;
    }

    public void Add(int[] ids)
    {
        if (ids.Length == 1)
        {
            Add(ids[0]);
            return;
        }

        if (_count + ids.Length > _ids.Length) Grow(ids.Length);
        ids.CopyTo(_ids, _count);
        _count += ids.Length;
    }

    public int[] ToArrayAndReturn()
    {
        var result = _ids.AsSpan(0, _count).ToArray();
        ArrayPool<int>.Shared.Return(_ids);
        return result;
    }

    private void Grow(int more)
    {
        var larger = ArrayPool<int>.Shared.Rent(Math.Max(_count + more, _ids.Length * 2));
        _ids.AsSpan(0, _count).CopyTo(larger);
        ArrayPool<int>.Shared.Return(_ids);
        _ids = larger;
    }
}
