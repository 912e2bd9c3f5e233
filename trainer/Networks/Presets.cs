namespace Btx.Trainer.Networks;

/// <summary>Architectures by name. Parameter counts are for a vocabulary of 2,048 (base: 32,000).</summary>
public static class Presets
{
    /// <summary>In the order of size.</summary>
    public static IReadOnlyList<string> Names { get; } = ["demo", "tiny", "small", "base"];

    /// <param name="name">demo (0.28 M parameters), tiny (1.1 M), small (10.5 M) or base (134 M).</param>
    /// <param name="context">Overrides the preset's longest sequence.</param>
    public static LlamaConfig Get(string name, int vocabSize, int? context = null)
    {
        LlamaConfig Make(int d, int f, int layers, int heads, int length, bool tied) => new LlamaConfig
        {
            VocabSize = vocabSize,
            HiddenSize = d,
            IntermediateSize = f,
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            MaxPositionEmbeddings = context ?? length,
            TieWordEmbeddings = tied,
        }.Validate($"preset {name}");

        return name switch
        {
            "demo" => Make(64, 172, 3, 2, 128, true),
            "tiny" => Make(128, 344, 4, 4, 256, true),
            "small" => Make(320, 864, 8, 5, 512, true),
            "base" => Make(768, 2048, 12, 12, 1024, false),
            _ => throw new BtxException($"--preset {name}: unknown; choose one of {string.Join(", ", Names)}"),
        };
    }
}
