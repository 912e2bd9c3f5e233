using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>What <c>run</c> and <c>sweep</c> both take.</summary>
internal sealed class LoadFlags(string seeded)
{
    public Flag<string> Corpus { get; } = new("--corpus DIR", "prompts come from the test split of this corpus") { Required = true };

    public Flag<string?> Domains { get; } = new("--domains MIX", "domain mix of the prompts: novels=0.7,python=0.3 (all alike)");

    public Flag<string?> Objective { get; } = new("--objective LIMITS", $"service objective for the goodput: {ObjectiveCheck.Forms}");

    public Flag<double> Timeout { get; } = new("--timeout SECONDS", "seconds after which a request is given up", 120);

    public Flag<int> Seed { get; } = new("--seed N", $"of {seeded}", 1);

    public IReadOnlyList<Option> All => [Corpus, Domains, Objective, Timeout, Seed];

    public DomainMix ReadMix(ParseResult parsed, PromptTexts texts) => DomainMix.Read("--domains", parsed.GetValue(Domains), texts.Domains);

    public ServiceObjective? ReadObjective(ParseResult parsed) =>
        parsed.GetValue(Objective) is { } limits ? ObjectiveCheck.Read("--objective", limits) : null;
}
