using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;

namespace Btx.Engine.Sessions;

/// <summary>Native memory that the sequences of one model may take: a function of its configuration and of the options,
/// known before any of it is asked for.</summary>
/// <param name="bytes">Of an element of the KV cache.</param>
internal sealed class SequenceMemory(LlamaConfig config, int slots, int context, int maxTokens, int bytes)
{
    // What a process can address, with room for weights and sessions.
    private static readonly Int128 Addressable = (Int128)1 << 46;
    private readonly int gatesPerToken = config.NumHiddenLayers * (config.Moe?.Experts ?? 0);

    /// <summary>Of one buffer of the KV cache, of which there are two a layer; one slot more than asked for is scratch.</summary>
    private Int128 Buffer => (Int128)(slots + 1) * config.NumKeyValueHeads * context * config.HeadDim * bytes;

    private Int128 KvCache => Buffer * 2 * config.NumHiddenLayers;

    /// <summary>Logits, and a mixture's gates.</summary>
    private Int128 Step => ((Int128)maxTokens + (2 * slots)) * 4 * (config.VocabSize + gatesPerToken);

    /// <exception cref="BtxException">No process, or not this device, can have that much.</exception>
    public void Require(DeviceSpec device)
    {
        if (KvCache + Step > Addressable) throw Refusal("no process can address that much");
        if (device.IsCuda && Buffer > uint.MaxValue) throw Refusal($"{device} gives at most 4 GB at a time, and one layer's keys are more");
        if ((long)gatesPerToken * maxTokens > Array.MaxLength)
            throw Refusal($"the gates of {config.NumHiddenLayers} layers and {config.Moe!.Experts} experts are too many for one step");
    }

    /// <param name="why">What stands against it.</param>
    public BtxException Refusal(string why, Exception? cause = null) => new(
        $"a model's KV cache takes {Gigabytes(KvCache)} GB (--slots {slots}, context {context}) and a step's logits {Gigabytes(Step)} GB "
            + $"(--max-batch-tokens {maxTokens}): "
        + $"{why}; lower --slots, --context or --max-batch-tokens", cause!)
    { Kind = ErrorKind.Exhausted };

    private static string Gigabytes(Int128 bytes) =>
        ((double)bytes / 1e9).ToString("0.#", System.Globalization.CultureInfo.InvariantCulture);
}
