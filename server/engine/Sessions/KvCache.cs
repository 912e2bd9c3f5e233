using Btx.Model.Configuration;
using Btx.Model.Devices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>Keys and values of one model: per layer two buffers [slots, kv_heads, context, head_dim] on the session's device. A view over
/// slots serves as past and present at once, so a run updates it in place.</summary>
internal sealed unsafe class KvCache : IDisposable
{
    private readonly LlamaConfig config;
    private readonly TensorElementType type;
    private readonly OrtMemoryInfo memory;
    private readonly OrtAllocator? allocator;
    private readonly List<IDisposable> owned = [];
    private readonly nint[] buffers; // [layer·2 + (0: key, 1: value)]
    private readonly OrtValue[]?[] views; // of each slot alone

    /// <param name="session">Gives the device's allocator; not kept for CPU.</param>
    public KvCache(LlamaConfig config, InferenceSession session, DeviceSpec device, TensorElementType type, int slots, int context)
    {
        (this.config, this.type, Slots, Context) = (config, type, slots, context);
        buffers = new nint[config.NumHiddenLayers * 2];
        views = new OrtValue[]?[slots];
        memory = OrtMemoryInfo.DefaultInstance;
        if (device.IsCuda)
        {
            memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default);
            allocator = new OrtAllocator(session, memory);
        }

        var bytes = checked(slots * SlotBytes);
        for (var i = 0; i < buffers.Length; i++)
        {
            if (allocator is null)
            {
                var buffer = new NativeBuffer(bytes);
                owned.Add(buffer);
                buffers[i] = (nint)buffer.Pointer;
            }
            else
            {
                var allocation = allocator.Allocate(checked((uint)bytes)); // SequenceMemory refuses more
                owned.Add(allocation);
                buffers[i] = allocation.DangerousGetHandle();
            }
        }
    }

    public int Slots { get; }

    public int Context { get; }

    public long Bytes => buffers.Length * Slots * SlotBytes;

    private long SlotBytes => checked((long)config.NumKeyValueHeads * Context * config.HeadDim * TensorViews.Size(type));

    /// <summary>Views over one slot, index layer·2 + (0: key, 1: value), shape [1, kv_heads, context, head_dim]. Made once and owned by the
    /// cache.</summary>
    public OrtValue[] View(int slot) => views[slot] ??= View(slot, 1);

    /// <summary>The same over slots slot … slot + count − 1, which are neighbours: made for the caller to free. There are too many ranges
    /// to keep.</summary>
    public OrtValue[] View(int slot, int count)
    {
        var view = new OrtValue[buffers.Length];
        for (var i = 0; i < view.Length; i++)
            view[i] = TensorViews.Over(memory, (byte*)buffers[i] + (slot * SlotBytes), type, count, config.NumKeyValueHeads, Context,
                config.HeadDim);
        return view;
    }

    public void Dispose()
    {
        foreach (var value in views.SelectMany(view => view ?? [])) value.Dispose();
        Array.Clear(views);
        foreach (var o in owned) o.Dispose();
        allocator?.Dispose();
        if (!ReferenceEquals(memory, OrtMemoryInfo.DefaultInstance)) memory.Dispose();
    }
}
