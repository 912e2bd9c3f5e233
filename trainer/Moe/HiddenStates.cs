using System.Runtime.InteropServices;
using Btx.Model;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Moe;

/// <summary>
/// Reads the hidden states of domains' text: one dense network, whose weights are exchanged for each member (see
/// <see cref="HiddenStateForm"/>), runs windows of text, and every layer's feed-forward input is summed up.
/// </summary>
public sealed class HiddenStates : IDisposable
{
    private const int BatchTokens = 2048;
    private const int SampleStates = 512;
    private const int HeldOut = 8; // one window in so many is for the sample, not for the sums

    private readonly MoeWeights weights;
    private readonly RecordedFeedForward[] layers;
    private readonly LlamaModel model;
    private bool averaged;

    public HiddenStates(MoeWeights weights, Btx.Model.Configuration.LlamaConfig config, Device device)
    {
        this.weights = weights;
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new RecordedFeedForward(new SwiGlu(config, device)))];
        model = new LlamaModel(config, device, l => layers[l]);
    }

    /// <summary>Windows of a text, evenly spread over it.</summary>
    /// <param name="tokens">About how many tokens in all.</param>
    public static ValidationWindows Windows(TokenShard shard, int context, long tokens)
    {
        context = Math.Min(context, 1024);
        return new ValidationWindows(shard, context, (int)Math.Clamp((tokens + context - 1) / context, 2, int.MaxValue));
    }

    /// <param name="member">Whose domain it is.</param>
    /// <param name="form">See <see cref="HiddenStateForm"/>.</param>
    /// <param name="read">Hears the number of tokens of each batch.</param>
    /// <returns>One entry for each layer.</returns>
    /// <exception cref="BtxException">A state is not finite.</exception>
    public IReadOnlyList<LayerStatistics> Read(Checkpoint member, string form, ValidationWindows windows, Action<long>? read,
        CancellationToken cancellation)
    {
        Fill(member, form);
        int[] all = [.. Enumerable.Range(0, windows.Count)];
        bool Held(int window) => window % HeldOut == HeldOut - 1 || (windows.Count < HeldOut && window == windows.Count - 1);
        int[] held = windows.Count == 1 ? all : [.. all.Where(Held)], summed = windows.Count == 1 ? all : [.. all.Where(w => !Held(w))];
        using var mode = no_grad();
        using var outer = NewDisposeScope();
        long d = model.Config.HiddenSize;
        Tensor[] sums = [.. layers.Select(_ => zeros([d], float64, model.Device))],
            grams = [.. layers.Select(_ => zeros([d, d], float64, model.Device))];
        Run(windows, summed, (l, x, _) =>
        {
            var exact = x.to_type(float64);
            sums[l].AddInPlace(exact.sum(dim: 0));
            grams[l].AddInPlace(exact.transpose(0, 1).matmul(exact));
        }, read, cancellation);

        long states = (long)held.Length * windows.Context;
        var places = Enumerable.Range(0, (int)Math.Min(SampleStates, states))
            .Select(i => i * states / Math.Min(SampleStates, states)).ToArray();
        var samples = layers.Select(_ => new List<float>()).ToArray();
        Run(windows, held, (l, x, first) =>
        {
            long[] rows = [.. places.Where(p => p >= first && p < first + x.shape[0]).Select(p => p - first)];
            if (rows.Length > 0) samples[l].AddRange(Values(x.index_select(0, tensor(rows, [rows.Length], int64, model.Device))));
        }, read, cancellation);

        var statistics = layers.Select((_, l) =>
            new LayerStatistics((long)summed.Length * windows.Context, Values(sums[l]), Values(grams[l]), [.. samples[l]])).ToArray();
        return statistics.All(s => s.Sum.All(float.IsFinite) && s.Gram.All(float.IsFinite) && s.Sample.All(float.IsFinite))
            ? statistics
            : throw new BtxException($"{member.DirectoryPath}: a hidden state on the text of {windows.Name} is not finite; its weights "
                + "are broken or its training diverged");
    }

    public void Dispose() => model.Dispose();

    // take(layer, states [N, d], index of the first among those of the windows)
    private void Run(ValidationWindows windows, int[] chosen, Action<int, Tensor, long> take, Action<long>? read,
        CancellationToken cancellation)
    {
        int context = windows.Context, rows = Math.Max(1, BatchTokens / context);
        var window = new long[context + 1];
        for (var first = 0; first < chosen.Length; first += rows)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var count = Math.Min(rows, chosen.Length - first);
            var ids = new long[count * context];
            for (var r = 0; r < count; r++)
            {
                windows.CopyTo(chosen[first + r], window);
                window.AsSpan(0, context).CopyTo(ids.AsSpan(r * context));
            }

            _ = model.Hidden(tensor(ids, [count, context], int64, model.Device));
            for (var l = 0; l < layers.Length; l++) take(l, layers[l].Input!, (long)first * context);
            read?.Invoke(ids.Length);
        }
    }

    private void Fill(Checkpoint member, string form)
    {
        foreach (var (name, parameter) in model.NamedParameters)
        {
            var own = form == HiddenStateForm.Own || MoeWeights.IsFeedForward(name);
            if (!own && averaged) continue;
            using var mode = no_grad();
            using var scope = NewDisposeScope();
            var values = empty(parameter.shape, float32);
            var span = MemoryMarshal.Cast<byte, float>(values.bytes);
            if (own) member.CopyTo(name, span);
            else weights.Average(name, span);
            parameter.copy_(values);
        }

        averaged = form != HiddenStateForm.Own;
    }

    private static float[] Values(Tensor values)
    {
        using var scope = NewDisposeScope();
        return MemoryMarshal.Cast<byte, float>(values.to_type(float32).contiguous().cpu().bytes).ToArray();
    }
}
