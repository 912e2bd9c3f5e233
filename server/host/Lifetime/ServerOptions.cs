namespace Btx.Server.Lifetime;

/// <summary>What <c>serve</c> was told. The engine's own options are <see cref="Engine.EngineOptions"/>.</summary>
internal sealed record ServerOptions
{
    public const int LongestShutdown = 1800; // seconds

    public required ListenAddress Http { get; init; }

    public required ListenAddress Grpc { get; init; }

    /// <summary>Where the forest is administered and observed, and then nowhere else; null: at the two others.</summary>
    public ListenAddress? Admin { get; init; }

    public TlsOptions Tls { get; init; } = new();

    /// <summary>How long running requests may go on after the shutdown begins.</summary>
    public TimeSpan ShutdownLimit { get; init; } = TimeSpan.FromSeconds(30);

    public RequestLimits Limits { get; init; } = new();

    public TransportLimits Transport { get; init; } = new();

    /// <summary>Who may use the server, and by which names clients may call it.</summary>
    public AccessOptions Access { get; init; } = new();

    /// <summary>How many are open at each listener at most; null: as many as the limit of open files leaves.</summary>
    public int? Connections { get; init; }

    /// <summary>How long a request goes on after its client closed its side of the connection.</summary>
    public TimeSpan HalfClosedPatience { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a request's body may take to arrive.</summary>
    public TimeSpan BodyTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What models are given to read is written to the log.</summary>
    public bool LogsPrompts { get; init; }

    /// <summary>HTTP's, gRPC's, and the one of administration where there is one.</summary>
    public IReadOnlyList<ListenAddress> Addresses => Admin is null ? [Http, Grpc] : [Http, Grpc, Admin];

    /// <summary>What contradicts itself, or cannot be used, is added to <paramref name="problems"/>.</summary>
    public void Check(Problems problems)
    {
        foreach (var shared in Addresses.Where(a => a.EndPoint.Port > 0).GroupBy(a => a.EndPoint.Port).Where(same => same.Count() > 1))
            problems.Add($"{string.Join(" and ", shared.Select(a => a.Option))} name port {shared.Key}; each needs its own");
        Access.Check(problems, Http, Grpc, Admin);
        if (Tls.IsGiven) Tls.Check(problems);
    }
}

/// <summary>What is wrong with what <c>serve</c> was told, all of it told at once.</summary>
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

    public void Of(Action check) => Of(() =>
    {
        check();
        return true;
    });

    /// <exception cref="BtxException">There are any; one line that has them all.</exception>
    public void Throw()
    {
        if (Count > 0) throw new BtxException(string.Join("; ", this));
    }
}
