namespace Btx.LoadTests.Doors;

/// <summary>How a request's experts are chosen.</summary>
/// <param name="Mode"><c>ensemble</c>, <c>top_k</c>, <c>top_p</c>, <c>average</c>, <c>expert</c> or <c>moe</c>.</param>
/// <param name="K">Of <c>top_k</c>; of <c>moe</c>, null for the model's own.</param>
/// <param name="P">Of <c>top_p</c>.</param>
/// <param name="Expert">Of <c>expert</c>; null: the one of the prompt's domain.</param>
/// <param name="Average">Of <c>average</c>: a name that the server knows; null: the uniform one.</param>
public sealed record RoutingChoice(string Mode, int? K = null, double? P = null, string? Expert = null, string? Average = null)
{
    public static IReadOnlyList<string> Modes { get; } = ["ensemble", "top_k", "top_p", "average", "expert", "moe"];

    /// <summary>This choice, with the domain's expert where it leaves that open.</summary>
    /// <exception cref="LoadTestException">No expert is of that domain.</exception>
    public RoutingChoice For(string domain, ServedModel served) => Mode != "expert" || Expert is not null ? this : this with
    {
        Expert = served.Experts.FirstOrDefault(e => e.Domain == domain)?.Name ?? served.Experts.FirstOrDefault(e => e.Name == domain)?.Name
            ?? throw new LoadTestException($"--mode expert: no expert of the domain {domain} is served; name one with --expert, of "
                + $"{string.Join(", ", served.Experts.Select(e => e.Name))}"),
    };

    /// <exception cref="LoadTestException">An unknown mode, or an option that its mode lacks or does not read.</exception>
    public RoutingChoice Validate()
    {
        if (!Modes.Contains(Mode)) throw new LoadTestException($"--mode {Mode}: unknown mode; use {string.Join(", ", Modes)}");
        if (Mode == "top_k" && K is null) throw new LoadTestException("--mode top_k: how many experts? Give --k");
        if (Mode == "top_p" && P is null) throw new LoadTestException("--mode top_p: which posterior mass? Give --p, for example 0.9");
        if (K is not null && Mode is not ("top_k" or "moe"))
            throw new LoadTestException($"--k {K}: is for --mode top_k or moe, not for {Mode}");
        if (P is not null && Mode != "top_p") throw new LoadTestException($"--p {P}: is for --mode top_p, not for {Mode}");
        if (Expert is not null && Mode != "expert") throw new LoadTestException($"--expert {Expert}: is for --mode expert, not for {Mode}");
        if (Average is not null && Mode != "average")
            throw new LoadTestException($"--average {Average}: is for --mode average, not for {Mode}");
        return this;
    }

    /// <summary>As people write it: <c>top_k=2</c>, <c>ensemble</c>, <c>expert python</c>.</summary>
    public override string ToString() => Mode switch
    {
        "top_k" or "moe" when K is { } k => $"{Mode}={k}",
        "top_p" => $"top_p={P}",
        "expert" => $"expert {Expert ?? "of the prompt's domain"}",
        "average" when Average is not null => $"average {Average}",
        _ => Mode,
    };
}
