using System.Text.Json;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Quality;

/// <summary>Quality from the file of <c>btx evaluate --json</c>, which computes in fp32: other precisions stay without.</summary>
internal static class EvaluationQuality
{
    private const string Computed = "fp32", Remedy = "`btx evaluate … --json FILE` writes one";

    /// <param name="served">What is served in fp32; null: nothing is, and only peers get a quality.</param>
    /// <param name="notes">Gets a line for each kind of point that the file says nothing of.</param>
    /// <exception cref="LoadTestException">The file is no evaluation, or one of another forest.</exception>
    public static QualityTable Read(string file, IEnumerable<PointSettings> points, ServedFacts? served, IList<string> notes)
    {
        JsonElement root;
        try
        {
            root = JsonDocument.Parse(File.ReadAllBytes(file)).RootElement;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--evaluation {file}: cannot be read: {e.Message.ReplaceLineEndings(" ")}; {Remedy}", e);
        }

        try
        {
            var (bits, perplexity) = (Figures(root, "bits_per_byte"), Figures(root, "perplexity"));
            RequireSameForest(file, bits, served);
            SortedDictionary<string, IReadOnlyDictionary<string, double>> bitsOf = new(StringComparer.Ordinal),
                perplexityOf = new(StringComparer.Ordinal);
            foreach (var (key, settings) in points.GroupBy(QualityKey.Of).Select(g => (g.Key, g.First())))
            {
                var computed = settings.Precision == Computed;
                var found = computed ? Of(settings, bits, served) : [];
                if (found.Count == 0)
                    notes.Add($"no quality of {key}: {Path.GetFileName(file)} " + (computed ? "does not hold it"
                        : $"is computed in {Computed}; --quality-tokens measures it through the server"));
                else (bitsOf[key], perplexityOf[key]) = (found, Of(settings, perplexity, served));
            }

            return new QualityTable(Source(file, root.GetProperty("form")), bitsOf, perplexityOf);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new LoadTestException($"--evaluation {file}: is no evaluation: {e.Message}; {Remedy}", e);
        }
    }

    // By domain, then by the evaluation's own name of a mode.
    private static Dictionary<string, Dictionary<string, double>> Figures(JsonElement root, string name) =>
        root.GetProperty(name).EnumerateObject().ToDictionary(d => d.Name, d => d.Value.EnumerateObject()
        .Where(m => m.Value.ValueKind == JsonValueKind.Number).ToDictionary(m => m.Name, m => m.Value.GetDouble(), StringComparer.Ordinal),
        StringComparer.Ordinal);

    private static Dictionary<string, double> Of(PointSettings settings, Dictionary<string, Dictionary<string, double>> figures,
        ServedFacts? served) => figures
        .Select(f => (Domain: f.Key, Name: Names(settings, f.Key, served).FirstOrDefault(f.Value.ContainsKey), Modes: f.Value))
        .Where(f => f.Name is not null).ToDictionary(f => f.Domain, f => f.Modes[f.Name!], StringComparer.Ordinal);

    private static IEnumerable<string> Names(PointSettings settings, string domain, ServedFacts? served)
    {
        var (mode, k) = (settings.Mode, settings.K);
        if (mode.StartsWith("peer:", StringComparison.Ordinal)) return [mode["peer:".Length..]];
        if (mode.StartsWith("top_p:", StringComparison.Ordinal)) return [$"top_p={mode["top_p:".Length..]}"];
        return mode switch
        {
            "top_k" => k == served?.Experts.Count ? [$"top_{k}", "ensemble"] : [$"top_{k}"],
            "moe" => k == served?.MixtureK ? [$"moe:k={k}", "moe"] : [$"moe:k={k}"],
            "average" => ["average:uniform"],
            "expert" => served?.Domains.ToList().IndexOf(domain) is { } j and >= 0 ? [$"expert:{served.Experts[j]}"] : [],
            _ => [mode],
        };
    }

    private static void RequireSameForest(string file, Dictionary<string, Dictionary<string, double>> bits, ServedFacts? served)
    {
        string[] measured = [.. bits.Values.SelectMany(m => m.Keys).Where(m => m.StartsWith("expert:", StringComparison.Ordinal))
            .Select(m => m["expert:".Length..]).Distinct().Order(StringComparer.Ordinal)];
        if (measured.Length == 0 || served is null || served.Experts.Count == 0
            || measured.SequenceEqual(served.Experts.Order(StringComparer.Ordinal)))
            return;
        throw new LoadTestException($"--evaluation {file}: is of the experts {string.Join(", ", measured)}; those served are "
            + $"{string.Join(", ", served.Experts)}: evaluate the forest that is served, or leave the option out");
    }

    private static string Source(string file, JsonElement form) =>
        $"{Path.GetFileName(file)} of `btx evaluate`: {form.GetProperty("split").GetString()} split, {Computed}, at most "
        + $"{form.GetProperty("max_tokens_per_domain").GetInt64()} tokens a domain (0: all), sequences of "
            + $"{form.GetProperty("context").GetInt64()}; "
        + (form.GetProperty("select").GetString() == "prompt"
            ? "top_k and top_p choose once, from a sequence's first tokens, as generation does"
            : "top_k and top_p choose for every token (per_token); generation chooses once, after the "
                + "prompt: `btx evaluate --select prompt` measures that");
}
