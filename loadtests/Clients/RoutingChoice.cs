using Btx.LoadTests.Records;

namespace Btx.LoadTests.Clients;

/// <summary>How a request's experts are chosen.</summary>
/// <param name="Mode"><c>ensemble</c>, <c>top_k</c>, <c>top_p</c>, <c>average</c>, <c>expert</c> or <c>moe</c>.</param>
/// <param name="K">Of <c>top_k</c>; of <c>moe</c>, null for the model's own.</param>
/// <param name="P">Of <c>top_p</c>.</param>
/// <param name="Expert">Of <c>expert</c>; null: the one of the prompt's domain.</param>
/// <param name="Average">Of <c>average</c>: a name that the server knows; null: the uniform one.</param>
public sealed record RoutingChoice(string Mode, int? K = null, double? P = null, string? Expert = null, string? Average = null)
{
    public static IReadOnlyList<string> Modes { get; } = ["ensemble", "top_k", "top_p", "average", "expert", "moe"];

    /// <summary>A point's mode as requests ask for it.</summary>
    public static RoutingChoice Of(PointSettings settings)
    {
        var name = settings.Mode.Split(':', 2);
        return name[0] switch
        {
            "top_k" or "moe" => new(name[0], settings.K),
            "top_p" => new("top_p", P: double.Parse(name[1])),
            "expert" => new("expert", Expert: name.ElementAtOrDefault(1)),
            "average" => new("average", Average: name.ElementAtOrDefault(1)),
            _ => new(name[0]),
        };
    }

    /// <summary>This choice, with the domain's expert where it leaves that open.</summary>
    public RoutingChoice For(string domain, ServedFacts served)
    {
        if (Mode != "expert" || Expert is not null) return this;
        var name = served.Experts.Zip(served.Domains).Where(e => e.Second == domain).Select(e => e.First)
            .Concat(served.Experts.Where(e => e == domain)).FirstOrDefault();
        if (name is null)
            throw new LoadTestException($"--mode expert: no expert of the domain {domain} is served; name one with --expert, of "
                + string.Join(", ", served.Experts));
        return this with { Expert = name };
    }

    public RoutingChoice Validate()
    {
        if (!Modes.Contains(Mode)) throw new LoadTestException($"--mode {Mode}: unknown mode; use {string.Join(", ", Modes)}");
        if (Mode == "top_k" && K is null) throw new LoadTestException("--mode top_k: how many experts? Give --k");
        if (Mode == "top_p" && P is null) throw new LoadTestException("--mode top_p: which posterior mass? Give --p, for example 0.9");
        foreach (var (option, value, modes) in new (string, object?, string[])[] { ("k", K, ["top_k", "moe"]), ("p", P, ["top_p"]),
            ("expert", Expert, ["expert"]), ("average", Average, ["average"]) })
        {
            if (value is not null && !modes.Contains(Mode))
                throw new LoadTestException($"--{option} {value}: is for --mode {string.Join(" or ", modes)}, not for {Mode}");
        }

        return this;
    }
}
