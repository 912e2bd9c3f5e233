namespace Btx.LoadTests.Load;

/// <summary>Which requests come when: a pure function of its parts and the seed. The prompts and lengths of request i are the
/// same under all arrivals but a trace's.</summary>
public sealed class LoadPlan(IArrivals arrivals, PromptTexts texts, PromptRuler ruler, DomainMix mix, ILengths prompts,
    ILengths outputs, long seed)
{
    public IArrivals Arrivals => arrivals;

    public ILengths Outputs => outputs;

    /// <summary>Requests so far whose lengths do not fit into the context and were cut.</summary>
    public int Shortened { get; private set; }

    /// <summary>In order of arrival; without end, except of a trace. <exception cref="LoadTestException">A trace names a
    /// domain that has no text.</exception></summary>
    public IEnumerable<PlannedRequest> Requests()
    {
        var index = 0;
        foreach (var arrival in arrivals.From(seed)) yield return Request(index++, arrival);
    }

    private PlannedRequest Request(int index, Arrival arrival)
    {
        var draws = new RandomStream(seed, RandomStream.Prompts, index);
        var domain = mix.Draw(ref draws);
        var (prompt, output, own) = (prompts.Draw(ref draws), outputs.Draw(ref draws), draws.Seed());
        if (arrival.Domain is { } named)
            domain = mix.Domains.Contains(named) ? named
                : throw new LoadTestException($"the trace names the domain {named}; the domain mix has {string.Join(", ", mix.Domains)}");
        var (promptAsked, outputAsked) = (arrival.PromptTokens ?? prompt, arrival.OutputTokens ?? output);
        output = ruler.AllowedOutput(outputAsked);
        prompt = ruler.Allowed(promptAsked, output);
        if (prompt < promptAsked || output < outputAsked) Shortened++;
        return new(index, arrival.Due, domain, ruler.Fit(domain, texts.Cut(domain, ruler.Characters(domain, prompt), ref draws), output),
            prompt, output, own);
    }
}
