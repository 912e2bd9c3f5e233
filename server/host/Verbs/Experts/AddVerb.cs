using System.CommandLine;
using Btx.Cli;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts add</c>.</summary>
internal static class AddVerb
{
    private const string Text =
        """
        Add an expert to the forest of a running server: a directory with config.json, model.safetensors and the tokenizer, in
        the server's file system and inside one of its roots (the source forest's directory, and every --expert-root of serve).
        It is validated beside the running forest (hashes, architecture, tokenizer, finite weights, first logits), then serves
        at once. If it cannot, nothing has changed. What the forest it lies in records of it (domain, parents, SHA-256) need not
        be given. Ctrl-C before the commit gives the change up.

        Examples:
          btx experts add forest/experts/law --name law --reason "contracts are in demand"
          btx experts add law-v2 --name law-v2 --domain law --parent law=1 --sample law=contracts.txt --reason "newer text"
        """;

    public static Command Create(Func<string, string?> ask)
    {
        var directory =
            new Argument<string>("directory") { Description = "the expert: absolute, or relative to here or to one of the server's roots" };
        var name = new Flag<string>("--name NAME", "what it is called from now on") { Required = true };
        var domain = new Flag<string?>("--domain NAME", "its domain (as recorded, else the name)");
        var parents = new Flag<string[]>("--parent NAME=W",
            "what it was branched from, and the weight; repeat it; they sum to 1 (as recorded)", []);
        var sha256 = new Flag<string?>("--sha256 HEX", "what its weight files must have (as recorded)");
        var samples = new Flag<string[]>("--sample DOMAIN=FILE", "text of a domain: its cached prior is computed anew; repeat it", []);
        var statistics = new Flag<string?>("--router-statistics DIR",
            "the expert's router statistics, for a served BTX model (beside its weights, if there)");
        var unlessServed = new Flag<bool>("--unless-served",
            "nothing to do if this name is served from this directory already: for scripts that are run again");
        var author = new AuthorFlags(ask);
        var forest = new ForestFlags();
        var json = new JsonFlag();
        var command = new Command("add", Text) { directory, name, domain, parents, sha256, samples, statistics, unlessServed,
            author.All, forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = forest.Open(parsed);
            string Here(string path) => remote.IsLoopback && Directory.Exists(path) ? Path.GetFullPath(path) : path;
            var request = new AddExpertRequest
            {
                Directory = Here(parsed.GetValue(directory)!),
                Name = parsed.GetValue(name),
                Domain = parsed.GetValue(domain) ?? "",
                Sha256 = parsed.GetValue(sha256)?.ToLowerInvariant() ?? "",
                Parents = { Assignments.Weights("--parent", parsed.GetValue(parents)!)
                    .Select(p => new Parent { Name = p.Key, Weight = p.Value }) },
                RouterStatistics = parsed.GetValue(statistics) is { } path ? Here(path) : "",
            };
            foreach (var (of, file) in Assignments.Texts("--sample", parsed.GetValue(samples)!))
                request.Samples.Add(of, TextFile.Read("--sample", file));
            request.By = author.Read(parsed);
            if (parsed.GetValue(unlessServed) && (await remote.ListExpertsAsync(cancellation)
                .ConfigureAwait(false)).Experts.FirstOrDefault(e => e.Name == request.Name && IsAt(e, request.Directory)) is { } there)
            {
                json.Write(parsed, there, [$"{there.Name} is served from {there.Path} already; nothing was changed"]);
                return 0;
            }

            var result = await ChangeRun.FollowAsync(parsed, remote.AddExpertAsync(request, cancellation)).ConfigureAwait(false);
            json.Write(parsed, result, ChangeReport.Of(result));
            return 0;
        });
        return command;
    }

    // A directory that was named relative to one of the server's roots ends the path that the server gives.
    private static bool IsAt(RegisteredExpert expert, string directory)
    {
        var named = Path.TrimEndingDirectorySeparator(directory);
        return expert.Path == named || (!Path.IsPathRooted(named) && expert.Path.EndsWith("/" + named, StringComparison.Ordinal));
    }
}
