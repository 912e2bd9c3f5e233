namespace Btx.Trainer.Moe;

/// <summary>What <c>btx train mix</c> was asked for.</summary>
public sealed record MixRequest
{
    public const long DefaultTokensPerDomain = 20_000;

    public string? Forest { get; init; } // what to mix, or
    public string? Upcycle { get; init; } // a model to make copies of (sparse upcycling, arXiv 2212.05055)
    public int Copies { get; init; }
    public required string Output { get; init; }
    public IReadOnlyList<string> Experts { get; init; } = []; // in the order of their indices; empty: every ready expert
    public IReadOnlyList<string> Without { get; init; } = [];
    public string? Seed { get; init; } // model that becomes the last expert; null: none
    public string? RouterInit { get; init; } // or a file; null: ridge where there is text or statistics, else random
    public string? Corpus { get; init; }
    public string? Shards { get; init; } // where token shards are kept; null: inside the corpus
    public string? Statistics { get; init; } // an earlier BTX model's directory, whose saved statistics serve instead of text
    public string? States { get; init; } // see HiddenStateForm; null: mixed from text, own from statistics
    public long TokensPerDomain { get; init; } = DefaultTokensPerDomain;
    public double RidgeLambda { get; init; } = RidgeRouter.DefaultLambda; // in units of the mean eigenvalue of the second moments
    public int? K { get; init; } // null: 2, or as the router's kind says
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

    public required IReadOnlyList<string> Experts { get; init; } // names by index
    public IReadOnlyList<string> Without { get; init; } = [];
    public IReadOnlyList<MixResidual> Residuals { get; init; } = []; // ancestry of left-out experts that stays in the BTX model
    public required long Parameters { get; init; }
    public required long ActiveParameters { get; init; } // see Evaluation.ActiveParameters
    public required int ExpertsPerToken { get; init; }
    public required string Router { get; init; }
    public required string RouterInit { get; init; }

    // Of routers that are fitted, else null: see HiddenStateForm; scales by layer; by layer, the share of held-out states whose largest
    // logit is their own domain's.
    public string? States { get; init; }
    public IReadOnlyList<double>? RouterScales { get; init; }
    public IReadOnlyList<double>? RouterAccuracy { get; init; }

    public static MixReport Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        return ManifestJson.Read<MixReport>(BoundedFile.Read(path), path, "a report of a BTX model, mix again with --fresh");
    }

    public void Save(string path) => ManifestJson.Save(this, path);
}
