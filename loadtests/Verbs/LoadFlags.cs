using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>What <c>run</c> and <c>sweep</c> both take.</summary>
internal sealed class LoadFlags(string seeded)
{
    private readonly Flag<string> _corpus = new("--corpus DIR", "prompts come from the test split of this corpus") { Required = true };
    private readonly Flag<string?> _domains = new("--domains MIX", "domain mix of the prompts: novels=0.7,python=0.3 (all alike)");
    private readonly Flag<string?> _objective = new("--objective LIMITS", $"service objective for the goodput: {ObjectiveCheck.Forms}");
    private readonly Flag<double> _timeout = new("--timeout SECONDS", "seconds after which a request is given up", 120);
    private readonly Flag<int> _seed = new("--seed N", $"of {seeded}", 1);

    public IReadOnlyList<Option> All => [_corpus, _domains, _objective, _timeout, _seed];

    public string Corpus(ParseResult parsed) => parsed.GetValue(_corpus)!;

    public string? Domains(ParseResult parsed) => parsed.GetValue(_domains);

    public DomainMix Mix(ParseResult parsed, PromptTexts texts) => DomainMix.Read("--domains", Domains(parsed), texts.Domains);

    public string? Limits(ParseResult parsed) => parsed.GetValue(_objective);

    public ServiceObjective? Objective(ParseResult parsed) =>
        Limits(parsed) is { } limits ? ObjectiveCheck.Read("--objective", limits) : null;

    public double Timeout(ParseResult parsed) => parsed.GetValue(_timeout);

    public int Seed(ParseResult parsed) => parsed.GetValue(_seed);
}
