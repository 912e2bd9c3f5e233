using System.CommandLine;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Tokens;
using Btx.Trainer.Networks;
using Btx.Trainer.Terminal;

namespace Btx.Trainer.Verbs;

/// <summary>The flags that describe a new network: a preset, and what differs from it.</summary>
internal sealed class TrainModelFlags
{
    private const string DefaultPreset = "demo";

    private readonly Option<string> preset = new("--preset")
    {
        Description = $"size of the network, with a vocabulary of 2,048: "
        + $"{string.Join("; ", Presets.Names.Select(Size))}",
        DefaultValueFactory = _ => DefaultPreset,
        HelpName = string.Join('|', Presets.Names)
    };
    private readonly Option<int?> hidden = new("--hidden") { Description = "hidden size", HelpName = "N" };
    private readonly Option<int?> intermediate = new("--intermediate")
    {
        Description = "feed-forward size (8/3 of the hidden size)",
        HelpName = "N"
    };
    private readonly Option<int?> layers = new("--layers") { Description = "layers", HelpName = "N" };
    private readonly Option<int?> heads = new("--heads")
    {
        Description = "attention heads (one per 32 of the hidden size)",
        HelpName = "N"
    };
    private readonly Option<int?> kvHeads = new("--kv-heads") { Description = "key/value heads (as many as heads)", HelpName = "N" };
    private readonly Option<int?> context = new("--context")
    {
        Description = "longest sequence in tokens, which a prompt and its "
        + "answer share (the preset's)",
        HelpName = "N"
    };
    private readonly Option<bool?> tied = new("--tied")
    {
        Description = "whether input and output embeddings are one",
        HelpName = "true|false"
    };

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
