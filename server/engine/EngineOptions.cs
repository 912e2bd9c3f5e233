namespace Btx.Engine;

/// <summary>How an engine is started. Immutable; <see cref="Validate"/> reports every problem at once.</summary>
/// <param name="Directory">The served forest: the directory with <c>served.json</c>; null: none.</param>
/// <param name="Moe">The served BTX model: the directory with <c>served-btx.json</c>; null: none, but a forest.</param>
/// <param name="Threads">Threads that run experts and mix, the loop's own included; 0: one per core.</param>
/// <param name="IntraOpThreads">Threads inside one session; 0: what <paramref name="Threads"/> leaves to each expert when all run at once,
/// at least 1; a BTX model, which answers alone, then has them all. More than one pays where few experts run on many cores.</param>
/// <param name="Spinning">When a session's threads spin instead of blocking.</param>
/// <param name="Slots">Sequences that a model holds in its KV cache at a time, 1..1024.</param>
/// <param name="ContextLength">Longest sequence in tokens; null: what the architecture allows. Bounds the KV cache.</param>
/// <param name="MaxBatchTokens">Most tokens that one step runs on a model, decode and prefill together; at least the slots.</param>
/// <param name="PrefillChunk">Most prompt tokens of one sequence in one step, so that a long prompt does not stall the others.</param>
/// <param name="QueueCapacity">Requests that may wait for slots; one more is refused as busy.</param>
/// <param name="VerifyHashes">Hashes every weight file and compares it with the manifest (reads all weights once).</param>
/// <param name="PrepareAverages">Makes every average in the background when the forest is loaded, instead of at the first request.</param>
/// <param name="CopiesInMemory">Private copies of weights are in memory, sealed; else files without a name in the served directory.</param>
/// <param name="Report">Receives what went wrong beside the loop and stops no request, one line each. Any thread.</param>
/// <param name="InjectFault">Called on the engine's thread at each of <see cref="ForestEngine.FaultPoints"/>, for tests.</param>
public sealed record EngineOptions(string? Directory = null, string? Moe = null, int Threads = 0, int IntraOpThreads = 0,
    Spinning Spinning = Spinning.Step, int Slots = 16, int? ContextLength = null, int MaxBatchTokens = 512, int PrefillChunk = 128,
    int QueueCapacity = 256, bool VerifyHashes = true, bool PrepareAverages = false, bool CopiesInMemory = false,
    IEngineObserver? Observer = null, Action<string>? Report = null, Action<string>? InjectFault = null)
{
    public DeviceSpec Device { get; init; } = DeviceSpec.Cpu;

    /// <summary>Tests have no other device for fp16.</summary>
    internal bool ServesHalfOnCpu { get; init; }

    /// <summary>Shared by all engines whose options are copies of these, so that a file is copied once.</summary>
    public PrivateCopies Copies { get; init; } = new();

    /// <summary>A longer step is a fault of the engine while it lasts: see <see cref="IForestEngine.Problem"/>. 1 s..1 h.</summary>
    public TimeSpan StepLimit { get; init; } = TimeSpan.FromMinutes(1);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public Func<long> SeedSource { get; init; } = static () => Random.Shared.NextInt64();

    /// <exception cref="BtxException">Some options are out of range; the message lists them all.</exception>
    public EngineOptions Validate()
    {
        var problems = new List<string>();
        void Range(string name, int value, int low, int high)
        {
            if (value < low || value > high) problems.Add($"{name} is {value}; expected {low}..{high}");
        }

        Range("--threads", Threads, 0, 1024);
        Range("--intra-op-threads", IntraOpThreads, 0, 1024);
        Range("--slots", Slots, 1, 1024);
        Range("--max-batch-tokens", MaxBatchTokens, 1, 1 << 20);
        Range("--prefill-chunk", PrefillChunk, 1, 1 << 20);
        Range("--queue", QueueCapacity, 0, 1 << 20);
        if (StepLimit < TimeSpan.FromSeconds(1) || StepLimit > TimeSpan.FromHours(1))
            problems.Add($"--step-limit is {StepLimit.TotalSeconds}; expected 1..3600 seconds");
        if (ContextLength is { } context) Range("--context", context, 2, 1 << 26);
        if (MaxBatchTokens < Slots) problems.Add($"--max-batch-tokens is {MaxBatchTokens}; expected at least --slots, {Slots}");
        if (Directory is null && Moe is null)
            problems.Add("neither a served forest nor a served BTX model is named; `btx export` makes them");
        else if (Directory is not null && string.IsNullOrWhiteSpace(Directory))
            problems.Add("no served forest named; `btx export --forest F --out S` makes one");
        if (Moe is not null && string.IsNullOrWhiteSpace(Moe))
            problems.Add("no served BTX model named; `btx export --btx MODEL --out S` makes one");
        return problems.Count == 0 ? this : throw new BtxException(string.Join("; ", problems));
    }
}

/// <summary>When threads of a session that wait for one another, or for work, keep their cores busy. A session of one thread has none that
/// wait.</summary>
public enum Spinning
{
    /// <summary>While a step runs: a second thread pays only so.</summary>
    Step,

    /// <summary>Where many programs share few cores.</summary>
    Never,

    /// <summary>Between steps as well: the lowest latency on a machine of its own, ruinous on a shared one.</summary>
    Always,
}
