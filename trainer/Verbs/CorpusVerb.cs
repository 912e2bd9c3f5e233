using System.CommandLine;
using System.Text.Json;
using Btx.Trainer.Corpora.Packages;
using Btx.Trainer.Corpora.Recipes;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx corpus</c>: builds a corpus from packages and from the user's own folders.</summary>
internal static class CorpusVerb
{
    private const string Text =
        """
        Download, clean and split text into domains: DIR/corpus.json and DIR/DOMAIN/{train,validation,test}.jsonl.
        Stopped or failed halfway, the same command goes on where it was.

        Examples:
          btx corpus --set demo --out corpus                       novels, bible, python, german, 1.5 MB of each
          btx corpus --set full --out corpus                       8 domains to train on, 8 only to evaluate
          btx corpus --set full --domains python,golang --out corpus
          btx corpus --domain law=./law-texts --out corpus         a folder of your own: .txt, .md, .html, .jsonl, source code, these as .gz
          btx corpus --domain mail=./mail --role eval --out corpus
        """;

    public static Command Create()
    {
        var set = new Choice("--set", ["demo", "full"], "a set of domains from packages");
        var domains = Flags.Names("--domains A,B", "only these domains of the set");
        var own = new Flag<string[]>("--domain NAME=FOLDER", "a folder of text as a domain; may be repeated", []);
        own.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(t => t.Value.Length > 0 && t.Value.Split('=', 2) is not [_, { Length: > 0 }]) is { } token)
                result.AddError($"--domain \"{BtxException.OneLine(token.Value)}\": expected NAME=FOLDER, such as law=./law-texts");
        });
        var role = new Choice("--role", ["train", "eval"], "role of the --domain folders", "train");
        var strict = new Flag<bool>("--strict", "fail where a file or line of a --domain folder is no text, instead of leaving it out");
        var limit = new Flag<double?>("--limit-mb MB", "cap on the text of each domain, in MB (demo: 1.5)");
        limit.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var given }] && double.TryParse(given, out var megabytes) && megabytes is not (> 0 and < 1e6))
                result.AddError($"--limit-mb {given} is not above 0.");
        });
        var output = new Flag<string>("--out DIR", "corpus directory; domains already there stay") { Required = true };
        var json = new JsonFlag();
        var command = new Command("corpus", Text) { set, domains, own, role, strict, limit, output, json };
        command.Validators.Add(result =>
        {
            bool Given(Option option) => result.GetResult(option) is { Implicit: false };
            if (!Given(set) && !Given(own)) result.AddError("Say what to build: --set demo, --set full or --domain NAME=FOLDER.");
            if (!Given(set) && Given(domains))
                result.AddError("--domains chooses among the domains of --set: give --set demo or --set full too.");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var cap = (long?)(parsed.GetValue(limit) * 1e6);
            List<DomainRequest> requests = [];
            if (parsed.GetValue(set) is { } name)
            {
                var (recipes, most) = name == "demo" ? (RecipeCatalogue.Demo, RecipeCatalogue.DemoLimitBytes)
                    : (RecipeCatalogue.Full, (long?)null);
                requests.AddRange(RecipeCatalogue.Select(recipes, parsed.GetValue(domains)!).Select(r => DomainRequest.Of(r, cap ?? most)));
            }

            var ownRole = parsed.GetValue(role) == "eval" ? CorpusRole.Eval : CorpusRole.Train;
            requests.AddRange(parsed.GetValue(own)!.Select(o => Own(o, ownRole, cap, parsed.GetValue(strict))));
            if (requests.GroupBy(r => r.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw new BtxException($"domain {twice.Key} is asked for twice; give your folder another name");
            return RunAsync(parsed.GetValue(output)!, requests, parsed.GetValue(json), cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(string directory, List<DomainRequest> requests, string? json, CancellationToken cancellation)
    {
        IReadOnlyList<DomainOutcome> outcomes;
        var cache = new PackageCache(PackageCache.DefaultDirectory);
        using (var display = new ProgressDisplay())
        {
            outcomes = await new CorpusBuilder(cache, display, Math.Clamp(Environment.ProcessorCount, 2, 8)).BuildAsync(directory, requests,
                cancellation).ConfigureAwait(false);
        }

        var advice = TextAdvice.Of(outcomes.All(o => o.Domain is null) ? [] : CorpusDirectory.Open(directory).Domains);
        if (json is not null) AtomicFile.WriteText(json, Report(outcomes, advice));
        DomainOutcome[] failed = [.. outcomes.Where(o => o.Error is not null)];
        if (failed.Length > 0)
            throw new BtxException($"{failed.Length} of {outcomes.Count} domains could not be built: "
                + $"{string.Join(", ", failed.Select(f => f.Request.Name))} (reasons above); "
                + $"{(failed.Length < outcomes.Count ? $"the rest is in {directory}, " : "")}the same command tries again");
        Console.WriteLine($"corpus: {outcomes.Count} domains, {Quantity.Bytes(outcomes.Sum(o => o.Domain!.Bytes))} of text in {directory}");
        foreach (var line in advice?.Lines(directory) ?? []) Console.WriteLine(line);
        return 0;
    }

    private static DomainRequest Own(string text, CorpusRole role, long? limit, bool strict)
    {
        var (name, folder) = text.Split('=', 2) is [var before, var after] ? (before, after) : (text, "");
        CorpusManifest.CheckName(name, "--domain");
        return DomainRequest.OwnFolder(name, folder, role, limit, strict);
    }

    private static string Report(IReadOnlyList<DomainOutcome> outcomes, TextAdvice? advice) => JsonSerializer.Serialize(new
    {
        domains = outcomes.ToDictionary(o => o.Request.Name, o => new
        {
            role = o.Request.Role.ToString().ToLowerInvariant(),
            reused = o.Reused,
            documents = o.Domain?.Documents,
            bytes = o.Domain?.Bytes,
            splits = o.Domain is { } d ? Enum.GetValues<CorpusSplit>().ToDictionary(s => s.ToString().ToLowerInvariant(),
                s => new { documents = d[s].Documents, bytes = d[s].Bytes }) : null,
            notes = o.Domain?.Notes.Select(n => new { what = n.What, count = n.Count, examples = n.Examples }),
            source = o.Domain?.Source,
            error = o.Error,
        }),
        suggested = advice is null ? null
            : new
            {
                vocabulary_size = advice.VocabularySize,
                text_tokens = advice.Tokens,
                preset = advice.Preset,
                training_tokens = advice.Budget,
            },
    }) + "\n";
}
