using System.Text;
using Btx.V1;
using Grpc.Core;

namespace Btx.LoadTests.Sweeps;

/// <summary>Quality from the file of <c>btx evaluate --json</c>, which computes in fp32: other precisions stay without.</summary>
internal static class EvaluationQuality
{
    private const string Computed = "fp32";
    private static readonly JsonSerializerOptions s_json = new(RunJson.Line) { RespectRequiredConstructorParameters = true };

    /// <param name="served">What is served in fp32; null: nothing is, and only peers get a quality.</param>
    /// <exception cref="LoadTestException">The file is no evaluation, or one of another forest.</exception>
    public static QualityTable Read(string file, IEnumerable<PointSettings> points, ServedFacts? served, IList<string> notes) =>
        LoadTestException.Wrap($"--evaluation {file}: cannot be read as what `btx evaluate … --json FILE` writes", () =>
        {
            var (bits, perplexity, form) = JsonSerializer.Deserialize<Evaluation>(File.ReadAllBytes(file), s_json)
                ?? throw new JsonException("it holds null");
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

            return new QualityTable(Source(file, form), bitsOf, perplexityOf);
        });

    private static Dictionary<string, double> Of(PointSettings settings, Dictionary<string, Dictionary<string, double?>> figures,
        ServedFacts? served) => figures
        .Select(f => (f.Key, Value: Names(settings, f.Key, served).Select(n => f.Value.GetValueOrDefault(n)).FirstOrDefault(v => v > 0)))
        .Where(f => f.Value is not null).ToDictionary(f => f.Key, f => f.Value!.Value, StringComparer.Ordinal);

    private static IEnumerable<string> Names(PointSettings settings, string domain, ServedFacts? served)
    {
        var (mode, k) = (settings.Mode, settings.K);
        if (settings.IsPeer) return [mode["peer:".Length..]];
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

    private static void RequireSameForest(string file, Dictionary<string, Dictionary<string, double?>> bits, ServedFacts? served)
    {
        string[] measured = [.. bits.Values.SelectMany(m => m.Keys).Where(m => m.StartsWith("expert:", StringComparison.Ordinal))
            .Select(m => m["expert:".Length..]).Distinct().Order(StringComparer.Ordinal)];
        if (measured.Length == 0 || served is null || served.Experts.Count == 0
            || measured.SequenceEqual(served.Experts.Order(StringComparer.Ordinal)))
            return;
        throw new LoadTestException($"--evaluation {file}: is of the experts {string.Join(", ", measured)}; those served are "
            + $"{string.Join(", ", served.Experts)}: evaluate that forest, or leave the option out");
    }

    private static string Source(string file, EvaluationForm form) => $"{Path.GetFileName(file)} of `btx evaluate`: {form.Split} split, "
        + $"{Computed}, at most {form.MaxTokensPerDomain} tokens a domain (0: all), sequences of {form.Context}; "
        + (form.Select == "prompt" ? "top_k and top_p choose once, from a sequence's first tokens, as generation does"
            : "top_k and top_p choose for every token (per_token), other than generation: `btx evaluate --select prompt` is like that");

    /// <summary>Figures by domain, then by the evaluation's own name of a mode.</summary>
    private sealed record Evaluation(Dictionary<string, Dictionary<string, double?>> BitsPerByte,
        Dictionary<string, Dictionary<string, double?>> Perplexity, EvaluationForm Form);

    private sealed record EvaluationForm(string Split, long MaxTokensPerDomain, long Context, string Select);
}

/// <summary>Where a sweep's quality comes from.</summary>
/// <param name="Tokens">Of each domain that the servers score; 0: they score nothing.</param>
/// <param name="Selection">When top_k and top_p choose while scoring.</param>
internal sealed record QualityRequest(string? Evaluation, int Tokens, Selection Selection);

/// <summary>Quality by the servers' own <c>Score</c>: each kind of point once, on the same pieces of text, in any precision.</summary>
/// <param name="file">Keeps what is measured; what an earlier run measured in the same way is taken over.</param>
internal sealed class ScoredQuality(Servers servers, PromptTexts texts, int tokens, Selection selection, string? router, string file,
    ProgressItem progress)
{
    // Of the context, so that a piece with more tokens than the average still fits.
    private const double Filled = 0.7;

    private readonly SortedDictionary<string, IReadOnlyDictionary<string, double>> _bits = new(StringComparer.Ordinal),
        _perplexity = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _pieces = new(StringComparer.Ordinal);

    private QualityTable Table => new($"the server's Score: test split, about {tokens} tokens a domain, "
        + (router == "probe" ? "top_k and top_p choose by a piece's first tokens, as router probe does"
            : selection == Selection.Prompt ? "top_k and top_p choose once, from a piece's first tokens (prompt), as generation does"
            : "top_k and top_p choose for every token (per_token)"), _bits, _perplexity);

    /// <exception cref="LoadTestException">A server refuses.</exception>
    public async Task MeasureAsync(IEnumerable<PointSettings> points, CancellationToken cancellation)
    {
        if (File.Exists(file) && RunJson.Read<QualityTable>(file) is var earlier && earlier.Source == Table.Source)
        {
            foreach (var (key, figures) in earlier.BitsPerByte) _bits[key] = figures;
            foreach (var (key, figures) in earlier.Perplexity) _perplexity[key] = figures;
        }

        PointSettings[] open = [.. points.Where(p => ServerKey.Of(p) is not null).DistinctBy(QualityKey.Of)
            .Where(p => !_bits.ContainsKey(QualityKey.Of(p))).OrderBy(p => p.Precision, StringComparer.Ordinal)];
        foreach (var (i, settings) in open.Index())
        {
            var key = QualityKey.Of(settings);
            progress.Report(i, $"quality of {key}", open.Length);
            var server = await servers.ForAsync(settings.Precision, cancellation);
            var choice = RoutingChoice.Of(settings.Mode, settings.K, router);
            await MeasureAsync(server.Client.Inference, settings, domain => GrpcClient.Routing(choice.For(domain, server.Facts)),
                server.Facts.ContextLength, cancellation);
            RunJson.Write(file, Table);
            progress.WriteLine($"{i + 1,4}/{open.Length}  quality of {key,-30} "
                + $"{string.Join("  ", _bits[key].Select(b => $"{b.Key} {b.Value:0.000}"))} bits per byte");
        }
    }

    /// <param name="routing">Of the point, but for the expert of mode <c>expert</c>, which follows the domain.</param>
    private async Task MeasureAsync(Inference.InferenceClient server, PointSettings settings, Func<string, Routing> routing, int context,
        CancellationToken cancellation)
    {
        SortedDictionary<string, double> bits = new(StringComparer.Ordinal), perplexity = new(StringComparer.Ordinal);
        foreach (var domain in texts.Domains)
        {
            if (!_pieces.TryGetValue(domain, out var pieces))
                _pieces[domain] = pieces = await CutAsync(server, domain, routing(domain), context, cancellation);
            var choice = routing(domain);
            // A probe says itself when it chooses.
            choice.Select = choice is { Mode: Mode.TopK or Mode.TopP, Router: not ExpertRouter.Probe } ? selection : Selection.Unspecified;
            var (nats, predicted) = (0.0, 0L);
            foreach (var piece in pieces)
            {
                var score = await ScoreAsync(server, piece, choice, cancellation);
                (nats, predicted) = (nats + score.Nats, predicted + score.Predicted);
            }

            bits[domain] = nats / Math.Log(2) / Math.Max(1, pieces.Sum(Encoding.UTF8.GetByteCount));
            perplexity[domain] = Math.Exp(nats / Math.Max(1, predicted));
        }

        _bits[QualityKey.Of(settings)] = bits;
        _perplexity[QualityKey.Of(settings)] = perplexity;
    }

    // Long enough to be predicted from, short enough for the context: found out on the text itself.
    private async Task<IReadOnlyList<string>> CutAsync(Inference.InferenceClient server, string domain, Routing routing, int context,
        CancellationToken cancellation)
    {
        IEnumerable<string> Cut(int characters) => texts.Of(domain).SelectMany(t => TextPieces.Pieces(t, characters));
        // A token is at least a byte, and a character at most four of them.
        var sample = Cut(Math.Max(8, (context - 2) / 4)).First(p => p.Length > 4);
        var (each, scored) = (Math.Max(4, (int)(context * Filled)), await ScoreAsync(server, sample, routing, cancellation));
        var characters = Math.Max(8, (int)((double)sample.Length / scored.Tokens * each));
        return TextPieces.Spread([.. Cut(characters).Where(p => p.Length > 1)], Math.Max(1, tokens / each));
    }

    /// <summary>Text that does not fit into the context is scored in halves.</summary>
    private static async Task<(double Nats, long Predicted, int Tokens)> ScoreAsync(Inference.InferenceClient server, string text,
        Routing routing, CancellationToken cancellation)
    {
        try
        {
            var score = await server.ScoreAsync(new() { Text = new() { Text = text }, Routing = routing }, cancellationToken: cancellation);
            return (-score.Logprobs.Sum(), score.Logprobs.Count, score.Tokens.Count);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.InvalidArgument && text.Length > 8)
        {
            var (nats, predicted, count) = (0.0, 0L, 0);
            foreach (var half in TextPieces.Pieces(text, (text.Length / 2) + 1))
            {
                var score = await ScoreAsync(server, half, routing, cancellation);
                (nats, predicted, count) = (nats + score.Nats, predicted + score.Predicted, count + score.Tokens);
            }

            return (nats, predicted, count);
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new LoadTestException($"the server does not score text: {GrpcClient.Reason(e)}", e);
        }
    }
}

/// <summary>Cuts documents into pieces and chooses among them.</summary>
internal static class TextPieces
{
    /// <summary>Pieces of about so many characters, cut before a blank.</summary>
    public static IEnumerable<string> Pieces(string document, int characters)
    {
        for (var at = 0; at < document.Length;)
        {
            var end = Math.Min(document.Length, at + Math.Max(2, characters));
            if (end < document.Length)
            {
                var blank = document.LastIndexOfAny([' ', '\n'], end, end - at - 1);
                if (blank > at) end = blank;
                else if (char.IsLowSurrogate(document[end])) end--;
            }

            yield return document[at..end];
            at = end;
        }
    }

    /// <summary>So many of them, evenly spread.</summary>
    public static IReadOnlyList<T> Spread<T>(IReadOnlyList<T> all, int count) => count >= all.Count ? all
        : [.. Enumerable.Range(0, count).Select(i => all[(int)((long)i * all.Count / count)])];
}
