using System.Text.Json;
using Btx.Cli.Charts;

namespace Btx.Trainer.Evaluation;

/// <summary>The figures of an evaluation: every mode on every domain.</summary>
/// <param name="Context">Largest sequence in tokens, BOS included.</param>
/// <param name="Modes">Keys, in the order of the tables.</param>
/// <param name="Compute">By mode: what its training took, as far as the records tell.</param>
public sealed record EvaluationReport(EvaluationOptions Options, int Context, IReadOnlyList<string> Experts,
    IReadOnlyList<EvaluatedDomain> Domains, IReadOnlyList<string> Modes, TrainingBudget Budget,
    IReadOnlyDictionary<string, TrainingCompute> Compute)
{
    /// <summary>Arithmetic mean of the bits per byte of a mode over the domains of one role; null if there is none.</summary>
    public double? MeanBitsPerByte(string mode, CorpusRole role) => Mean(role, d => d.BitsPerByte(mode));

    /// <summary>Geometric mean of the perplexities (the exponential of the mean loss per token, domains weighing alike).</summary>
    public double? MeanPerplexity(string mode, CorpusRole role) =>
        Mean(role, d => Math.Log(d.Perplexity(mode))) is { } mean ? Math.Exp(mean) : null;

    /// <summary>Domains, then modes, as in the tables.</summary>
    public string ToJson()
    {
        Dictionary<string, Dictionary<string, double>> ByDomain(Func<EvaluatedDomain, string, double> value) =>
            Domains.ToDictionary(d => d.Name, d => Modes.ToDictionary(m => m, m => value(d, m)));
        Dictionary<string, double?>? Means(CorpusRole role, Func<string, CorpusRole, double?> value) =>
            Domains.Any(d => d.Role == role) ? Modes.ToDictionary(m => m, m => value(m, role)) : null;
        string Snake<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

        return JsonSerializer.Serialize(new
        {
            BitsPerByte = ByDomain((d, m) => d.BitsPerByte(m)),
            Perplexity = ByDomain((d, m) => d.Perplexity(m)),
            RightExpert = Domains.ToDictionary(d => d.Name, d => d.RightExpert),
            Mean = new
            {
                BitsPerByte = new { Train = Means(CorpusRole.Train, MeanBitsPerByte), Eval = Means(CorpusRole.Eval, MeanBitsPerByte) },
                Perplexity = new { Train = Means(CorpusRole.Train, MeanPerplexity), Eval = Means(CorpusRole.Eval, MeanPerplexity) },
            },
            Form = new
            {
                Split = Snake(Options.Split),
                Sequence = "BOS and the next tokens of one document; the posterior starts again at each sequence",
                Context,
                Options.MaxTokensPerDomain,
                Select = Snake(Options.Select),
                SelectTokens = Options.Select == SelectForm.Prompt ? new Routing().SelectTokens : (int?)null,
                new Routing().SwitchingRate,
                Prior = "uniform; ensemble:fixed, average:posterior and average:argmax use the target domain's cached prior",
            },
            Priors = Domains.ToDictionary(d => d.Name, d => Experts.Zip(d.Prior.Weights).ToDictionary(p => p.First, p => p.Second)),
            PriorSources = Domains.ToDictionary(d => d.Name,
                d => d.Prior.Recorded ? "recorded in forest.json" : $"estimated on {CachedPrior.Sequences} validation sequences"),
            Domains = Domains.ToDictionary(d => d.Name, d => new { Role = Snake(d.Role), d.Sequences, d.Tokens, d.Bytes }),
            Training = Budget,
            Compute = Modes.ToDictionary(m => m, m => Compute[m] is var c ? new
            {
                c.Tokens,
                c.Flops,
                c.ActiveParameters,
                c.Complete,
                Phases = c.Runs.GroupBy(x => x.Phase).ToDictionary(g => g.Key, g => g.Sum(x => x.Tokens)),
            } : null),
        }, ManifestJson.Options) + "\n";
    }

    /// <summary>The bits per byte of every domain (rows) under every mode (columns) as a heat map; colours are spread over each row, as
    /// domains differ in difficulty.</summary>
    public string ToSvg()
    {
        var values = new double[Domains.Count, Modes.Count];
        for (var d = 0; d < Domains.Count; d++)
            for (var m = 0; m < Modes.Count; m++) values[d, m] = Domains[d].BitsPerByte(Modes[m]);

        return new HeatMap("evaluation", "Bits per byte of each domain", [.. Domains.Select(d => d.Name)], Modes, [("", values)])
        { Caption = "bits per byte; lower is better; best of each row in bold", Format = "F3", LowerIsBetter = true }.ToSvg();
    }

    private double? Mean(CorpusRole role, Func<EvaluatedDomain, double> value) =>
        Domains.Where(d => d.Role == role).Average(d => (double?)value(d));
}

/// <summary>What every mode gives to one domain's text.</summary>
/// <param name="Bytes">UTF-8 bytes of the predicted tokens.</param>
/// <param name="LogProb">Total log-probability in nats, by mode.</param>
public sealed record EvaluatedDomain(
    string Name, CorpusRole Role, int Sequences, long Tokens, long Bytes, IReadOnlyDictionary<string, double> LogProb, TargetPrior Prior)
{
    /// <summary>By mode with a probe: the share of sequences longer than it in which it chose the domain's own expert.</summary>
    public IReadOnlyDictionary<string, double> RightExpert { get; init; } = new Dictionary<string, double>();

    /// <summary>Total −log2 p over the UTF-8 bytes of the text: comparable between tokenizers.</summary>
    public double BitsPerByte(string mode) => -LogProb[mode] / Math.Log(2) / Bytes;

    /// <summary>exp of the mean −ln p per token.</summary>
    public double Perplexity(string mode) => Math.Exp(-LogProb[mode] / Tokens);
}

/// <summary>The cached prior π of one target domain (DEMix, arXiv 2108.05036, section 5).</summary>
/// <param name="Recorded">Taken from <c>forest.json</c>, where it was frozen; otherwise estimated here.</param>
public sealed record TargetPrior(double[] Weights, bool Recorded)
{
    /// <summary>The prior that the manifest records for the domain, if it weighs exactly these experts; null otherwise.</summary>
    public static TargetPrior? Find(string domain, IReadOnlyList<ExpertEntry> experts)
    {
        var prior = experts.FirstOrDefault(e => e.Domain == domain && e.Prior is not null)?.Prior;
        return prior is not null && prior.Count == experts.Count && experts.All(e => prior.ContainsKey(e.Name))
            ? new([.. experts.Select(e => prior[e.Name])], Recorded: true) : null;
    }

    /// <summary>The moving average of the sequence-end posterior over held-out sequences, from uniform.</summary>
    /// <param name="logProbs">[expert][sequence][token]: nats.</param>
    public static TargetPrior Estimate(IReadOnlyList<double[][]> logProbs) =>
        new(CachedPrior.Estimate([.. logProbs.Select(expert => expert.Select(sequence => sequence.Sum()).ToArray())]), Recorded: false);
}
