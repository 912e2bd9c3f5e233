using Btx.Model.Configuration;

namespace Btx.Model.Moe;

/// <summary>The contents of <c>btx.json</c>, which lies beside the Mixtral checkpoint it describes: which expert became which index, the
/// lineage, and how the router works. Immutable.</summary>
public sealed record BtxManifest
{
    public const string FileName = "btx.json";
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary><see cref="LlamaConfig.Fingerprint"/> of the BTX model.</summary>
    public required string Architecture { get; init; }

    /// <summary>Tokenizer hash.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>SHA-256 (hex) of the BTX model's weight files.</summary>
    public required string Sha256 { get; init; }

    /// <summary>By index: entry i is <c>experts.i</c> of every layer.</summary>
    public required IReadOnlyList<BtxExpert> Experts { get; init; }

    public required BtxRouter Router { get; init; }

    /// <summary><see cref="ForestManifest.Hash"/> of the forest that was mixed; null if there was none (upcycling).</summary>
    public string? ForestSha256 { get; init; }

    /// <summary>Names of the forest's experts that were left out on request.</summary>
    public IReadOnlyList<string> Without { get; init; } = [];

    /// <summary>Null for a BTX model that was not fine-tuned.</summary>
    public BtxFineTune? FineTune { get; init; }

    public static bool Exists(string directory) => File.Exists(Path.Combine(directory, FileName));

    /// <summary>Reads <c>btx.json</c>; a Mixtral directory made elsewhere has none and gets experts named <c>expert-0</c>, ….</summary>
    /// <param name="tokenizer">Tokenizer hash of the directory.</param>
    /// <param name="sha256">Weights hash of the directory, see <see cref="Tensors.CheckpointFiles.Hash"/>.</param>
    /// <exception cref="BtxException">The config is of no BTX model, or btx.json is invalid or describes another model.</exception>
    public static BtxManifest Of(string directory, LlamaConfig config, string tokenizer, string sha256)
    {
        var moe = config.Moe ?? throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: model_type is llama; "
            + "expected mixtral, `btx train mix` makes one");
        if (!Exists(directory))
        {
            return new()
            {
                Architecture = config.Fingerprint(),
                Tokenizer = tokenizer,
                Sha256 = sha256,
                Experts = [.. Enumerable.Range(0, moe.Experts).Select(i => new BtxExpert { Name = $"expert-{i}", Domain = $"expert-{i}" })],
                Router = new() { ExpertsPerToken = moe.ExpertsPerToken },
            };
        }

        var m = Load(directory);
        var problem = m.Architecture != config.Fingerprint() ? $"describes another architecture than {LlamaConfig.FileName} beside it"
            : m.Experts.Count != moe.Experts
            ? $"lists {m.Experts.Count} experts; {LlamaConfig.FileName} has num_local_experts {moe.Experts}" : m.Tokenizer != tokenizer
            ? "describes another tokenizer than tokenizer.json beside it" : m.Sha256 != sha256
            ? "describes other weights than those beside it (SHA-256 differs)" : m.Router.SoftLayers.Any(l => l >= config.NumHiddenLayers)
            ? $"router: a soft layer is beyond the {config.NumHiddenLayers} layers" : null;
        return problem is null ? m : throw new BtxException(
            $"{Path.Combine(directory, FileName)}: {problem}; mix again, or remove the file to use the directory as a plain Mixtral model");
    }

    /// <summary>Reads and validates <c>btx.json</c> alone.</summary>
    /// <exception cref="BtxException">Missing or invalid; names the first problem.</exception>
    public static BtxManifest Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new BtxException($"{path}: not found; is {directory} a BTX model? `btx train mix` makes one");
        return Parse(BoundedFile.Read(path), path);
    }

    /// <exception cref="BtxException">Invalid; names the first problem.</exception>
    public static BtxManifest Parse(ReadOnlySpan<byte> json, string source) =>
        ManifestJson.Read<BtxManifest>(json, source, "a valid BTX manifest").Valid(source);

    /// <summary>Writes <c>btx.json</c> into a directory, whole or not at all.</summary>
    /// <exception cref="BtxException">The manifest is not valid, or it cannot be written.</exception>
    public void Save(string directory) => ManifestJson.Save(Valid(FileName), Path.Combine(directory, FileName));

    private BtxManifest Valid(string source) => Problem() is { } problem ? throw new BtxException($"{source}: {problem}") : this;

    private string? Problem()
    {
        if (Schema != CurrentSchema) return $"schema is {Schema}; this version reads {CurrentSchema}";
        if (!ForestManifestRules.IsHash(Architecture) || !ForestManifestRules.IsHash(Tokenizer) || !ForestManifestRules.IsHash(Sha256))
            return "architecture, tokenizer or sha256 is not a SHA-256";
        if (ForestSha256 is not null && !ForestManifestRules.IsHash(ForestSha256)) return "forest_sha256 is not a SHA-256";
        if (Experts.Count is 0 or > MoeConfig.MaxExperts) return $"{Experts.Count} experts; expected 1..{MoeConfig.MaxExperts}";
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in Experts)
        {
            if (e is null || !ForestManifestRules.IsName(e.Name) || !ForestManifestRules.IsName(e.Domain))
                return "an expert has no valid name or domain";
            if (!names.Add(e.Name)) return $"expert \"{e.Name}\" is listed twice";
            if (e.Source is { } source && (source.Length == 0 || source.Any(char.IsControl)))
                return $"expert \"{e.Name}\": source is no path";
            if (e.Sha256 is not null && !ForestManifestRules.IsHash(e.Sha256)) return $"expert \"{e.Name}\": sha256 is not a SHA-256";
        }

        if (!RouterKind.Names.Contains(Router.Kind))
            return $"router kind \"{BtxException.OneLine(Router.Kind)}\" is unknown; use {string.Join(", ", RouterKind.Names)}";
        if (Router.ExpertsPerToken < 1 || Router.ExpertsPerToken > Experts.Count)
            return $"router: experts_per_token is {Router.ExpertsPerToken}; expected 1..{Experts.Count}, the number of experts";
        if (Router.RidgeLambda is { } lambda && !(lambda > 0 && double.IsFinite(lambda)))
            return $"router: ridge_lambda is {lambda}; expected a number above 0";
        if (Router.SoftLayers.Any(l => l < 0)) return "router: a soft layer is negative";
        return Without.Any(n => !ForestManifestRules.IsName(n)) ? "without holds a name that is none" : null;
    }
}

/// <summary>Where the feed-forwards of one index come from.</summary>
public sealed record BtxExpert
{
    /// <summary>Unique in the model; the expert's name in the forest, or <c>seed</c>.</summary>
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>SHA-256 (hex) of the source's weight files; null for a model made elsewhere.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What the source was branched from.</summary>
    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>SHA-256 (hex) of the source's training shard.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>Training tokens of the source after branching.</summary>
    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>Absolute path of its own model directory when it was mixed, for one that is in no forest (the seed): what mixing it again
    /// reads it from.</summary>
    public string? Source { get; init; }
}

/// <summary>What a BTX model was fine-tuned on after mixing.</summary>
public sealed record BtxFineTune
{
    public required long Tokens { get; init; }

    public required long Steps { get; init; }

    /// <summary>SHA-256 (hex) of the training shard, by domain.</summary>
    public required IReadOnlyDictionary<string, string> Corpora { get; init; }

    /// <summary>Share of the tokens, by domain; sums to 1.</summary>
    public required IReadOnlyDictionary<string, double> Weights { get; init; }

    /// <summary>α; 0: no load balancing.</summary>
    public double LoadBalancing { get; init; }

    /// <summary>Whether the experts' own weights stayed as they were.</summary>
    public bool FrozenExperts { get; init; }
}

/// <summary>How a BTX model routes.</summary>
public sealed record BtxRouter
{
    /// <summary>One of <see cref="RouterKind.Names"/>: how it was trained.</summary>
    public string Kind { get; init; } = RouterKind.TopK;

    /// <summary>k at inference unless a request asks otherwise: <c>num_experts_per_tok</c> of the config.</summary>
    public required int ExpertsPerToken { get; init; }

    /// <summary>Where the weights began: <c>random</c>, <c>centroid</c>, <c>ridge</c> or <c>file</c>.</summary>
    public string? Init { get; init; }

    /// <summary>λ of <see cref="RouterInit.Ridge"/>; null: not fitted so, or <see cref="RidgeRouter.DefaultLambda"/>.</summary>
    public double? RidgeLambda { get; init; }

    /// <summary>Layers in which every expert always runs, whatever k is (the first, for <see cref="RouterKind.SampleTop1"/>).</summary>
    public IReadOnlyList<int> SoftLayers { get; init; } = [];
}
