using Btx.Model.Devices;
using Btx.Model.Files;

namespace Btx.Engine;

/// <summary>How an engine is started. Immutable; <see cref="Validate"/> reports every problem at once.</summary>
public sealed record EngineOptions
{
    /// <summary>The served forest: the directory with <c>served.json</c>; null: none.</summary>
    public string? Directory { get; init; }

    /// <summary>The served BTX model: the directory with <c>served-btx.json</c>; null: none. It or <see cref="Directory"/> is named, or
    /// both.</summary>
    public string? Moe { get; init; }

    public DeviceSpec Device { get; init; } = DeviceSpec.Cpu;

    /// <summary>Threads that run experts and mix, the loop's own included; 0: one per core.</summary>
    public int Threads { get; init; }

    /// <summary>Threads inside one session; 0: what <see cref="Threads"/> leaves to each expert when all run at once, at least 1; a BTX
    /// model, which answers alone, then has them all. More than one pays where few experts run on many cores.</summary>
    public int IntraOpThreads { get; init; }

    /// <summary>Lets idle session threads spin: lower latency on a machine of its own, ruinous on a shared one.</summary>
    public bool AllowSpinning { get; init; }

    /// <summary>Sequences that a model holds in its KV cache at a time, 1..1024.</summary>
    public int Slots { get; init; } = 16;

    /// <summary>Longest sequence in tokens; null: what the architecture allows. Bounds the KV cache.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Most tokens that one step runs on a model, decode and prefill together; at least <see cref="Slots"/>.</summary>
    public int MaxBatchTokens { get; init; } = 512;

    /// <summary>Most prompt tokens of one sequence in one step, so that a long prompt does not stall the others.</summary>
    public int PrefillChunk { get; init; } = 128;

    /// <summary>Requests that may wait for slots; one more is refused as busy.</summary>
    public int QueueCapacity { get; init; } = 256;

    /// <summary>Hashes every weight file and compares it with the manifest (reads all weights once).</summary>
    public bool VerifyHashes { get; init; } = true;

    /// <summary>Makes every average (uniform, and one for each domain with a cached prior) when the forest is loaded, in the background,
    /// instead of at the first request for it. Each takes the memory of one expert.</summary>
    public bool PrepareAverages { get; init; }

    /// <summary>Private copies of weights are in memory, sealed; otherwise they are files without a name in the served directory.</summary>
    public bool CopiesInMemory { get; init; }

    /// <summary>Shared by all engines whose options are copies of these, so that a file is copied once.</summary>
    public PrivateCopies Copies { get; init; } = new();

    /// <summary>A step that takes longer is a fault of the engine while it lasts: see <see cref="IForestEngine.Problem"/>. 1 s..1
    /// h.</summary>
    public TimeSpan StepLimit { get; init; } = TimeSpan.FromMinutes(1);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public Func<long> SeedSource { get; init; } = static () => Random.Shared.NextInt64();

    public IStepObserver? Observer { get; init; }

    /// <summary>Receives what went wrong beside the loop and stops no request, one line each. Any thread.</summary>
    public Action<string>? Report { get; init; }

    /// <summary>Called on the engine's thread at each of <see cref="ForestEngine.FaultPoints"/>; for tests that hang or fail
    /// there.</summary>
    public Action<string>? InjectFault { get; init; }

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
