using System.Text.Json;
using Btx.Model.Forests;
using Btx.Model.Moe;

namespace Btx.Trainer.Moe;

/// <summary>What <c>btx train mix</c> was asked for.</summary>
public sealed record MixRequest
{
    public const long DefaultTokensPerDomain = 20_000;

    /// <summary>Forest to mix; null with <see cref="Upcycle"/>.</summary>
    public string? Forest { get; init; }

    /// <summary>Model to make copies of (sparse upcycling, arXiv 2212.05055); null with <see cref="Forest"/>.</summary>
    public string? Upcycle { get; init; }
    public int Copies { get; init; }
    public required string Output { get; init; }

    /// <summary>Names in the order of their indices; empty: every ready expert in the manifest's order.</summary>
    public IReadOnlyList<string> Experts { get; init; } = [];
    public IReadOnlyList<string> Without { get; init; } = [];

    /// <summary>Model that becomes the last expert; null: none.</summary>
    public string? Seed { get; init; }

    /// <summary>See <see cref="Model.Moe.RouterInit"/>, or a file; null: ridge where there is text or statistics, else random.</summary>
    public string? RouterInit { get; init; }
    public string? Corpus { get; init; }

    /// <summary>Where token shards are kept; null: inside the corpus.</summary>
    public string? Shards { get; init; }

    /// <summary>An earlier BTX model's directory, whose saved statistics serve instead of text.</summary>
    public string? Statistics { get; init; }

    /// <summary>See <see cref="HiddenStateForm"/>; null: mixed from text, own from statistics.</summary>
    public string? States { get; init; }
    public long TokensPerDomain { get; init; } = DefaultTokensPerDomain;

    /// <summary>λ in units of the mean eigenvalue of the second moments.</summary>
    public double RidgeLambda { get; init; } = RidgeRouter.DefaultLambda;

    /// <summary>k; null: 2, or as the router's kind says.</summary>
    public int? K { get; init; }
    public string Router { get; init; } = RouterKind.TopK;
    public long RandomSeed { get; init; } = 1;
    public string Device { get; init; } = "cpu";
    public int Threads { get; init; } = 1;
    public bool Fresh { get; init; }
}

/// <summary>What was made: <c>mix.json</c> beside the BTX model, and the output of <c>--json</c>.</summary>
public sealed record MixReport
{
    public const string FileName = "mix.json";

    /// <summary>Names by index.</summary>
    public required IReadOnlyList<string> Experts { get; init; }
    public IReadOnlyList<string> Without { get; init; } = [];

    /// <summary>Ancestry of left-out experts that stays in the BTX model.</summary>
    public IReadOnlyList<MixResidual> Residuals { get; init; } = [];
    public required long Parameters { get; init; }

    /// <summary>See <see cref="Evaluation.ActiveParameters"/>.</summary>
    public required long ActiveParameters { get; init; }
    public required int ExpertsPerToken { get; init; }
    public required string Router { get; init; }
    public required string RouterInit { get; init; }

    /// <summary>See <see cref="HiddenStateForm"/>; null for routers that are not fitted.</summary>
    public string? States { get; init; }

    /// <summary>By layer; null for routers that are not fitted.</summary>
    public IReadOnlyList<double>? RouterScales { get; init; }

    /// <summary>By layer, share of held-out states whose largest logit is their own domain's; null where none is fitted.</summary>
    public IReadOnlyList<double>? RouterAccuracy { get; init; }

    public static MixReport Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        return ManifestJson.Read<MixReport>(BoundedFile.Read(path), path, "a report of a BTX model, mix again with --fresh");
    }

    public void Save(string path) => AtomicFile.WriteText(path, JsonSerializer.Serialize(this, ManifestJson.Options) + "\n");
}
