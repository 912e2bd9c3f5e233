using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Tokens;
using Btx.Trainer.Networks;

namespace Btx.Trainer.Verbs;

/// <summary>The flags that describe a new network: a preset, and what differs from it.</summary>
internal sealed class TrainModelFlags
{
    private const string DefaultPreset = "demo";

    private readonly Flag<string> preset = new($"--preset {string.Join('|', Presets.Names)}",
        $"size of the network, with a vocabulary of 2,048: {string.Join("; ", Presets.Names.Select(Size))}", DefaultPreset);
    private readonly Flag<int?> hidden = new("--hidden N", "hidden size");
    private readonly Flag<int?> intermediate = new("--intermediate N", "feed-forward size (8/3 of the hidden size)");
    private readonly Flag<int?> layers = new("--layers N", "layers");
    private readonly Flag<int?> heads = new("--heads N", "attention heads (one per 32 of the hidden size)");
    private readonly Flag<int?> kvHeads = new("--kv-heads N", "key/value heads (as many as heads)");
    private readonly Flag<int?> context = new("--context N",
        "longest sequence in tokens, which a prompt and its answer share (the preset's)");
    private readonly Flag<bool?> tied = new("--tied true|false", "whether input and output embeddings are one");

    private static string Size(string name)
    {
        var config = Presets.Get(name, 2048);
        return $"{name} {Quantity.Short(config.ParameterCount)} parameters (width {config.HiddenSize}, {config.NumHiddenLayers} "
            + $"layers, context {config.MaxPositionEmbeddings})";
    }

    public IReadOnlyList<Option> All => [preset, hidden, intermediate, layers, heads, kvHeads, context, tied];

    public string Preset(ParseResult parsed) => parsed.GetValue(preset)!;

    /// <exception cref="BtxException">Unknown preset or a size out of range.</exception>
    public LlamaConfig Config(ParseResult parsed, TextTokenizer tokenizer)
    {
        var config = Presets.Get(Preset(parsed), tokenizer.VocabSize, parsed.GetValue(context));
        if (parsed.GetValue(hidden) is { } d)
        {
            var count = Math.Max(1, d / 32);
            config = config with
            {
                HiddenSize = d,
                IntermediateSize = ((8 * d / 3) + 3) / 4 * 4,
                NumAttentionHeads = count,
                NumKeyValueHeads = count
            };
        }

        if (parsed.GetValue(heads) is { } h) config = config with { NumAttentionHeads = h, NumKeyValueHeads = h };
        return (config with
        {
            IntermediateSize = parsed.GetValue(intermediate) ?? config.IntermediateSize,
            NumHiddenLayers = parsed.GetValue(layers) ?? config.NumHiddenLayers,
            NumKeyValueHeads = parsed.GetValue(kvHeads) ?? config.NumKeyValueHeads,
            TieWordEmbeddings = parsed.GetValue(tied) ?? config.TieWordEmbeddings,
            BosTokenId = tokenizer.BosId,
            EosTokenIds = tokenizer.EosId is { } end ? [end] : [],
        }).Validate("--preset, --hidden, --layers, …");
    }
}
