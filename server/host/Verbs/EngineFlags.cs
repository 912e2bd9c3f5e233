using Btx.Model.Devices;

namespace Btx.Server.Verbs;

/// <summary>The flags that say which forest and which BTX model run, and on what.</summary>
internal sealed class EngineFlags
{
    private readonly Flag<string?> _forest = new("--forest DIR", "the served forest, which `btx export` writes");
    private readonly Flag<string?> _mixture = new("--btx DIR",
        "the served BTX model for mode moe, which `btx export --btx` writes; beside a forest or alone");

    private readonly FlagTable<EngineOptions> _others = new()
    {
        { Flags.Device("where experts run"), (options, device) => options with { Device = DeviceSpec.Parse(device) } },
        { Flags.Threads("threads that run experts; 0: one per core", 0, least: 0), (options, n) => options with { Threads = n } },
        { new Flag<int>("--intra-op-threads N", "threads inside one expert's session; 0: what --threads leaves to each", 0),
            (options, n) => options with { IntraOpThreads = n } },
        { new Choice("--spin", ["step", "never", "always"], "when threads of one session keep their cores busy while they wait: while a "
            + "step runs, never (many programs on few cores) or always (the lowest latency, on a machine of its own)", "step"),
            (options, word) => options with { Spinning = Enum.Parse<Spinning>(word!, ignoreCase: true) } },
        { new Flag<int>("--slots N", "sequences in the cache at a time", 16), (options, n) => options with { Slots = n } },
        { new Flag<int?>("--context N", "longest sequence in tokens; bounds the cache (what the model allows)"),
            (options, n) => options with { ContextLength = n } },
        { new Flag<int>("--max-batch-tokens N", "tokens that one step runs at most", 512),
            (options, n) => options with { MaxBatchTokens = n } },
        { new Flag<int>("--prefill-chunk N", "prompt tokens of one sequence in one step at most", 128),
            (options, n) => options with { PrefillChunk = n } },
        { new Flag<int>("--queue N", "requests that may wait; one more is refused", 256),
            (options, n) => options with { QueueCapacity = n } },
        { new Flag<double>("--step-limit SECONDS",
            "/health/live fails while one step takes longer, so that a supervisor restarts a server that hangs", 60),
            (options, seconds) => options with { StepLimit = Seconds(seconds) } },
        { new Flag<bool>("--no-verify", "do not compare the weights' hashes with the manifest"),
            (options, given) => options with { VerifyHashes = !given } },
        { new Choice("--weights-copy", ["disk", "memory"],
            "where weights are copied to, so that nobody can change them under the server: disk (a file without a name in the served "
                + "directory; free where files can be reflinked) or memory", "disk"),
            (options, place) => options with { CopiesInMemory = place == "memory" } },
    };

    /// <summary>Those that name what runs.</summary>
    public IEnumerable<Option> Models => [_forest, _mixture];

    public void AddTo(Command command) => command.Add([.. Models, .. _others]);

    /// <summary>Null: neither was named.</summary>
    /// <exception cref="BtxException">The device is unknown.</exception>
    public EngineOptions? Read(ParseResult parsed, IEngineObserver? observer)
    {
        var named = new EngineOptions { Directory = parsed.GetValue(_forest), Moe = parsed.GetValue(_mixture), Observer = observer };
        return named is { Directory: null, Moe: null } ? null : _others.Read(parsed, named);
    }

    // What no time span holds is out of range as well, and the engine's own check says so.
    private static TimeSpan Seconds(double value) => TimeSpan.FromSeconds(value is >= 0 and <= 1e6 ? value : 1e6);
}
