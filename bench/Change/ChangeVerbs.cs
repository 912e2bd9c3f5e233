using System.CommandLine;
using System.Text.Json;
using Btx.Engine.Forests;

namespace Btx.Bench.Change;

/// <summary>What is measured under which load.</summary>
/// <param name="Requests">One request after the other on each stream, instead of one that lasts.</param>
/// <param name="Threads">Of the engine; 0: one a core.</param>
/// <param name="Records">Notes when tokens came.</param>
internal sealed record ChangeLoad(TinyForest Model, int Streams, string Mode, bool Requests, int Threads, bool Records);

/// <summary>What a change of the forest costs those who are being served: the time between two tokens of a stream, and memory.</summary>
internal static class ChangeVerbs
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Option<int> Experts = new Flag<int>("--experts N", "of the forest before a change", 4).Between(2, 7);
    private static readonly Option<int> Streams = new Flag<int>("--streams N", "at a time", 4).Between(1);
    private static readonly Option<string> Mode = new Choice("--mode", ["ensemble", "top_k", "expert", "average"],
        "routing; top_k has k = 2", "ensemble");
    private static readonly Option<int> Threads = new Flag<int>("--threads N", "of the engine; 0: one a core", 0).Between(0);
    private static readonly Option<FileInfo?> Json = new Flag<FileInfo?>("--json FILE", "writes every figure to this file");

    public static Command Latency()
    {
        var size = new Choice("--size", ["demo", "27m"],
            "parameters an expert: 0.28 M, or 27 M (110 MB in fp32, more than the last-level cache)", "demo");
        var load = new Choice("--load", ["streams", "requests"],
            "streams: one long request each, all before the change; requests: of 16 + 64 tokens, one after the other", "streams");
        var repeats = new Flag<int>("--repeats N", "rounds of an addition, an average, a removal and nothing", 7).Between(1);
        var split = new Flag<bool>("--split",
            "of the worst steps, where their time went (processor, queue, faults by thread); 0.1 ms a step");
        var verb = new Command("latency", """
            The time between two tokens of a stream before, during and after changes of the forest.
            Exit code 0 if the median over the rounds of (worst gap during an addition / median gap before it) is at most 2, 1 otherwise.
            """)
        { size, Experts, Streams, Mode, load, repeats, Threads, split, Json };
        verb.SetAction(async (parse, _) =>
        {
            // A stream that begins before a change still runs after it.
            var config = parse.GetValue(size) == "demo" ? Sizes.Demo : Sizes.Of27M(2048);
            var tiny = new TinyForest { Config = config, Experts = parse.GetValue(Experts) };
            using var forest = new TinyServedForest(tiny);
            var asked = Load(tiny, parse, parse.GetValue(load) == "requests", records: true);
            var (good, rounds) = await Change.Latency.MeasureAsync(forest, Guest(forest, tiny), asked, parse.GetValue(repeats),
                parse.GetValue(split));
            Write(parse, new
            {
                Size = parse.GetValue(size),
                asked.Mode,
                asked.Streams,
                Experts = parse.GetValue(Experts),
                asked.Requests,
                rounds
            });
            return good ? 0 : 1;
        });
        return verb;
    }

    public static Command Cycles()
    {
        var cycles = new Flag<int>("--cycles N", "additions and removals", 500).Between(10);
        var verb = new Command("cycles", """
            Memory, mappings and files over many additions and removals of an expert under load.
            Exit code 0 if mappings, files and snapshots are the same at the end and memory does not grow, 1 otherwise.
            """)
        { Experts, Streams, Mode, cycles, Threads, Json };
        verb.SetAction(async (parse, _) =>
        {
            var config = TinyForest.DefaultConfig with { MaxPositionEmbeddings = 256 };
            var tiny = new TinyForest { Config = config, Experts = parse.GetValue(Experts) };
            using var forest = new TinyServedForest(tiny);
            var (good, figures) = await Change.Cycles.MeasureAsync(forest, Guest(forest, tiny), Load(tiny, parse, requests: true,
                records: false), parse.GetValue(cycles));
            Write(parse, figures);
            return good ? 0 : 1;
        });
        return verb;
    }

    public static ForestEngine Start(TinyServedForest forest, ChangeLoad load, IEngineObserver? observer = null) =>
        ForestEngine.Start(new EngineOptions
        {
            Directory = forest.Served,
            Threads = load.Threads,
            Slots = Math.Max(8, load.Streams),
            PrepareAverages = true,
            VerifyHashes = false,
            Observer = observer,
        });

    /// <summary>Said after the warm-up, so that whoever stops other work for a measurement can wait for it.</summary>
    public static void Announce(ChangeLoad load) =>
        Console.WriteLine(
        $"{load.Model.Config.ParameterCount / 1e6:F2} M parameters an expert, {load.Model.Experts} experts, fp32; {load.Streams} "
        + $"streams of mode {load.Mode}, {(load.Requests ? "request after request" : "one request each")}");

    // The expert that comes and goes.
    private static ExpertSource Guest(TinyServedForest forest, TinyForest tiny)
    {
        var guest = new ExpertSource { Name = "guest", Domain = "guest", Directory = forest.Forest + "-guest" };
        tiny.WriteExpert(guest.Directory, 99);
        return guest;
    }

    private static ChangeLoad Load(TinyForest model, ParseResult parse, bool requests, bool records) =>
        new(model, parse.GetValue(Streams), parse.GetValue(Mode)!, requests, parse.GetValue(Threads), records);

    private static void Write(ParseResult parse, object figures)
    {
        if (parse.GetValue(Json) is { } file) File.WriteAllText(file.FullName, JsonSerializer.Serialize(figures, Indented));
    }
}
