using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts averages</c>: parameter averages that are served under a name.</summary>
internal static class AveragesVerb
{
    private const string Text =
        """
        Parameter averages of experts that are served under a name: model average:NAME of the HTTP door, --mode average
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

    public static Command Create(Func<string, string?> ask) => new("averages", Text) { List(), Make(ask), Drop(ask) };

    private static Command List()
    {
        var forest = new ForestFlags();
        var json = new JsonFlag();
        var command = new Command("list", "List the averages that have a name, with their weights as they are served now.") { forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = forest.Open(parsed);
            var averages = await remote.ListAveragesAsync(cancellation).ConfigureAwait(false);
            json.Write(parsed, averages, ForestReport.Of(averages));
            return 0;
        });
        return command;
    }

    private static Command Make(Func<string, string?> ask)
    {
        var name = new Argument<string>("name") { Description = "what it is called" };
        var weights = new Flag<string?>("--weights A=W,B=W", "w by expert, scaled to sum to 1");
        var domain = new Flag<string?>("--domain NAME", "the domain whose cached prior it follows");
        var sample = new Flag<string?>("--sample FILE", "text of the target domain");
        var author = new AuthorFlags(ask);
        var forest = new ForestFlags();
        var json = new JsonFlag();
        var command = new Command("create", CreateText) { name, weights, domain, sample, author.All, forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
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
            request.By = author.Read(parsed);
            using var remote = forest.Open(parsed);
            var result = await ChangeRun.FollowAsync(parsed, remote.CreateAverageAsync(request, cancellation)).ConfigureAwait(false);
            json.Write(parsed, result, ChangeReport.Of(result));
            return 0;
        });
        return command;
    }

    private static Command Drop(Func<string, string?> ask)
    {
        var name = new Argument<string>("name") { Description = "the average" };
        var author = new AuthorFlags(ask);
        var forest = new ForestFlags();
        var json = new JsonFlag();
        var command = new Command("drop", "Drop an average that has a name. Requests that run on it end; the experts stay.") { name, author.All, forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = forest.Open(parsed);
            var request = new DropAverageRequest { Name = parsed.GetValue(name), By = author.Read(parsed) };
            var result = await ChangeRun.FollowAsync(parsed, remote.DropAverageAsync(request, cancellation)).ConfigureAwait(false);
            json.Write(parsed, result, ChangeReport.Of(result));
            return 0;
        });
        return command;
    }
}
