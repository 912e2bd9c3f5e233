namespace Btx.LoadTests.Sweeps;

/// <summary>What a sweep may serve, and how.</summary>
internal sealed record ServerInputs
{
    /// <summary>Null: <see cref="Grpc"/> is loaded.</summary>
    public ServerCommand? Command { get; init; }

    /// <summary>A running server's door; null: servers are started.</summary>
    public Uri? Grpc { get; init; }

    /// <summary>Its HTTP door, for its metrics; null: they are not read.</summary>
    public Uri? Http { get; init; }

    /// <summary>Served forests by precision.</summary>
    public IReadOnlyDictionary<string, string> Forests { get; init; } = new Dictionary<string, string>();

    /// <summary>Served BTX models by precision.</summary>
    public IReadOnlyDictionary<string, string> Mixtures { get; init; } = new Dictionary<string, string>();

    /// <summary>Those that are measured.</summary>
    public required IReadOnlyList<string> Precisions { get; init; }

    /// <summary>The largest closed loop: the server gets a slot for each request of it.</summary>
    public required int Concurrency { get; init; }

    /// <summary>No mode needs averages when the server starts.</summary>
    public required bool AveragesOnDemand { get; init; }

    /// <summary>The values that the server of a description is started with.</summary>
    public required IReadOnlyDictionary<string, string> FirstOptions { get; init; }

    /// <summary>Arguments of <c>serve</c>: read-only, so that a sweep never changes what it serves.</summary>
    /// <param name="verified">The weights' hashes were compared by an earlier start.</param>
    public IReadOnlyList<string> Arguments(string precision, IReadOnlyDictionary<string, string> options, bool verified)
    {
        var arguments = new List<string>();
        if (Forests.TryGetValue(precision, out var forest)) arguments.AddRange(["--forest", forest]);
        if (Mixtures.TryGetValue(precision, out var mixture)) arguments.AddRange(["--btx", mixture]);
        arguments.Add("--read-only");
        if (verified) arguments.Add("--no-verify");
        if (!options.ContainsKey("--slots")) arguments.Add($"--slots={Math.Max(16, Concurrency)}");
        if (AveragesOnDemand && !options.ContainsKey("--averages")) arguments.Add("--averages=demand");
        arguments.AddRange(options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}"));
        return arguments;
    }
}
