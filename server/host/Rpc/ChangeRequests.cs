using Btx.Forest;
using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Server.Rpc;

/// <summary>Changes that the wire asks for, checked as far as the request alone tells, and translated.</summary>
internal static class ChangeRequests
{
    /// <exception cref="RequestRejectedException">A value is missing or out of range; likewise below.</exception>
    public static ChangeAuthor Author(V1.ChangeAuthor? by)
    {
        if (!IsText(by?.Author, 200))
            throw Invalid("by.author", "the author of the change is missing, or not 1 to 200 printable characters; name who makes it");
        if (!IsText(by!.Reason, 2000))
            throw Invalid("by.reason", "the reason of the change is missing, or not 1 to 2000 printable characters; say why it is made");
        return new(by.Author, by.Reason);
    }

    public static ExpertAddition Addition(V1.AddExpertRequest request) => new()
    {
        By = Author(request.By),
        Directory = Needed("directory", request.Directory),
        Name = Name("name", request.Name),
        Domain = request.Domain.Length == 0 ? null : Name("domain", request.Domain),
        Sha256 = Hash(request.Sha256),
        Parents = request.Parents.Count == 0 ? null : Parents(request.Parents),
        Samples = request.Samples.ToDictionary(s => Name("samples", s.Key), s => Needed($"samples of {s.Key}", s.Value)),
        RouterStatistics = request.RouterStatistics.NullIfEmpty(),
    };

    public static ExpertRemoval Removal(V1.RemoveExpertRequest request) => new()
    {
        By = Author(request.By),
        Experts = Experts(request.Experts),
        Lineage = Lineage(request.Lineage),
        InFlight = RoutingMessages.Known("in_flight", request.InFlight, InFlightPolicy.Renormalise),
        Purge = request.Purge,
        DropMoe = request.DropMoe,
        Probe = request.Probe.NullIfEmpty(),
        ExpectedRevision = request.HasExpectedRevision ? request.ExpectedRevision : null,
    };

    public static AverageCreation Average(V1.CreateAverageRequest request)
    {
        var given = (request.Weights.Count > 0 ? 1 : 0) + (request.Domain.Length > 0 ? 1 : 0) + (request.Sample.Length > 0 ? 1 : 0);
        if (given != 1)
            throw Invalid("weights",
                $"{(given == 0 ? "none" : "more than one")} of weights, domain and sample is given; an average has exactly one of them");
        foreach (var (expert, weight) in request.Weights) RequireWeight("weights", expert, weight);
        return new()
        {
            By = Author(request.By),
            Name = Name("name", request.Name),
            Weights = request.Weights.Count > 0 ? request.Weights.ToDictionary() : null,
            Domain = request.Domain.NullIfEmpty(),
            Sample = request.Sample.NullIfEmpty(),
        };
    }

    public static Rollback Rollback(V1.RollbackRequest request) => new() { By = Author(request.By) };

    public static AverageRemoval Drop(V1.DropAverageRequest request) => new(Needed("name", request.Name)) { By = Author(request.By) };

    public static IReadOnlyList<string> Experts(IReadOnlyList<string> names)
    {
        if (names.Count == 0) throw Invalid("experts", "no expert is named; name one or more");
        if (names.Distinct().Count() < names.Count) throw Invalid("experts", "an expert is named twice");
        return names;
    }

    public static string Lineage(V1.LineagePolicy policy) =>
        RoutingMessages.Known("lineage", policy, V1.LineagePolicy.Only).ToString().ToLowerInvariant();

    private static ParentEntry[] Parents(IEnumerable<V1.Parent> parents)
    {
        ParentEntry[] entries = [.. parents.Select(p => new ParentEntry(Name("parents", p.Name), p.Weight))];
        foreach (var entry in entries) RequireWeight("parents", $"parent {entry.Name}", entry.Weight);
        if (entries.GroupBy(p => p.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw Invalid("parents", $"parent {twice.Key} is named twice");
        var sum = entries.Sum(p => p.Weight);
        if (Math.Abs(sum - 1) > 1e-6) throw Invalid("parents", $"the weights of the parents sum to {sum}; expected 1");
        return entries;
    }

    private static void RequireWeight(string parameter, string of, double weight)
    {
        if (!(weight >= 0) || double.IsInfinity(weight))
            throw Invalid(parameter, $"the weight of {of} is {weight}; expected 0 or more");
    }

    public static string Needed(string parameter, string text) =>
        text.Length > 0 ? text : throw Invalid(parameter, $"{parameter} is missing");

    private static string Name(string parameter, string text) => ForestManifestRules.IsName(Needed(parameter, text)) ? text
        : throw Invalid(parameter, $"{parameter} \"{Model.BtxException.OneLine(text)}\" is not a name; use 1 to 64 lower-case letters, "
            + "digits, \".\", \"_\" and \"-\"");

    private static string? Hash(string text) =>
        text.Length == 0 ? null
        : ForestManifestRules.IsHash(text) ? text : throw Invalid("sha256", "sha256 is not 64 lower-case hexadecimal digits");

    private static bool IsText(string? text, int limit) => !string.IsNullOrWhiteSpace(text) && text.Length <= limit
        && !text.Any(char.IsControl) && !text.Contains('\uFFFD', StringComparison.Ordinal);

    private static RequestRejectedException Invalid(string parameter, string message) => RequestRejectedException.For(parameter, message);
}
