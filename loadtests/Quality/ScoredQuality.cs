using System.Text;
using System.Text.Json;
using Btx.Cli;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;
using Btx.V1;
using Grpc.Core;

namespace Btx.LoadTests.Quality;

/// <summary>Where a sweep's quality comes from.</summary>
/// <param name="Evaluation">File of <c>btx evaluate --json</c>; null: none.</param>
/// <param name="Tokens">Of each domain that the servers score; 0: they score nothing.</param>
/// <param name="Selection">When top_k and top_p choose while scoring.</param>
internal sealed record QualityRequest(string? Evaluation, int Tokens, Selection Selection);

/// <summary>The quality of a sweep's points by the servers' own <c>Score</c>: for precisions that <c>btx evaluate</c> does not compute.
/// Each kind of point is scored once, on the same pieces of text.</summary>
/// <param name="documents">By domain.</param>
/// <param name="tokens">Of each domain, about.</param>
/// <param name="file">Keeps what is measured; what an earlier run measured in the same way is taken over.</param>
internal sealed class ScoredQuality(Servers servers, IReadOnlyDictionary<string, IReadOnlyList<string>> documents, int tokens,
    Selection selection, string file, ProgressItem progress)
{
    // Of the context, so that a piece with more tokens than the average still fits.
    private const double Filled = 0.7;

    private readonly SortedDictionary<string, IReadOnlyDictionary<string, double>> _bits = new(StringComparer.Ordinal),
        _perplexity = new(StringComparer.Ordinal);
    private Dictionary<string, IReadOnlyList<string>>? _pieces;

    private QualityTable Table => new($"the server's Score: test split, about {tokens} tokens a domain, "
        + (selection == Selection.Prompt ? "top_k and top_p choose once, from a piece's first tokens (prompt), as generation does"
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
            var choice = RoutingChoice.Of(settings);
            await MeasureAsync(server.Client.Inference, settings, domain => GrpcClient.Routing(choice.For(domain, server.Facts)),
                server.Facts.ContextLength, cancellation);
            RunJson.Write(file, Table);
            progress.WriteLine($"{i + 1,4}/{open.Length}  quality of {key,-30} "
                + $"{string.Join("  ", _bits[key].Select(b => $"{b.Key} {b.Value:0.000}"))} bits per byte");
        }
    }

    /// <param name="routing">Of the point, but for the expert of mode <c>expert</c>, which follows the domain.</param>
    /// <param name="context">Of the server, tokens.</param>
    private async Task MeasureAsync(Inference.InferenceClient server, PointSettings settings, Func<string, Routing> routing, int context,
        CancellationToken cancellation)
    {
        _pieces ??= await CutAsync(server, routing, context, cancellation);
        SortedDictionary<string, double> bits = new(StringComparer.Ordinal), perplexity = new(StringComparer.Ordinal);
        foreach (var (domain, pieces) in _pieces)
        {
            var choice = routing(domain);
            choice.Select = settings.Mode == "top_k" || settings.Mode.StartsWith("top_p", StringComparison.Ordinal) ? selection
                : Selection.Unspecified;
            double nats = 0;
            long predicted = 0, bytes = 0;
            foreach (var piece in pieces)
            {
                var score = await ScoreAsync(server, piece, choice, cancellation);
                nats -= score.Logprobs.Sum();
                predicted += score.Logprobs.Count;
                bytes += Encoding.UTF8.GetByteCount(piece);
            }

            bits[domain] = nats / Math.Log(2) / Math.Max(1, bytes);
            perplexity[domain] = Math.Exp(nats / Math.Max(1, predicted));
        }

        _bits[QualityKey.Of(settings)] = bits;
        _perplexity[QualityKey.Of(settings)] = perplexity;
    }

    // Long enough to be predicted from, short enough for the context: found out on the text itself.
    private async Task<Dictionary<string, IReadOnlyList<string>>> CutAsync(Inference.InferenceClient server, Func<string, Routing> routing,
        int context, CancellationToken cancellation)
    {
        var cut = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var (domain, texts) in documents)
        {
            // A token is at least a byte, and a character at most four of them.
            var sample = texts.SelectMany(t => TestSplit.Pieces(t, Math.Max(8, (context - 2) / 4))).First(p => p.Length > 4);
            var scored = await ScoreAsync(server, sample, routing(domain), cancellation);
            var each = Math.Max(4, (int)(context * Filled));
            var characters = Math.Max(8, (int)((double)sample.Length / scored.Tokens.Count * each));
            var pieces = new List<string>();
            foreach (var piece in TestSplit.Spread([.. texts.SelectMany(t => TestSplit.Pieces(t, characters)).Where(p => p.Length > 1)],
                Math.Max(1, tokens / each)))
                pieces.AddRange(await FittingAsync(server, piece, routing(domain), cancellation));
            cut[domain] = pieces;
        }

        return cut;
    }

    private static async Task<IReadOnlyList<string>> FittingAsync(Inference.InferenceClient server, string piece, Routing routing,
        CancellationToken cancellation)
    {
        try
        {
            await ScoreAsync(server, piece, routing, cancellation);
            return [piece];
        }
        catch (LoadTestException e) when (piece.Length > 8 && e.InnerException is RpcException { StatusCode: StatusCode.InvalidArgument })
        {
            var halves = new List<string>();
            foreach (var half in TestSplit.Pieces(piece, (piece.Length / 2) + 1))
                halves.AddRange(await FittingAsync(server, half, routing, cancellation));
            return halves;
        }
    }

    private static async Task<ScoreResponse> ScoreAsync(Inference.InferenceClient server, string text, Routing routing,
        CancellationToken cancellation)
    {
        try
        {
            return await server.ScoreAsync(new() { Text = new() { Text = text }, Routing = routing }, cancellationToken: cancellation);
        }
        catch (RpcException e) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellation);
        }
        catch (RpcException e)
        {
            var detail = e.Status.Detail.Length > 0 ? e.Status.Detail.ReplaceLineEndings(" ") : $"{e.StatusCode}";
            throw new LoadTestException($"the server does not score text: {detail}", e);
        }
    }
}

/// <summary>Held-out documents by domain.</summary>
internal static class TestSplit
{
    /// <summary>Reads CORPUS/DOMAIN/test.jsonl of every domain.</summary>
    /// <exception cref="LoadTestException">None is there, or one cannot be read.</exception>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Read(string corpus)
    {
        var domains = new SortedDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        try
        {
            foreach (var file in Directory.Exists(corpus)
                ? Directory.GetDirectories(corpus).Select(d => Path.Combine(d, "test.jsonl")).Where(File.Exists) : [])
                domains[Path.GetFileName(Path.GetDirectoryName(file)!)] = [.. File.ReadLines(file).Where(l => l.Length > 0)
                    .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("text").GetString() ?? "")];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or KeyNotFoundException
            or InvalidOperationException)
        {
            throw new LoadTestException($"--corpus {corpus}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        return domains.Count > 0 ? domains
            : throw new LoadTestException($"--corpus {corpus}: no DOMAIN/test.jsonl there; `btx corpus` makes such a directory");
    }

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
