using Btx.Model.Files;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts remove</c>.</summary>
internal static class RemoveVerb
{
    private const string Text =
        """
        Take experts out of the forest of a running server, under load. First shown: what goes, and the residual ancestry of
        every survivor, which is how much of what goes it was branched from. Then it asks, or needs --yes. When the command
        returns no token uses the experts; their sessions, caches, averages and priors are gone, the memory is returned, and a
        signed certificate says what was removed and what was not. A removal is final: there is no rollback.

        Lineage, what is done with experts that were branched from them:
          only        they stay; their residual ancestry is reported
          cascade     they are removed too
          quarantine  they stay listed, without traffic
        In-flight, what becomes of requests that use them:
          renormalise they go on with the other experts; a request for a removed expert by name ends and is told why
          drain       they finish as they began, and the command waits for them
          abort       they end

        Examples:
          btx experts remove python --dry-run
          btx experts remove python --dry-run --lineage cascade --replay retrain.sh
          btx experts remove python --reason "the licence of its text ended" --certificate python.json
          btx experts remove python --lineage quarantine --purge --yes --reason "request of the owner"
        """;

    public static Command Create(Func<string, string?> ask, bool attended)
    {
        var names = new Argument<string[]>("name") { Description = "the experts", Arity = ArgumentArity.OneOrMore };
        var lineage = new Choice("--lineage", ["only", "cascade", "quarantine"], "what is done with experts branched from them", "only");
        var inFlight = new Choice("--in-flight", ["renormalise", "drain", "abort"],
            "what becomes of requests that use them", "renormalise");
        var purge = new Flag<bool>("--purge", "delete the experts' files, too");
        var dropBtx = new Flag<bool>("--drop-btx", "a served BTX model that holds them leaves, instead of being mixed again without them");
        var probe = new Flag<string?>("--probe FILE", "text on which the forest is compared with one built without them (built in)");
        var expect = new Flag<long?>("--expect-revision N", "only if the forest is at this revision");
        var certificate = new Flag<string?>("--certificate FILE", "save the certificate here, too");
        var dryRun = new Flag<bool>("--dry-run", "show what would happen, and change nothing");
        var yes = new Flag<bool>("--yes", "do not ask");
        var replay = new ReplayFlags();
        var author = new AuthorFlags(ask);
        var server = new ForestFlags();
        var json = new JsonFlag();
        var command = new Command("remove", Text) { names, lineage, inFlight, purge, dropBtx, probe, expect, certificate, dryRun, yes,
            replay.All, author.All, server.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (!attended && !parsed.GetValue(dryRun))
            {
                // What would be asked must be given where nobody can be asked: said before anything else is done.
                author.Read(parsed);
                if (!parsed.GetValue(yes))
                    throw new BtxException(
                        "a removal asks first, and there is no terminal to ask on; look at it with --dry-run, then give --yes");
            }

            var probeText = parsed.GetValue(probe) is { } file ? TextFile.Read("--probe", file) : "";
            var policy = Enum.Parse<LineagePolicy>(parsed.GetValue(lineage)!, ignoreCase: true);
            using var remote = server.Open(parsed);
            var asked = new PlanRemovalRequest
            {
                Experts = { parsed.GetValue(names)! },
                Lineage = policy,
                Purge = parsed.GetValue(purge),
                DropMoe = parsed.GetValue(dropBtx),
            };
            var plan = await remote.Forest.PlanRemovalAsync(asked, cancellationToken: cancellation);
            if (parsed.GetValue(expect) is { } revision && plan.Revision != revision)
                throw new BtxException($"--expect-revision is {revision}, but the forest is at revision {plan.Revision} now; look at it "
                    + "again (`btx experts history`)");
            var lines = ForestReport.Of(plan)
                .Concat(await FilesAsync(remote, plan, parsed.GetValue(purge), cancellation));
            if (parsed.GetValue(dryRun))
            {
                json.Write(parsed, plan, lines.Append($"nothing was changed; the forest is at revision {plan.Revision}"));
                await replay.WriteAsync(parsed, server, remote, plan.Requested, cancellation);
                return 0;
            }

            var error = parsed.InvocationConfiguration.Error;
            foreach (var line in ForestReport.Shown(lines)) await error.WriteLineAsync(line);
            await replay.WriteAsync(parsed, server, remote, plan.Requested, cancellation);
            var question = $"a removal is final. Remove {string.Join(", ", plan.Removed)}? (yes/no) ";
            if (!parsed.GetValue(yes) && ask(ForestReport.Shown(question)) is not ("yes" or "y")) return 1;
            var request = new RemoveExpertRequest
            {
                By = author.Read(parsed),
                Experts = { plan.Requested },
                Lineage = policy,
                InFlight = Enum.Parse<InFlight>(parsed.GetValue(inFlight)!, ignoreCase: true),
                Purge = parsed.GetValue(purge),
                DropMoe = parsed.GetValue(dropBtx),
                Probe = probeText,
                ExpectedRevision = plan.Revision,
            };
            var updates = remote.Forest.RemoveExpert(request, cancellationToken: cancellation);
            var result = await ChangeRun.FollowAsync(parsed, updates, cancellation);
            json.Write(parsed, result, ForestReport.Of(result));
            if (parsed.GetValue(certificate) is { } path) ReadingVerbs.Save(result.Certificate, path, error);
            return ForestReport.Certificate(result) is { Equality.Passed: false } ? 1 : 0;
        });
        return command;
    }

    /// <summary>What becomes of the files of what is removed.</summary>
    private static async Task<IEnumerable<string>> FilesAsync(BtxClient remote, RemovalPlan plan, bool purge,
        CancellationToken cancellation)
    {
        var list = await remote.Forest.ListExpertsAsync(new(), cancellationToken: cancellation);
        var (deleted, refused) = (purge && plan.PurgeRefused.Length == 0, plan.PurgeRefused.Length > 0);
        var lines = list.Experts.Where(e => plan.Removed.Contains(e.Name) && e.Path.Length > 0)
            .Select(e => $"files of {e.Name}: {(deleted ? "to be deleted" : "to be kept")} ({ForestReport.Place(e)})");
        return refused ? lines.Append($"the removal would be refused: {BtxException.OneLine(plan.PurgeRefused, 2000)}") : lines;
    }
}

/// <summary>The replay recipe of a removal: the commands that retrain its descendants from clean ancestors.</summary>
internal sealed class ReplayFlags
{
    private readonly Flag<string?> _replay = new("--replay FILE",
        "write the commands that retrain descendants from clean ancestors, for bash");
    private readonly Flag<string?> _corpus = new("--corpus DIR", "replay: directory of the text (as recorded)");
    private readonly Flag<string?> _seed = new("--seed DIR", "replay: directory of the seed model (as recorded)");

    public IReadOnlyList<Option> All => [_replay, _corpus, _seed];

    /// <summary>Writes the recipe, if it is asked for, and says so.</summary>
    /// <exception cref="BtxException">A corpus or a seed is neither recorded nor given, or the file cannot be written.</exception>
    public async Task WriteAsync(ParseResult parsed, ForestFlags server, BtxClient remote, IEnumerable<string> experts,
        CancellationToken cancellation)
    {
        if (parsed.GetValue(_replay) is not { } path) return;
        var recipe = await remote.Forest.ReplayRecipeAsync(new()
        {
            Experts = { experts },
            Corpus = parsed.GetValue(_corpus) ?? "",
            SeedModel = parsed.GetValue(_seed) ?? ""
        }, cancellationToken: cancellation);
        var error = parsed.InvocationConfiguration.Error;
        if (recipe.Retrained.Count == 0)
        {
            await error.WriteLineAsync("no replay is needed: nothing was branched from what goes");
            return;
        }

        AtomicFile.WriteText(path, recipe.Script);
        if (path != "-" && !AtomicFile.IsDevice(path) && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.UserExecute);
        await error
            .WriteLineAsync(ForestReport.Shown($"replay of {string.Join(", ", recipe.Retrained)} from "
                + $"{(recipe.Clean.Count == 0 ? "the seed" : string.Join(", ", recipe.Clean))}: bash {path}{server.Given(parsed)}"));
    }
}
