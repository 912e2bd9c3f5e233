using System.CommandLine;
using Btx.Trainer.Runs;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx reproduce</c>: the papers' comparisons at equal compute, over several random seeds.</summary>
internal static class ReproduceVerb
{
    private const string Text =
        """
        BTX, BTM and their baselines at equal training compute, over several random seeds: a table with mean and range.
        Compute is 6 x active parameters x tokens. The dense model, the continued seed, sparse upcycling and the fine-tuned average each get
        as much as BTX does, what the seed took included where it is their start. upcycled-tune gets BTX's fine-tuning alone.
        Rows that begin with "shared:" are of a second forest from the same seed, whose experts learn only their feed-forwards.
        Stopped or failed halfway, the same command goes on where it was.

        Examples:
          btx corpus --set full --out corpora
          btx reproduce --domains 4 --ablations
          btx reproduce --domains 8 --json eight.json
          btx reproduce --preset tiny --random-seed 1,2 --dry-run
          btx reproduce --seed-tokens 6M --seed-schedule linear --expert-tokens 37500 --tune-tokens 582k --shared-lr 4e-3 \
            --tune-lr 5e-4 --upcycle-lr 5e-4
        """;

    public static Command Create()
    {
        var domains = new Flag<string>("--domains 4|8|a,b", "4: novels,bible,python,german; 8: all training domains; or a list", "4");
        var seeds = Flags.Names("--random-seed LIST", "one run for each (1,2,3)");
        var skip = Flags.Names("--skip LIST", $"rows to leave out: {string.Join(", ", Reproduction.Optional)}");
        var equalTokens = new Flag<bool>("--equal-tokens", "also a dense model that gets as many tokens as BTX, which is less compute");
        var ablations = new Flag<bool>("--ablations",
            "also fine-tune with the other routers, without load balancing, with frozen experts, from random routers");
        var json = new Flag<string?>("--json FILE", "figures of every run and of the table");
        var dryRun = new Flag<bool>("--dry-run", "print the stages and their commands, and run nothing");
        FlagSet<Reproduction> flags = new()
        {
            { domains, (r, v) => r with { Domains = Names(v) } },
            { new Choice("--preset", ["demo", "tiny"], "0.28 M or 1 M parameters", "demo"), (r, v) => r with { Preset = v } },
            { seeds, (r, v) => v.Length > 0 ? r with { RandomSeeds = v } : r },
            { new Flag<string>("--corpus DIR", "made by: btx corpus --set full --out DIR", "corpora"),
                (r, v) => r with { Corpus = Path.GetFullPath(v) } },
            { new Flag<string?>("--dir DIR", "where everything is kept (reproduction/PRESET-DOMAINS); run again to resume"),
                (r, v) => r with { Directory = v! } },
            { TrainFlags.Count("--seed-tokens", "of the seed (600k)"), (r, v) => r with { SeedTokens = v } },
            { new Choice("--seed-schedule", ["constant", "linear"], "linear: the rate falls to a tenth", "constant"),
                (r, v) => r with { FallingSeed = v == "linear" } },
            { TrainFlags.Count("--expert-tokens", "of each expert (150k)"), (r, v) => r with { ExpertTokens = v } },
            { TrainFlags.Count("--tune-tokens", "of BTX's fine-tuning (62.5k for each expert)"), (r, v) => r with { TuneTokens = v } },
            { new Flag<string?>("--tune-lr RATE", "of every fine-tuning (half the preset's)"), (r, v) => r with { TuneRate = v } },
            { new Flag<string?>("--shared-lr RATE", "of experts that share all but their feed-forwards (twice the seed's)"),
                (r, v) => r with { SharedRate = v } },
            { new Flag<string?>("--lr-sweep LIST", "rates that the dense model chooses from (by preset)"),
                (r, v) => r with { Sweep = v! } },
            { new Flag<string?>("--upcycle-lr RATE", "of sparse upcycling and of the continued seed (the seed's)"),
                (r, v) => r with { UpcycleRate = v } },
            { skip, (r, v) => r with { Skipped = v } },
            { equalTokens, (r, v) => r with { EqualTokens = v } },
            { ablations, (r, v) => r with { Ablations = v } },
            { TrainFlags.Count("--test-tokens", "of each domain that the table rests on (100k)"), (r, v) => r with { TestTokens = v } },
            json,
            dryRun,
        };
        var command = new Command("reproduce", Text);
        command.Add(flags);
        command.Validators.Add(result =>
        {
            var skipped = result.GetValue(skip)!;
            if (result.GetValue(seeds)!.FirstOrDefault(s => !ulong.TryParse(s, out _)) is { } seed)
                result.AddError($"--random-seed {seed}: expected whole numbers such as 1,2,3");
            var named = result.GetValue(domains) ?? "4"; // defaults come after validation
            if (int.TryParse(named, out _) && named is not ("4" or "8"))
                result.AddError($"--domains {named}: expected 4, 8 or a list of names");
            else if (Names(named).Length < 2)
                result.AddError($"--domains {result.GetValue(domains)}: at least two are needed");
            if (skipped.Except(Reproduction.Optional).FirstOrDefault() is { } row)
                result.AddError($"--skip {row}: choose of {string.Join(", ", Reproduction.Optional)}");
            if (result.GetValue(equalTokens) && skipped.Contains("dense")) result.AddError("--skip dense: --equal-tokens needs it");
            if (result.GetValue(ablations) && skipped.Contains("mix-random")) result.AddError("--skip mix-random: --ablations needs it");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            var plan = flags.Apply(parsed, new());
            plan = plan with { Directory = TerminalRun.DirectoryOf(plan.Directory) };
            var graph = plan.Plan();
            if (parsed.GetValue(dryRun))
            {
                foreach (var line in graph.Lines()) Console.WriteLine(line);
                return 0;
            }

            if (!File.Exists(Path.Combine(plan.Corpus, CorpusManifest.FileName)))
                throw new BtxException($"{plan.Corpus} holds no corpus; make one with: btx corpus --set full --out {plan.Corpus}");
            await TerminalRun.ExecuteAsync("reproduce", plan.Directory, graph, keepGoing: true, cancellation).ConfigureAwait(false);
            var table = string.Concat(new ReproductionTables(plan.Reports).Lines(parsed.GetValue(json)).Select(l => l + "\n"));
            AtomicFile.WriteText(Path.Combine(plan.Directory, "table.md"), table);
            Console.Write(table);
            return 0;
        });
        return command;
    }

    private static string[] Names(string domains) => domains switch
    {
        "4" => ["novels", "bible", "python", "german"],
        "8" => ["novels", "bible", "wordnet", "python", "setmm", "man", "german", "speeches"],
        _ => Flags.Split(domains),
    };
}
