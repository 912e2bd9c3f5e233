using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Btx.Trainer.Networks;

/// <summary>A Llama network (arXiv 2302.13971; grouped-query attention: arXiv 2305.13245) in fp32, from token ids to logits. Parameter
/// names are those of a Hugging Face checkpoint. Letters in shapes: B sequences of T tokens, N = B·T, d hidden size, H heads and G
/// key/value heads of size D, V vocabulary. With a <see cref="LlamaConfig.Moe"/> it is a Mixtral network. The constructor leaves the
/// weights uninitialised: call <see cref="Init"/>, or let <see cref="LlamaCheckpoint"/> fill them. Wrap each training step in a
/// <c>torch.NewDisposeScope()</c>: activations are freed with it. Not thread-safe.</summary>
public sealed class LlamaModel : IDisposable
{
    /// <summary>A target with this value counts for nothing in a loss.</summary>
    public const long IgnoredTarget = -100;

    private readonly Parameter embedding;  // [V, d]
    private readonly Layer[] layers;
    private readonly Parameter finalNorm;  // [d]
    private readonly Parameter? output;    // [V, d]; null when tied to the embedding
    private (Tensor Cos, Tensor Sin)? rotary;

    public LlamaModel(LlamaConfig config, Device device)
    {
        (Config, Device) = (config, device);
        long d = config.HiddenSize, size = config.HeadDim, q = config.NumAttentionHeads * size, kv = config.NumKeyValueHeads * size;
        var named = new List<(string, Parameter)>();
        embedding = New("model.embed_tokens.weight", config.VocabSize, d);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(l => NewLayer(l, $"model.layers.{l}."))];
        finalNorm = New("model.norm.weight", d);
        output = config.TieWordEmbeddings ? null : New("lm_head.weight", config.VocabSize, d);
        NamedParameters = named;
        Parameters = [.. named.Select(p => p.Item2)];
        Moe = [.. layers.Select(l => l.FeedForward).OfType<MoeFeedForward>()];

        Layer NewLayer(int l, string prefix)
        {
            Parameter query = New($"{prefix}self_attn.q_proj.weight", q, d), key = New($"{prefix}self_attn.k_proj.weight", kv, d),
                value = New($"{prefix}self_attn.v_proj.weight", kv, d), output = New($"{prefix}self_attn.o_proj.weight", d, q);
            IFeedForward feedForward = config.Moe is null ? new SwiGlu(config, device) : new MoeFeedForward(config, l, device);
            named.AddRange(feedForward.Parameters.Select(p => (prefix + p.Name, p.Parameter)));
            return new(New($"{prefix}input_layernorm.weight", d), query, key, value, output,
                New($"{prefix}post_attention_layernorm.weight", d), feedForward);
        }

        Parameter New(string name, params long[] shape)
        {
            named.Add((name, NewParameter(device, shape)));
            return named[^1].Item2;
        }
    }

    public LlamaConfig Config { get; }
    public Device Device { get; }

    /// <summary>Where the weights came from, for errors: a directory.</summary>
    public string Source { get; init; } = "the model";

    /// <summary>Every parameter once, by its Hugging Face name, in the order of <see cref="LlamaConfig.TensorShapes"/>.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> NamedParameters { get; }
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The routed feed-forwards by layer; empty for a dense network.</summary>
    public IReadOnlyList<MoeFeedForward> Moe { get; }

    /// <summary>Called, by layer, with what every feed-forward reads, [N, d]: it lives as long as the caller's dispose scope.</summary>
    public Action<int, Tensor>? FeedForwardInput { get; set; }

    /// <summary>The layers' <see cref="MoeFeedForward.BalanceLoss"/> of the last forward, summed; null if there is none.</summary>
    public Tensor? BalanceLoss => Moe.Select(m => m.BalanceLoss).OfType<Tensor>()
        .Aggregate((Tensor?)null, (sum, loss) => sum is null ? loss : sum.Plus(loss));

    /// <summary>Logits of every position: [B, T, V].</summary>
    /// <param name="ids">[B, T] int64, values in 0..V-1, T at most max_position_embeddings.</param>
    public Tensor Forward(Tensor ids) => Logits(ids).view([.. ids.shape, Config.VocabSize]);

    /// <summary>Mean cross-entropy in nats over the targets that are not <see cref="IgnoredTarget"/>: a scalar.</summary>
    /// <param name="targets">[B, T] int64: targets[b, t] follows ids[b, t].</param>
    public Tensor Loss(Tensor ids, Tensor targets)
    {
        CheckTargets(ids, targets);
        return F.cross_entropy(Logits(ids), targets.flatten(), ignore_index: IgnoredTarget);
    }

    /// <summary>Cross-entropy in nats of every target, 0 where it is <see cref="IgnoredTarget"/>: [B, T].</summary>
    public Tensor TokenLosses(Tensor ids, Tensor targets)
    {
        CheckTargets(ids, targets);
        return F.cross_entropy(Logits(ids), targets.flatten(), ignore_index: IgnoredTarget, reduction: nn.Reduction.None)
            .view(targets.shape);
    }

    /// <summary>The last hidden states, normalised: what the output layer reads, [N, d].</summary>
    public Tensor Hidden(Tensor ids)
    {
        var (b, t) = CheckIds(ids);
        var (cos, sin) = Rotary(t);
        var x = embedding.index_select(0, ids.flatten());                                        // [N, d]
        for (var l = 0; l < layers.Length; l++)
        {
            x = x.Plus(Attention(layers[l], RmsNorm(x, layers[l].AttentionNorm), b, t, cos, sin)); // [N, d]
            var h = RmsNorm(x, layers[l].FeedForwardNorm);                                       // [N, d]
            FeedForwardInput?.Invoke(l, h);
            x = x.Plus(layers[l].FeedForward.Forward(h));                                        // [N, d]
        }

        return RmsNorm(x, finalNorm);                                                            // [N, d]
    }

    /// <summary>Fills the weights: norms 1; matrices normal with deviation sqrt(2 / 5d) (Nguyen and Salazar, arXiv 1910.05895: 0.02 at a
    /// width of 1,000, more for the narrow), those that write to the residual stream divided by sqrt(2 · layers). The same seed gives the
    /// same weights on every device.</summary>
    public LlamaModel Init(long seed)
    {
        using var mode = no_grad();
        using var generator = new Generator((ulong)seed);
        var width = Math.Sqrt(2.0 / (5.0 * Config.HiddenSize));
        foreach (var (name, parameter) in NamedParameters)
        {
            using var scope = NewDisposeScope();
            if (parameter.ndim == 1)
            {
                parameter.fill_(KeptScalar.Of(1));
                continue;
            }

            string[] outputs = ["o_proj.weight", "down_proj.weight", "w2.weight"];
            var residual = outputs.Any(end => name.EndsWith(end, StringComparison.Ordinal));
            var deviation = residual ? width / Math.Sqrt(2.0 * Config.NumHiddenLayers) : width;
            parameter.copy_(empty(parameter.shape).normal_(0, deviation, generator));
        }

        return this;
    }

    public void Dispose()
    {
        foreach (var p in Parameters) p.Dispose();
        rotary?.Cos.Dispose();
        rotary?.Sin.Dispose();
    }

    /// <summary>An uninitialised parameter that belongs to no dispose scope.</summary>
    internal static Parameter NewParameter(Device device, params long[] shape)
    {
        var parameter = new Parameter(empty(shape, float32, device));
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    // h [N, d], normalised → [N, d]
    private Tensor Attention(Layer layer, Tensor h, long b, long t, Tensor cos, Tensor sin)
    {
        long heads = Config.NumAttentionHeads, groups = Config.NumKeyValueHeads, size = Config.HeadDim;
        var q = Rotate(Linear.Of(h, layer.Query).view(b, t, heads, size), cos, sin);              // [B, T, H, D]
        var k = Rotate(Linear.Of(h, layer.Key).view(b, t, groups, size), cos, sin);               // [B, T, G, D]
        var v = Linear.Of(h, layer.Value).view(b, t, groups, size);                               // [B, T, G, D]
        if (groups != heads)
        {
            k = ShareHeads(k, heads / groups);                                                   // [B, T, H, D]
            v = ShareHeads(v, heads / groups);                                                   // [B, T, H, D]
        }

        // [B, H, T, D]
        var mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_casual: true);
        mixed = mixed.transpose(1, 2).reshape(b * t, heads * size);                              // [N, H·D]
        // On a CPU libtorch's softmax here makes finite numbers of NaN. Without gradients, which would show it, a model whose
        // scores overflow gets its NaN back: |q·k| is at most (q² + k²) / 2.
        if (!is_grad_enabled()) mixed = mixed.Plus((q * q).sum().Plus((k * k).sum()) * KeptScalar.Of(0));
        return Linear.Of(mixed, layer.Output);                                                   // [N, d]
    }

    // x [..., d] → x / rms(x) · weight
    private Tensor RmsNorm(Tensor x, Tensor weight) =>
        x * x.pow(KeptScalar.Of(2)).mean([-1], keepdim: true).add_(KeptScalar.Of(Config.RmsNormEps), KeptScalar.Of(1)).rsqrt() * weight;

    // Rotary position embedding (arXiv 2104.09864) in Hugging Face's layout: element i turns with element i + D/2.
    // x [B, T, H, D]; cos, sin [T, 1, D], sin negative in its first half.
    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin) => (x * cos).addcmul_(x.roll(x.shape[3] / 2, -1), sin, KeptScalar.Of(1));

    // [B, T, G, D] → [B, T, G·n, D]: each key/value head serves n query heads that stand together.
    private static Tensor ShareHeads(Tensor x, long n)
    {
        var s = x.shape;
        return x.unsqueeze(3).expand(s[0], s[1], s[2], n, s[3]).reshape(s[0], s[1], s[2] * n, s[3]);
    }

    private Tensor Logits(Tensor ids) => Linear.Of(Hidden(ids), output ?? embedding);             // [N, V]

    // cos and sin of the first t positions: [T, 1, D] each. The tables grow to the longest sequence seen.
    private (Tensor Cos, Tensor Sin) Rotary(long t)
    {
        if (rotary is null || rotary.Value.Cos.shape[0] < t)
        {
            rotary?.Cos.Dispose();
            rotary?.Sin.Dispose();
            var frequencies = Config.RotaryInverseFrequencies();
            int half = frequencies.Length, size = 2 * half;
            float[] cos = new float[t * size], sin = new float[t * size];
            for (var p = 0; p < t; p++)
            {
                for (var i = 0; i < half; i++)
                {
                    var at = (p * size) + i;
                    cos[at] = cos[at + half] = (float)Math.Cos(p * frequencies[i]);
                    sin[at + half] = (float)Math.Sin(p * frequencies[i]);
                    sin[at] = -sin[at + half];
                }
            }

            rotary = (Table(cos), Table(sin));
            Tensor Table(float[] values) => tensor(values, [t, 1, size], float32, Device).DetachFromDisposeScope();
        }

        return (rotary.Value.Cos.narrow(0, 0, t), rotary.Value.Sin.narrow(0, 0, t));
    }

    // libtorch ends the process on some shape errors, so shapes are checked before it sees them.
    private (long B, long T) CheckIds(Tensor ids)
    {
        var s = ids.shape;
        if (s.Length != 2 || s[0] < 1 || s[1] < 1)
            throw new BtxException($"token ids have shape [{string.Join(", ", s)}]; the network takes [sequences, tokens], both above 0");
        if (ids.dtype != int64) throw new BtxException($"token ids are {ids.dtype}; the network takes Int64");
        if (s[1] > Config.MaxPositionEmbeddings)
            throw new BtxException($"a sequence has {s[1]} tokens; the model's max_position_embeddings is {Config.MaxPositionEmbeddings}");
        return (s[0], s[1]);
    }

    private void CheckTargets(Tensor ids, Tensor targets)
    {
        CheckIds(ids);
        if (!targets.shape.SequenceEqual(ids.shape) || targets.dtype != int64)
            throw new BtxException($"targets are {targets.dtype} of shape [{string.Join(", ", targets.shape)}]; expected Int64 of shape "
                + $"[{string.Join(", ", ids.shape)}], as the token ids");
    }

    private sealed record Layer(
        Parameter AttentionNorm,   // [d]
        Parameter Query,           // [H·D, d]
        Parameter Key,             // [G·D, d]
        Parameter Value,           // [G·D, d]
        Parameter Output,          // [d, H·D]
        Parameter FeedForwardNorm, // [d]
        IFeedForward FeedForward);
}
