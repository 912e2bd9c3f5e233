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

    /// <summary>Views over one slot, index layer·2 + (0: key, 1: value), [1, kv_heads, context, head_dim]. Owned by the cache.</summary>
    public OrtValue[] View(int slot) => views[slot] ??= View(slot, 1);

    /// <summary>The same over <paramref name="count"/> neighbouring slots, made for the caller to free.</summary>
    public OrtValue[] View(int slot, int count)
    {
        var view = new OrtValue[buffers.Length];
        for (var i = 0; i < view.Length; i++)
            view[i] = TensorViews.Over(memory, (byte*)buffers[i] + (slot * SlotBytes), type, count, config.NumKeyValueHeads, Context,
                config.HeadDim);
        return view;
    }

    /// <summary>A graph's names for a view: <c>past_key_values.0.key</c> and so on.</summary>
    /// <param name="row">Of a ragged graph; null: it has one for all rows.</param>
    public string[] Names(string kind, int? row = null) => [.. Enumerable.Range(0, buffers.Length)
        .Select(i => $"{kind}.{i / 2}.{(i % 2 == 0 ? "key" : "value")}{(row is null ? "" : $".{row}")}")];

    public void Dispose()
    {
        foreach (var value in views.SelectMany(view => view ?? [])) value.Dispose();
        Array.Clear(views);
        foreach (var o in owned) o.Dispose();
        allocator?.Dispose();
        if (!ReferenceEquals(memory, OrtMemoryInfo.DefaultInstance)) memory.Dispose();
    }
}

/// <summary>Native memory that one model's sequences may take, known from configuration and options before any is asked for.</summary>
internal sealed class SequenceMemory(LlamaConfig config, int slots, int context, int maxTokens, int bytes)
{
    // What a process can address, with room for weights and sessions.
    private static readonly Int128 Addressable = (Int128)1 << 46;
    private readonly int gatesPerToken = config.NumHiddenLayers * (config.Moe?.Experts ?? 0);

    /// <summary>Of one buffer of the KV cache, of which there are two a layer; one slot more than asked for is scratch.</summary>
    private Int128 Buffer => (Int128)(slots + 1) * config.NumKeyValueHeads * context * config.HeadDim * bytes;

    private Int128 KvCache => Buffer * 2 * config.NumHiddenLayers;

    private Int128 Step => 4 * (((Int128)LogitRows(slots, maxTokens) * config.VocabSize)
        + (((Int128)maxTokens + (2 * slots)) * (gatesPerToken + 1)));

    /// <summary>Most full rows of logits of a step: one of each sequence and one of each run that asks for none, and those to be
    /// ranked.</summary>
    public static int LogitRows(int slots, int maxTokens) => (2 * slots) + Math.Min(maxTokens, Scheduling.StepPlanner.MostRanked);

    public void Require(DeviceSpec device)
    {
        if (KvCache + Step > Addressable) throw Refusal("no process can address that much");
        if (device.IsCuda && Buffer > uint.MaxValue) throw Refusal($"{device} gives at most 4 GB at a time, and one layer's keys are more");
        if ((long)gatesPerToken * maxTokens > Array.MaxLength)
            throw Refusal($"the gates of {config.NumHiddenLayers} layers and {config.Moe!.Experts} experts are too many for one step");
    }

    public BtxException Refusal(string why, Exception? cause = null) => new($"a model's KV cache takes {Gigabytes(KvCache)} GB (--slots "
        + $"{slots}, context {context}) and a step's logits {Gigabytes(Step)} GB (--max-batch-tokens {maxTokens}): {why}; lower --slots, "
        + "--context or --max-batch-tokens", cause!)
    { Kind = ErrorKind.Exhausted };

    private static string Gigabytes(Int128 bytes) =>
        ((double)bytes / 1e9).ToString("0.#", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>Native memory of one model or of some, in bytes. What is mapped or not touched yet need not be in physical memory.</summary>
/// <param name="Sessions">Estimate: prepacked copies of the weights, inputs and logits.</param>
public readonly record struct ModelMemory(long Weights, long KvCache, long Sessions)
{
    public long Total => Weights + KvCache + Sessions;

    public static ModelMemory operator +(ModelMemory a, ModelMemory b) =>
        new(a.Weights + b.Weights, a.KvCache + b.KvCache, a.Sessions + b.Sessions);
}
