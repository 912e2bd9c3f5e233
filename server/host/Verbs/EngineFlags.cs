using Btx.Model.Devices;

namespace Btx.Server.Verbs;

/// <summary>The flags that say which forest and which BTX model run, and on what.</summary>
/// <param name="required">At least one of the two must be named.</param>
internal sealed class EngineFlags(bool required)
{
    private readonly Flag<string?> _forest = new("--forest DIR", "the served forest, which `btx export` writes");
    private readonly Flag<string?> _mixture = new("--btx DIR",
        "the served BTX model for mode moe, which `btx export --btx` writes; beside a forest or alone");
    private readonly Flag<string> _device = Flags.Device("where experts run");
    private readonly Flag<int> _threads = Flags.Threads("threads that run experts; 0: one per core", 0, least: 0);
    private readonly Flag<int> _intraOp = new("--intra-op-threads N",
        "threads inside one expert's session; 0: what --threads leaves to each", 0);
    private readonly Flag<bool> _spin = new("--spin",
        "let idle threads spin: lower latency on a machine of its own, ruinous on a shared one");
    private readonly Flag<int> _slots = new("--slots N", "sequences in the cache at a time", 16);
    private readonly Flag<int?> _context = new("--context N", "longest sequence in tokens; bounds the cache (what the model allows)");
    private readonly Flag<int> _batchTokens = new("--max-batch-tokens N", "tokens that one step runs at most", 512);
    private readonly Flag<int> _prefillChunk = new("--prefill-chunk N", "prompt tokens of one sequence in one step at most", 128);
    private readonly Flag<int> _queue = new("--queue N", "requests that may wait; one more is refused", 256);
    private readonly Flag<double> _stepLimit = new("--step-limit SECONDS",
        "/health/live fails while one step takes longer, so that a supervisor restarts a server that hangs", 60);

    private readonly Flag<bool> _noVerify = new("--no-verify", "do not compare the weights' hashes with the manifest");

    private readonly Choice _copies = new("--weights-copy", ["disk", "memory"],
        "where weights are copied to, so that nobody can change them under the server: disk (a file without a name in the served "
            + "directory; free where files can be reflinked) or memory", "disk");

    public void AddTo(Command command)
    {
        command.Add([_forest, _mixture, _device, _threads, _intraOp, _spin, _slots, _context, _batchTokens, _prefillChunk, _queue,
            _stepLimit, _noVerify, _copies]);
        if (!required) return;
        command.Validators.Add(parsed =>
        {
            if (parsed.GetValue(_forest) is null && parsed.GetValue(_mixture) is null)
                parsed.AddError("Option '--forest' or '--btx' is required.");
        });
    }

    /// <summary>Null: neither was named.</summary>
    /// <exception cref="Model.BtxException">The device is unknown.</exception>
    public EngineOptions? Read(ParseResult parsed, IStepObserver? observer) =>
        parsed.GetValue(_forest) is null && parsed.GetValue(_mixture) is null
        ? null
        : new()
        {
            Directory = parsed.GetValue(_forest),
            Moe = parsed.GetValue(_mixture),
            Device = DeviceSpec.Parse(parsed.GetValue(_device)!),
            Threads = parsed.GetValue(_threads),
            IntraOpThreads = parsed.GetValue(_intraOp),
            AllowSpinning = parsed.GetValue(_spin),
            Slots = parsed.GetValue(_slots),
            ContextLength = parsed.GetValue(_context),
            MaxBatchTokens = parsed.GetValue(_batchTokens),
            PrefillChunk = parsed.GetValue(_prefillChunk),
            QueueCapacity = parsed.GetValue(_queue),
            CopiesInMemory = parsed.GetValue(_copies) == "memory",
            StepLimit = Seconds(parsed.GetValue(_stepLimit)),
            VerifyHashes = !parsed.GetValue(_noVerify),
            Observer = observer,
        };

    // What no time span holds is out of range as well, and the engine's own check says so.
    private static TimeSpan Seconds(double value) => value is >= 0 and <= 1e6 ? TimeSpan.FromSeconds(value) : TimeSpan.FromSeconds(1e6);
}
