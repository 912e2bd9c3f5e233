using System.Runtime.InteropServices;

namespace Btx.Engine.Sessions;

/// <summary>Zeroed native memory that never moves. Large ones cost physical memory only where touched.</summary>
internal sealed unsafe class NativeBuffer : SafeHandle
{
    public NativeBuffer(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        SetHandle((nint)NativeMemory.AllocZeroed((nuint)Math.Max(1, bytes)));
    }

    public long Bytes { get; }

    public override bool IsInvalid => handle == 0;

    /// <summary>First byte; valid until disposal.</summary>
    public byte* Pointer => (byte*)handle;

    public Span<T> Span<T>(long offset, int length) where T : unmanaged => new((T*)handle + offset, length);

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}
