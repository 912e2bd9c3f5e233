using System.Runtime.InteropServices;
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
    public static ValidationWindows Windows(TokenShard shard, int context, long tokens)
    {
        context = Math.Min(context, 1024);
        return new ValidationWindows(shard, context, (int)Math.Clamp((tokens + context - 1) / context, 2, int.MaxValue));
    }

    /// <summary>The statistics of every layer.</summary>
    /// <param name="read">Called with the number of tokens of each batch.</param>
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
        var rows = Math.Max(1, BatchTokens / windows.Context);
        foreach (var (batch, some) in chosen.Chunk(rows).Index())
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            long[] ids = [.. some.SelectMany(window => windows[window].SkipLast(1))];
            var at = (long)batch * rows * windows.Context;
            model.FeedForwardInput = (l, x) => take(l, x, at);
            _ = model.Hidden(tensor(ids, [some.Length, windows.Context], int64, device));
            read?.Invoke(ids.Length);
        }
    }

    private void Fill(Checkpoint member, string form)
    {
        bool IsOwn(string name) => form == HiddenStateForm.Own || MoeWeights.IsFeedForward(name);
        LlamaCheckpoint.Fill(model, (name, values) =>
        {
            if (IsOwn(name)) member.CopyTo(name, values);
            else weights.Average(name, values);
        }, name => IsOwn(name) || !averaged);
        averaged = form != HiddenStateForm.Own;
    }

    private static float[] Values(Tensor values)
    {
        using var scope = NewDisposeScope();
        return MemoryMarshal.Cast<byte, float>(values.to_type(float32).contiguous().cpu().bytes).ToArray();
    }
}
