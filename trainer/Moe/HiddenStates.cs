using System.Runtime.InteropServices;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Moe;

/// <summary>Reads the hidden states of domains' text: one dense network, whose weights are exchanged for each member (see <see
/// cref="HiddenStateForm"/>), runs windows of text, and what every layer's feed-forward reads, as a router would, is summed up.</summary>
public sealed class HiddenStates(MoeWeights weights, LlamaConfig config, Device device) : IDisposable
{
    private const int BatchTokens = 2048;
    private const int SampleStates = 512;
    private const int HeldOut = 8; // one window in so many is for the sample, not for the sums

    private readonly LlamaModel model = new(config, device);
    private bool averaged;

    /// <summary>Windows of a text, evenly spread over it.</summary>
    /// <param name="tokens">About how many tokens in all.</param>
    public static ValidationWindows Windows(TokenShard shard, int context, long tokens)
    {
        context = Math.Min(context, 1024);
        return new ValidationWindows(shard, context, (int)Math.Clamp((tokens + context - 1) / context, 2, int.MaxValue));
    }

    /// <summary>The statistics of every layer.</summary>
    /// <param name="read">Hears the number of tokens of each batch.</param>
    public IReadOnlyList<LayerStatistics> Read(Checkpoint member, string form, ValidationWindows windows, Action<long>? read,
        CancellationToken cancellation)
    {
        Fill(member, form);
        int[] all = [.. Enumerable.Range(0, windows.Count)];
        bool Held(int window) => window % HeldOut == HeldOut - 1 || (windows.Count < HeldOut && window == windows.Count - 1);
        int[] held = windows.Count == 1 ? all : [.. all.Where(Held)], summed = windows.Count == 1 ? all : [.. all.Where(w => !Held(w))];
        using var mode = no_grad();
        using var outer = NewDisposeScope();
        var layers = Enumerable.Range(0, config.NumHiddenLayers);
        long d = config.HiddenSize;
        Tensor[] sums = [.. layers.Select(_ => zeros([d], float64, device))];
        Tensor[] grams = [.. layers.Select(_ => zeros([d, d], float64, device))];
        Run(windows, summed, (l, x, _) =>
        {
            var exact = x.to_type(float64);
            sums[l].AddInPlace(exact.sum(dim: 0));
            grams[l].AddInPlace(exact.transpose(0, 1).matmul(exact));
        }, read, cancellation);

        long states = (long)held.Length * windows.Context, sampled = Math.Min(SampleStates, states);
        long[] places = [.. Enumerable.Range(0, (int)sampled).Select(i => i * states / sampled)];
        List<float>[] samples = [.. layers.Select(_ => new List<float>())];
        Run(windows, held, (l, x, first) =>
        {
            long[] rows = [.. places.Where(p => p >= first && p < first + x.shape[0]).Select(p => p - first)];
            if (rows.Length > 0) samples[l].AddRange(Values(x.index_select(0, tensor(rows, [rows.Length], int64, device))));
        }, read, cancellation);

        LayerStatistics[] statistics = [.. layers.Select(l =>
            new LayerStatistics((long)summed.Length * windows.Context, Values(sums[l]), Values(grams[l]), [.. samples[l]]))];
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

            var at = (long)first * context;
            model.FeedForwardInput = (l, x) => take(l, x, at);
            _ = model.Hidden(tensor(ids, [count, context], int64, device));
            read?.Invoke(ids.Length);
        }
    }

    private void Fill(Checkpoint member, string form)
    {
        using var mode = no_grad();
        foreach (var (name, parameter) in model.NamedParameters)
        {
            var own = form == HiddenStateForm.Own || MoeWeights.IsFeedForward(name);
            if (!own && averaged) continue;
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
