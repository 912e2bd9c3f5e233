using System.Text;
using Btx.LoadTests.Records;
using Btx.V1;
using Grpc.Core;

namespace Btx.LoadTests.Quality;

/// <summary>
/// The quality of what a server serves, by its own <c>Score</c>: for precisions that <c>btx evaluate</c> does not compute. Every
/// point and every precision is scored on the same
/// pieces of text; a piece's first token is not predicted where the tokenizer puts none before it.
/// </summary>
/// <param name="documents">By domain.</param>
/// <param name="tokens">Of each domain, about.</param>
/// <param name="selection">When top_k and top_p choose: per_token or prompt.</param>
internal sealed class ScoredQuality(IReadOnlyDictionary<string, IReadOnlyList<string>> documents, int tokens, Selection selection)
{
    // Of the context, so that a piece with more tokens than the average still fits.
    private const double Filled = 0.7;

    private readonly SortedDictionary<string, IReadOnlyDictionary<string, double>> _bits = new(StringComparer.Ordinal),
        _perplexity = new(StringComparer.Ordinal);
    private Dictionary<string, IReadOnlyList<string>>? _pieces;

    /// <summary>What is measured so far.</summary>
    public QualityTable Table => new(
        $"the server's Score: test split, about {tokens} tokens a domain, "
            + (selection == Selection.Prompt ? "top_k and top_p choose once, from a piece's first tokens (prompt), as generation does"
                : "top_k and top_p choose for every token (per_token)"),
        _bits,
        _perplexity);

    public bool Has(PointSettings settings) => _bits.ContainsKey(QualityKey.Of(settings));

    /// <summary>Takes over what an earlier run measured in the same way.</summary>
    public void TakeOver(QualityTable earlier)
    {
        if (earlier.Source != Table.Source) return;
        foreach (var (key, figures) in earlier.BitsPerByte) _bits[key] = figures;
        foreach (var (key, figures) in earlier.Perplexity) _perplexity[key] = figures;
    }

    /// <param name="routing">Of the point, but for the expert of mode <c>expert</c>, which follows the domain.</param>
    /// <param name="context">Of the server, tokens.</param>
    /// <exception cref="LoadTestException">The server refuses.</exception>
    public async Task MeasureAsync(Inference.InferenceClient server, PointSettings settings, Func<string, Routing> routing, int context,
        CancellationToken cancellation)
    {
        _pieces ??= await CutAsync(server, routing, context, cancellation).ConfigureAwait(false);
        var (bits, perplexity) = (new SortedDictionary<string, double>(StringComparer.Ordinal),
            new SortedDictionary<string, double>(StringComparer.Ordinal));
        foreach (var (domain, pieces) in _pieces)
        {
            var choice = routing(domain);
            choice.Select = settings.Mode == "top_k" || settings.Mode.StartsWith("top_p", StringComparison.Ordinal) ? selection
                : Selection.Unspecified;
            double nats = 0;
            long predicted = 0, bytes = 0;
            foreach (var piece in pieces)
            {
                var score = await ScoreAsync(server, piece, choice, cancellation).ConfigureAwait(false);
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
            var scored = await ScoreAsync(server, sample, routing(domain), cancellation).ConfigureAwait(false);
            var (wanted, each) = (tokens, Math.Max(4, (int)(context * Filled)));
            var characters = Math.Max(8, (int)((double)sample.Length / scored.Tokens.Count * each));
            var pieces = new List<string>();
            foreach (var piece in TestSplit.Spread([.. texts.SelectMany(t => TestSplit.Pieces(t, characters)).Where(p => p.Length > 1)],
                Math.Max(1, wanted / each)))
                pieces.AddRange(await FittingAsync(server, piece, routing(domain), cancellation).ConfigureAwait(false));
            cut[domain] = pieces;
        }

        return cut;
    }

    private static async Task<IReadOnlyList<string>> FittingAsync(Inference.InferenceClient server, string piece, Routing routing,
        CancellationToken cancellation)
    {
        try
        {
            await server.ScoreAsync(new() { Text = new() { Text = piece }, Routing = routing }, cancellationToken: cancellation)
                .ConfigureAwait(false);
            return [piece];
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.InvalidArgument && piece.Length > 8)
        {
            var halves = new List<string>();
            foreach (var half in TestSplit.Pieces(piece, (piece.Length / 2) + 1))
                halves.AddRange(await FittingAsync(server, half, routing, cancellation).ConfigureAwait(false));
            return halves;
        }
        catch (RpcException e)
        {
            throw Refused(e, cancellation);
        }
    }

    private static async Task<ScoreResponse> ScoreAsync(Inference.InferenceClient server, string text, Routing routing,
        CancellationToken cancellation)
    {
        try
        {
            return await server.ScoreAsync(new() { Text = new() { Text = text }, Routing = routing }, cancellationToken: cancellation)
                .ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            throw Refused(e, cancellation);
        }
    }

    private static Exception Refused(RpcException e, CancellationToken cancellation) =>
        cancellation.IsCancellationRequested ? new OperationCanceledException(cancellation)
        : new LoadTestException("the server does not score text: "
            + $"{(e.Status.Detail.Length > 0 ? e.Status.Detail.ReplaceLineEndings(" ") : e.StatusCode)}",
        e);
}
