using System.CommandLine;
using Btx.Engine;
using Btx.Model.Devices;

namespace Btx.Server.Verbs;

/// <summary>The flags that say which forest and which BTX model run, and on what.</summary>
/// <param name="required">At least one of the two must be named.</param>
internal sealed class EngineFlags(bool required)
{
    private readonly Option<string?> _forest = new("--forest")
    {
        Description = "the served forest, which `btx export` writes",
        HelpName = "DIR"
    };
    private readonly Option<string?> _mixture = new("--btx")
    {
        Description = "the served BTX model for mode moe, which `btx export --btx` writes; beside a forest or alone",
        HelpName = "DIR"
    };
    private readonly Option<string> _device = new("--device") { Description = "cpu or cuda[:n]", DefaultValueFactory = _ => "cpu" };
    private readonly Option<int> _threads = new("--threads")
    {
        Description = "threads that run experts; 0: one per core",
        DefaultValueFactory = _ => 0
    };
    private readonly Option<int> _intraOp = new("--intra-op-threads")
    {
        Description = "threads inside one expert's session; 0: what --threads leaves to each",
        DefaultValueFactory = _ => 0
    };
    private readonly Option<bool> _spin =
        new("--spin") { Description = "let idle threads spin: lower latency on a machine of its own, ruinous on a shared one" };
    private readonly Option<int> _slots = new("--slots")
    {
        Description = "sequences in the cache at a time",
        DefaultValueFactory = _ => 16
    };
    private readonly Option<int?> _context =
        new("--context") { Description = "longest sequence in tokens; bounds the cache (what the model allows)" };
    private readonly Option<int> _batchTokens = new("--max-batch-tokens")
    {
        Description = "tokens that one step runs at most",
        DefaultValueFactory = _ => 512
    };
    private readonly Option<int> _prefillChunk = new("--prefill-chunk")
    {
        Description = "prompt tokens of one sequence in one step at most",
        DefaultValueFactory = _ => 128
    };
    private readonly Option<int> _queue = new("--queue")
    {
        Description = "requests that may wait; one more is refused",
        DefaultValueFactory = _ => 256
    };
    private readonly Option<double> _stepLimit = new("--step-limit")
    {
        Description = "seconds; /health/live fails while one step takes longer, so that a supervisor restarts a server that hangs",
        DefaultValueFactory = _ => 60,
    };

    private readonly Option<bool> _noVerify = new("--no-verify") { Description = "do not compare the weights' hashes with the manifest" };

    private readonly Option<string> _copies = new Option<string>("--weights-copy")
    {
        Description =
            "where weights are copied to, so that nobody can change them under the server: disk (a file without a name in the served "
            + "directory; free where files can be reflinked) or memory",
        DefaultValueFactory = _ => "disk",
    }.AcceptOnlyFromAmong("disk", "memory");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _forest, _mixture, _device, _threads, _intraOp, _spin, _slots, _context, _batchTokens,
            _prefillChunk, _queue, _stepLimit, _noVerify, _copies })
            command.Options.Add(option);
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
