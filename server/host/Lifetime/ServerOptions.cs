namespace Btx.Server.Lifetime;

/// <summary>What <c>serve</c> was told, checked. The engine's own options are <see cref="Engine.EngineOptions"/>.</summary>
internal sealed record ServerOptions
{
    public static readonly TimeSpan LongestShutdown = TimeSpan.FromMinutes(30);

    public required ListenAddress Http { get; init; }

    public required ListenAddress Grpc { get; init; }

    /// <summary>How long running requests may go on after the shutdown begins.</summary>
    public TimeSpan ShutdownLimit { get; init; } = TimeSpan.FromSeconds(30);

    public RequestLimits Limits { get; init; } = new();

    /// <summary>Who may use the server, and by which names clients may call it.</summary>
    public AccessOptions Access { get; init; } = new();

    /// <summary>How many are open at each listener at most; null: as many as the limit of open files leaves.</summary>
    public int? Connections { get; init; }

    /// <summary>How long a request goes on after its client closed its side of the connection.</summary>
    public TimeSpan HalfClosedPatience { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a request's body may take to arrive.</summary>
    public TimeSpan BodyTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <exception cref="BtxException">Some values are out of range; one line that lists them all.</exception>
    public static ServerOptions Bind(string http, string grpc, double shutdownSeconds, double bodyMegabytes, int promptCharacters,
        AccessOptions access, IEnumerable<string> otherProblems)
    {
        var problems = new Problems();
        var httpAddress = problems.Of(() => ListenAddress.Parse("--http", http));
        var grpcAddress = problems.Of(() => ListenAddress.Parse("--grpc", grpc));
        if (httpAddress is { EndPoint.Port: > 0 } && grpcAddress is not null && httpAddress.EndPoint.Port == grpcAddress.EndPoint.Port)
            problems.Add($"--http and --grpc both name port {httpAddress.EndPoint.Port}; each needs its own");
        if (!(shutdownSeconds >= 0 && shutdownSeconds <= LongestShutdown.TotalSeconds))
            problems.Add($"--shutdown-limit is {shutdownSeconds}; expected 0..{LongestShutdown.TotalSeconds} seconds");
        if (!(bodyMegabytes is > 0 and <= 1024)) problems.Add($"--max-body-mb is {bodyMegabytes}; expected a number in (0, 1024]");
        if (promptCharacters < 1) problems.Add($"--max-prompt-chars is {promptCharacters}; expected 1 or more");
        problems.AddRange(otherProblems);
        if (httpAddress is not null && grpcAddress is not null) problems.Of(() => access.Open(httpAddress, grpcAddress));
        if (problems.Count > 0) throw new BtxException(string.Join("; ", problems));
        return new()
        {
            Http = httpAddress!,
            Grpc = grpcAddress!,
            ShutdownLimit = TimeSpan.FromSeconds(shutdownSeconds),
            Limits = new() { BodyBytes = (int)Math.Min(bodyMegabytes * (1 << 20), int.MaxValue), PromptCharacters = promptCharacters },
            Access = access,
        };
    }
}

/// <summary>What is wrong with a command line, all of it told at once.</summary>
internal sealed class Problems : List<string>
{
    /// <returns>Nothing, where what is read is refused.</returns>
    public T? Of<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (BtxException e)
        {
            Add(e.Message);
            return default;
        }
    }
}
