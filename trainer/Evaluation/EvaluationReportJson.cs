using System.Text;
using System.Text.Json;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

/// <summary>An <see cref="EvaluationReport"/> as JSON: domains, then modes, as in the tables.</summary>
public static class EvaluationReportJson
{
    public static string Write(EvaluationReport r)
    {
        Dictionary<string, Dictionary<string, double>> ByDomain(Func<EvaluatedDomain, string, double> value) =>
            r.Domains.ToDictionary(d => d.Name, d => r.Modes.ToDictionary(m => m, m => value(d, m)));
        Dictionary<string, double?>? Mean(CorpusRole role, Func<string, CorpusRole, double?> value) =>
            r.Domains.Any(d => d.Role == role) ? r.Modes.ToDictionary(m => m, m => value(m, role)) : null;

        var report = new
        {
            BitsPerByte = ByDomain((d, m) => d.BitsPerByte(m)),
            Perplexity = ByDomain((d, m) => d.Perplexity(m)),
            Mean = new
            {
                BitsPerByte = new { Train = Mean(CorpusRole.Train, r.MeanBitsPerByte), Eval = Mean(CorpusRole.Eval, r.MeanBitsPerByte) },
                Perplexity = new { Train = Mean(CorpusRole.Train, r.MeanPerplexity), Eval = Mean(CorpusRole.Eval, r.MeanPerplexity) },
            },
            Form = new
            {
                Split = Snake(r.Options.Split),
                Sequence = "BOS and the next tokens of one document; the posterior starts anew at each sequence",
                r.Context,
                r.Options.MaxTokensPerDomain,
                Select = Snake(r.Options.Select),
                SelectTokens = r.Options.Select == SelectForm.Prompt ? new Routing().SelectTokens : (int?)null,
                new Routing().SwitchingRate,
                Prior = "uniform; ensemble:fixed, average:posterior and average:argmax use the target domain's cached prior",
            },
            Priors = r.Domains.ToDictionary(d => d.Name, d => r.Experts.Zip(d.Prior.Weights).ToDictionary(p => p.First, p => p.Second)),
            PriorSources = r.Domains.ToDictionary(d => d.Name,
            d => d.Prior.Recorded ? "recorded in forest.json" : $"estimated on {CachedPrior.Sequences} validation sequences"),
            Domains = r.Domains.ToDictionary(d => d.Name, d => new { Role = Snake(d.Role), d.Sequences, d.Tokens, d.Bytes }),
            Training = r.Budget,
            Compute = r.Modes.ToDictionary(m => m, m => r.Compute[m] is var c ? new
            {
                c.Tokens,
                c.Flops,
                c.ActiveParameters,
                c.Complete,
                Phases = c.Runs.GroupBy(x => x.Phase).ToDictionary(g => g.Key, g => g.Sum(x => x.Tokens))
            } : null),
        };
        return Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(report, ManifestJson.Options)) + "\n";
    }

    private static string Snake<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
