using MathNet.Numerics.Random;

namespace Btx.LoadTests.Load;

/// <summary>A request before it is sent.</summary>
/// <param name="PromptTokens">Asked for; the answer's usage says how many there were.</param>
public sealed record PlannedRequest(int Index, double? Due, string Domain, string Prompt, int PromptTokens, int OutputTokens, long Seed);

/// <summary>Which requests come when, by the seed alone; prompts and lengths are the same under all arrivals but a trace's.</summary>
public sealed class LoadPlan(Arrivals arrivals, PromptTexts texts, PromptRuler ruler, DomainMix mix, Lengths prompts, Lengths outputs,
    long seed)
{
    public Arrivals Arrivals => arrivals;

    /// <summary>Requests so far whose lengths do not fit into the context and were cut.</summary>
    public int Shortened { get; private set; }

    /// <summary>In order of arrival; without end, except of a trace.</summary>
    public IEnumerable<PlannedRequest> Requests() => arrivals.From(seed).Select((arrival, index) =>
    {
        var draws = RandomStream.Of(seed, RandomStream.Prompts, index);
        var domain = mix.Draw(draws);
        var (prompt, output, own) = (prompts.Draw(draws), outputs.Draw(draws), draws.NextFullRangeInt64() & (long.MaxValue >> 1));
        if (arrival.Domain is { } named)
            domain = mix.Domains.Contains(named) ? named
                : throw new LoadTestException($"the trace names the domain {named}; the domain mix has {string.Join(", ", mix.Domains)}");
        var (promptAsked, outputAsked) = (arrival.PromptTokens ?? prompt, arrival.OutputTokens ?? output);
        (prompt, output) = ruler.Allowed(promptAsked, outputAsked);
        if (prompt < promptAsked || output < outputAsked) Shortened++;
        var text = texts.Cut(domain, ruler.Characters(domain, prompt), draws);
        return new PlannedRequest(index, arrival.Due, domain, ruler.Fit(domain, text, output), prompt, output, own);
    });
}

/// <summary>Which domain a prompt is from, by weight.</summary>
/// <param name="weights">Above 0, of any sum.</param>
public sealed class DomainMix(IReadOnlyList<(string Domain, double Weight)> weights)
{
    private readonly double _sum = weights.Sum(w => w.Weight);

    public IReadOnlyList<string> Domains { get; } = [.. weights.Select(w => w.Domain)];

    public string Text => string.Join(',', weights.Select(w => FormattableString.Invariant($"{w.Domain}={w.Weight / _sum:0.###}")));

    /// <summary>Reads <c>novels=0.5,python=0.5</c>; null: all that there are, equally.</summary>
    public static DomainMix Read(string option, string? text, IReadOnlyCollection<string> available)
    {
        if (text is null) return new([.. available.Select(d => (d, 1.0))]);
        return new([.. Specification.Numbers(option, text, available, usual: "1").Select(w => (w.Key, w.Value))]);
    }

    public string Draw(Random draws)
    {
        var left = draws.NextDouble() * _sum;
        foreach (var (domain, weight) in weights)
            if ((left -= weight) < 0) return domain;
        return Domains[^1];
    }
}

/// <summary>Random draws that are the same on every machine, a stream for each purpose and index.</summary>
public static class RandomStream
{
    /// <summary>What a stream is for: the same prompts come whatever the arrivals are.</summary>
    public const int Arrivals = 1, Prompts = 2, Calibration = 3;

    public static Random Of(long seed, int stream, long index = 0) =>
        new Xoshiro256StarStar(unchecked((int)((((seed * 31) + stream) * 1_000_003) + index)), threadSafe: false);
}
