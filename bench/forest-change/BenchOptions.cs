using Btx.Model;

namespace Btx.Bench.Change;

/// <summary>What is measured and how often.</summary>
internal sealed record BenchOptions
{
    public const string Help = """
        What a change of the forest costs those who are being served.

        usage: Btx.Bench.Change latency [options]    the time between two tokens of a stream: before, during and after changes
               Btx.Bench.Change cycles [options]     memory, mappings and files over many additions and removals

          --size demo|27m        parameters an expert: 0.27 M, or 27 M (110 MB in fp32, more than the last-level cache)
          --experts 4            of the forest before a change
          --streams 4            at a time
          --mode ensemble        or top_k (k = 2), expert, average
          --load streams         one long request a stream, all before the change; or requests: of 16 + 64 tokens, one after the other
          --repeats 7            latency: rounds of an addition, an average, a removal and nothing
          --cycles 500           cycles: additions and removals
          --threads 0            of the engine; 0: one a core
          --split                latency: of the worst steps, where their time went (processor, queue, faults by thread); 0.1 ms a step
          --json FILE            every figure
          --help

        latency: exit code 0 if the median over the rounds of (worst gap during an addition / median gap before it) is at most 2, 1 otherwise.
        cycles: exit code 0 if mappings, files and snapshots are the same at the end and memory does not grow, 1 otherwise. 2: wrong usage.

        Example: artifacts/bin/Btx.Bench.Change/release/Btx.Bench.Change latency --size 27m --streams 4
        """;

    public bool Cycling { get; init; }
    public string Size { get; init; } = "demo";
    public int Experts { get; init; } = 4;
    public int Streams { get; init; } = 4;
    public string Mode { get; init; } = "ensemble";
    public bool Requests { get; init; }
    public int Repeats { get; init; } = 7;
    public int Cycles { get; init; } = 500;
    public int Threads { get; init; }
    public bool Split { get; init; }
    public string? Json { get; init; }

    /// <summary>The first line of output: after the warm-up, so that whoever stops other work for a measurement can wait for it.</summary>
    public string Title(BenchForest forest) =>
        $"{forest.Config.ParameterCount / 1e6:F2} M parameters an expert, {Experts} experts, fp32; {Streams} streams of mode {Mode}, "
        + $"{(Requests || Cycling ? "request after request" : "one request each")}";

    /// <exception cref="BtxException">Wrong usage.</exception>
    public static BenchOptions Parse(string[] args)
    {
        if (args.Length == 0) throw new BtxException("name what to measure: latency or cycles");
        var options = new BenchOptions { Cycling = One(args[0], "the first argument", "latency", "cycles") == "cycles" };
        for (var i = 1; i < args.Length; i += args[i] == "--split" ? 1 : 2)
        {
            string Value() => i + 1 < args.Length ? args[i + 1] : throw new BtxException($"{args[i]} needs a value");
            int Number(int least) => int.TryParse(Value(), out var n) && n >= least ? n
                : throw new BtxException($"{args[i]} {Value()}: expected a whole number of at least {least}");
            options = args[i] switch
            {
                "--size" => options with { Size = One(Value(), args[i], "demo", "27m") },
                "--experts" => options with { Experts = Number(2) },
                "--streams" => options with { Streams = Number(1) },
                "--mode" => options with { Mode = One(Value(), args[i], "ensemble", "top_k", "expert", "average") },
                "--load" => options with { Requests = One(Value(), args[i], "streams", "requests") == "requests" },
                "--repeats" => options with { Repeats = Number(1) },
                "--cycles" => options with { Cycles = Number(10) },
                "--threads" => options with { Threads = Number(0) },
                "--split" => options with { Split = true },
                "--json" => options with { Json = Value() },
                _ => throw new BtxException($"{args[i]}: unknown option"),
            };
        }

        return options.Experts > 7 ? throw new BtxException($"--experts {options.Experts}: at most 7") : options;
    }

    private static string One(string value, string what, params string[] allowed) =>
        allowed.Contains(value) ? value : throw new BtxException($"{what} is {value}; use {string.Join(", ", allowed)}");
}
