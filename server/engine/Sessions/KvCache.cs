using Btx.Model.Configuration;
using Btx.Model.Devices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>
/// Keys and values of one model: per layer two buffers [slots, kv_heads, context, head_dim] on the session's device. A view over
/// slots serves as past and present at once, so a run updates it in place.
/// </summary>
internal sealed unsafe class KvCache : IDisposable
{
    private readonly LlamaConfig config;
    private readonly TensorElementType type;
    private readonly OrtMemoryInfo memory;
    private readonly OrtAllocator? allocator;
    private readonly List<IDisposable> owned = [];
    private readonly nint[] buffers; // [layer·2 + (0: key, 1: value)]
    private readonly Dictionary<(int Slot, int Count), OrtValue[]> views = [];

    /// <param name="session">Gives the device's allocator; not kept for CPU.</param>
    public KvCache(LlamaConfig config, InferenceSession session, DeviceSpec device, TensorElementType type, int slots, int context)
    {
        (this.config, this.type, Slots, Context) = (config, type, slots, context);
        buffers = new nint[config.NumHiddenLayers * 2];
        memory = OrtMemoryInfo.DefaultInstance;
        if (device.IsCuda)
        {
            memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default);
            allocator = new OrtAllocator(session, memory);
        }

        var bytes = slots * SlotBytes;
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
                var allocation = allocator.Allocate(checked((uint)bytes));
                owned.Add(allocation);
                buffers[i] = allocation.DangerousGetHandle();
            }
        }
    }

    public int Slots { get; }

    public int Context { get; }

    public long Bytes => buffers.Length * Slots * SlotBytes;

    private long SlotBytes => (long)config.NumKeyValueHeads * Context * config.HeadDim * TensorViews.Size(type);

    /// <summary>Views over slots slot … slot + count − 1, index layer·2 + (0: key, 1: value), shape [count, kv_heads, context, head_dim]. Made once.</summary>
    public OrtValue[] View(int slot, int count)
    {
        if (views.TryGetValue((slot, count), out var view)) return view;
        view = new OrtValue[buffers.Length];
        for (var i = 0; i < view.Length; i++)
            view[i] = TensorViews.Over(memory, (byte*)buffers[i] + (slot * SlotBytes), type, count, config.NumKeyValueHeads, Context, config.HeadDim);
        views[(slot, count)] = view;
        return view;
    }

    public void Dispose()
    {
        foreach (var view in views.Values)
        {
            foreach (var value in view) value.Dispose();
        }

        views.Clear();
        foreach (var o in owned) o.Dispose();
        allocator?.Dispose();
        if (!ReferenceEquals(memory, OrtMemoryInfo.DefaultInstance)) memory.Dispose();
    }
}
