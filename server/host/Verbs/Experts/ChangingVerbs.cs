using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>The verbs that change a forest, but for <see cref="RemoveVerb"/>.</summary>
/// <param name="ask">Asks the person at the terminal; null answers: there is none.</param>
internal sealed class ChangingVerbs(Func<string, string?> ask)
{
    private readonly AuthorFlags _author = new(ask);
    private readonly ForestFlags _server = new();
    private readonly JsonFlag _json = new();

    private const string AddText =
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

    private const string RollbackText =
        """
        Undo the last committed change, if it was an addition, an average or a re-mixed BTX model. A removal is final, and a
        rollback is not undone. The rollback is a change of its own, in the history.

        Examples:
          btx experts rollback --reason "worse on the test set"
        """;

    private const string AveragesText =
        """
        Parameter averages of experts that are served under a name: model average:NAME over HTTP, --mode average
        --average-name NAME. An average follows every change of the forest: what a removed expert had goes to the others.

        Examples:
          btx experts averages list
          btx experts averages create prose --weights novels=0.7,bible=0.3 --reason "a model for prose"
          btx experts averages drop prose --reason "not used"
        """;

    private const string CreateText =
        """
        Make an average and serve it under a name. Its weights are chosen (--weights), follow the cached prior of a domain
        (--domain), or are the posterior over a text of the target domain (--sample) and fixed from then on.

        Examples:
          btx experts averages create prose --weights novels=0.7,bible=0.3 --reason "a model for prose"
          btx experts averages create code --domain python --reason "follows the prior of python"
          btx experts averages create letters --sample letters.txt --reason "for the letters project"
        """;

    public Command Add()
    {
        var directory =
            new Argument<string>("directory") { Description = "the expert: absolute, or relative to here or to one of the server's roots" };
        var name = new Flag<string>("--name NAME", "what it is called from now on") { Required = true };
        var domain = new Flag<string?>("--domain NAME", "its domain (as recorded, else the name)");
        var parents = new Flag<string[]>("--parent NAME=W",
            "what it was branched from, and the weight; repeat it; they sum to 1 (as recorded)", []);
        var sha256 = new Flag<string?>("--sha256 HEX", "what its weight files must have (as recorded)");
        var samples = new Flag<string[]>("--sample DOMAIN=FILE", "text of a domain: its cached prior is computed again; repeat it", []);
        var statistics = new Flag<string?>("--router-statistics DIR",
            "the expert's router statistics, for a served BTX model (beside its weights, if there)");
        var unlessServed = new Flag<bool>("--unless-served",
            "nothing to do if this name is served from this directory already: for scripts that are run again");
        return Changing(new("add", AddText) { directory, name, domain, parents, sha256, samples, statistics, unlessServed },
            async (parsed, remote, cancellation) =>
        {
            string Here(string path) => remote.Address.IsLoopback && Directory.Exists(path) ? Path.GetFullPath(path) : path;
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
            request.By = _author.Read(parsed);
            var served = parsed.GetValue(unlessServed)
                ? await remote.Forest.ListExpertsAsync(new(), cancellationToken: cancellation) : new();
            if (served.Experts.FirstOrDefault(e => e.Name == request.Name && IsAt(e, request.Directory)) is { } there)
            {
                _json.Write(parsed, there, [$"{there.Name} is served from {there.Path} already; nothing was changed"]);
                return null;
            }

            return remote.Forest.AddExpert(request, cancellationToken: cancellation);
        });
    }

    public Command Rollback() => Changing(new("rollback", RollbackText), (parsed, remote, cancellation) =>
        remote.Forest.Rollback(new() { By = _author.Read(parsed) }, cancellationToken: cancellation));

    public Command Averages() => new("averages", AveragesText) { ReadingVerbs.Averages(), CreateAverage(), DropAverage() };

    private Command CreateAverage()
    {
        var name = new Argument<string>("name") { Description = "what it is called" };
        var weights = new Flag<string?>("--weights A=W,B=W", "w by expert, scaled to sum to 1");
        var domain = new Flag<string?>("--domain NAME", "the domain whose cached prior it follows");
        var sample = new Flag<string?>("--sample FILE", "text of the target domain");
        return Changing(new("create", CreateText) { name, weights, domain, sample }, (parsed, remote, cancellation) =>
        {
            Option[] given = [.. new Option[] { weights, domain, sample }.Where(o => parsed.GetResult(o) is not null)];
            if (given.Length != 1)
                throw new BtxException($"{(given.Length == 0 ? "none" : string.Join(" and ", given.Select(o => o.Name)))} of --weights, "
                    + "--domain and --sample is given; choose exactly one");
            var request = new CreateAverageRequest
            {
                Name = parsed.GetValue(name),
                Weights = { Assignments.Weights("--weights", parsed.GetValue(weights)?.Split(',', StringSplitOptions.TrimEntries) ?? [])
                    .ToDictionary() },
                Domain = parsed.GetValue(domain) ?? "",
                Sample = parsed.GetValue(sample) is { } file ? TextFile.Read("--sample", file) : "",
            };
            request.By = _author.Read(parsed);
            return remote.Forest.CreateAverage(request, cancellationToken: cancellation);
        });
    }

    private Command DropAverage()
    {
        var name = new Argument<string>("name") { Description = "the average" };
        const string Text = "Drop an average that has a name. Requests that run on it end; the experts stay.";
        return Changing(new("drop", Text) { name }, (parsed, remote, cancellation) =>
            remote.Forest.DropAverage(new() { Name = parsed.GetValue(name), By = _author.Read(parsed) }, cancellationToken: cancellation));
    }

    private Command Changing(Command command,
        Func<ParseResult, BtxClient, CancellationToken, AsyncServerStreamingCall<ChangeUpdate>> start) => Changing(command,
        (parsed, remote, cancellation) => Task.FromResult<AsyncServerStreamingCall<ChangeUpdate>?>(start(parsed, remote, cancellation)));

    /// <param name="start">Asks the server for the change; whoever makes it is asked for last. Null: there is nothing to do.</param>
    private Command Changing(Command command,
        Func<ParseResult, BtxClient, CancellationToken, Task<AsyncServerStreamingCall<ChangeUpdate>?>> start)
    {
        command.Add([.. _author.All, .. _server.All, _json]);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = _server.Open(parsed);
            if (await start(parsed, remote, cancellation) is not { } updates) return 0;
            var result = await ChangeRun.FollowAsync(parsed, updates, cancellation);
            _json.Write(parsed, result, ForestReport.Of(result));
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
