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
        var draws = new RandomStream(seed, RandomStream.Prompts, index);
        var domain = mix.Draw(ref draws);
        var (prompt, output, own) = (prompts.Draw(ref draws), outputs.Draw(ref draws), draws.Seed());
        if (arrival.Domain is { } named)
            domain = mix.Domains.Contains(named) ? named
                : throw new LoadTestException($"the trace names the domain {named}; the domain mix has {string.Join(", ", mix.Domains)}");
        var (promptAsked, outputAsked) = (arrival.PromptTokens ?? prompt, arrival.OutputTokens ?? output);
        (prompt, output) = ruler.Allowed(promptAsked, outputAsked);
        if (prompt < promptAsked || output < outputAsked) Shortened++;
        var text = texts.Cut(domain, ruler.Characters(domain, prompt), ref draws);
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

    public string Draw(ref RandomStream draws)
    {
        var left = draws.Uniform() * _sum;
        foreach (var (domain, weight) in weights)
            if ((left -= weight) < 0) return domain;
        return Domains[^1];
    }
}

/// <summary>Random draws that are the same on every machine (SplitMix64, Steele, Lea, Flood 2014), a stream for each index.</summary>
public struct RandomStream(long seed, int stream, long index = 0)
{
    /// <summary>What a stream is for: the same prompts come whatever the arrivals are.</summary>
    public const int Arrivals = 1, Prompts = 2, Calibration = 3;

    private ulong _state = Mix(Mix((ulong)seed ^ 0x9E3779B97F4A7C15) + ((ulong)stream * 0xD1B54A32D192ED03))
        ^ Mix((ulong)index + 0x8CB92BA72F3D8DD7);

    /// <summary>Uniform in [0, 1).</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    public int Below(int count) => (int)(Uniform() * count);

    public double Exponential() => -Math.Log(1 - Uniform());

    /// <summary>Standard normal (Box and Muller).</summary>
    public double Normal() => Math.Sqrt(2 * Exponential()) * Math.Cos(2 * Math.PI * Uniform());

    public long Seed() => (long)(Next() >> 2);

    private ulong Next() => Mix(_state += 0x9E3779B97F4A7C15);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
