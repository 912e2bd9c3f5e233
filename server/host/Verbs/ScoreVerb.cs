using Btx.Model.Files;
using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary><c>btx score</c>: log-probabilities of a text.</summary>
internal static class ScoreVerb
{
    private const string Text =
        """
        Log-probabilities (natural logarithms) of a text under a routing and under each expert, from the server at
        127.0.0.1:8081 unless --server, BTX_SERVER, --forest or --btx says otherwise. A text longer than the context is scored
        in windows that hold a whole context and end --stride tokens after one another: each token is scored once, behind at
        least context - stride of its window's tokens; the posterior begins again in each window. The documents of a .jsonl file,
        as a corpus has them, are scored one by one and added up. The JSON holds {"tokens": [n ids], "logprobs": [n-1],
        "experts": {NAME: [n-1]}, "posterior": {NAME: [n-1]}}: entry i belongs to predicting tokens[i+1] from tokens[0..i];
        posterior is the weight used there. In mode moe both are empty; with --show-experts there is "routing" instead:
        {"layers": L, "experts": [N names], "gates": [n-1][L][N], "domains": {DOMAIN: [n-1]}}. Of more windows than one there is
        "windows": [{"start", "end", "first"}]: tokens start to end-1 were read, those from first on scored. Of several
        documents it holds sums alone: {"documents", "tokens" (predicted), "bytes", "nats_per_token", "perplexity",
        "bits_per_byte"}.

        Examples:
          btx score --file text.txt
          btx score --file text.txt --mode top_k --k 2 --select prompt --json scores.json
          btx score --file text.txt --mode ensemble --posterior last_token --forest served --json scores.json
          btx score --file text.txt --mode moe --k 2 --show-experts --json scores.json
          btx score --file - --stride 32 --json - < text.txt
          btx score --file corpus/python/test.jsonl --sample 12000 --mode ensemble
        """;

    public static Command Create()
    {
        var routing = RoutingFlags.Create();
        var engine = new EngineFlags();
        var file = new Flag<string>("--file FILE", "the text, UTF-8, or a .jsonl of documents; -: standard input") { Required = true };
        var json = new JsonFlag();
        var stride = new Flag<int?>("--stride N", "tokens that each window of a long text scores (half the context)");
        var sample = new Flag<int?>("--sample BYTES", "score about so many bytes of a .jsonl: an equal part of each document");
        var showExperts = new Flag<bool>("--show-experts", "mode moe: report the router's gates");
        var (server, key, tls) = (new ServerFlag(), new ApiKeyFlag(), new TlsFlags());
        var command = new Command("score", Text) { file, stride, sample, showExperts, server, key, tls.All, json, routing };
        engine.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var texts = TextFile.Documents("--file", parsed.GetValue(file)!, parsed.GetValue(sample));
            var here = engine.Read(parsed, null);
            var scores = new List<ScoreResponse>();
            await using var target = await InferenceTarget.OpenAsync(parsed, server, key, tls, here, cancellation);
            foreach (var text in texts)
            {
                scores.Add(await target.Inference.ScoreAsync(
                    new()
                    {
                        Text = new() { Text = text },
                        Routing = routing.Read(parsed, new()),
                        IncludeExperts = parsed.GetValue(showExperts),
                        Stride = parsed.GetValue(stride) ?? 0,
                    },
                    cancellation));
            }

            var routed = scores.Exists(score => score.Routed.Count > 0);
            var moe = routed ? (await target.Inference.DescribeAsync(cancellation)).Moe : null;
            if (scores.Find(score => score.Windows.Count > 1) is { } longest)
                await parsed.InvocationConfiguration.Error.WriteLineAsync(Windows(longest));
            var total = ScoreTotal.Of(scores);
            var written = scores is [var one] ? ScoreJson.Write(one, moe) : total.ToJson();
            json.Write(parsed, written, Lines(total, scores, moe), AtomicFile.WriteText);
            return 0;
        });
        return command;
    }

    private static IEnumerable<string> Lines(ScoreTotal total, List<ScoreResponse> scores, MoeModel? moe)
    {
        yield return $"{(total.Documents > 1 ? $"{total.Documents} documents, " : "")}{total.Tokens} "
            + $"tokens: {total.NatsPerToken:F4} nats per token, "
            + $"perplexity {total.Perplexity:F3}, {total.BitsPerByte:F4} bits per byte";
        if (moe is not null) yield return $"routed to: {Shares(scores)}";
    }

    private static string Windows(ScoreResponse score)
    {
        var least = score.Windows.Skip(1).Min(window => window.First - window.Start);
        return $"note: a text is longer than the context of {score.Windows[0].End} tokens; it was scored in {score.Windows.Count} windows, "
            + $"each token after the first window from at least {least} before it";
    }

    /// <summary>Mean share of each domain of a BTX model, the largest first.</summary>
    private static string Shares(List<ScoreResponse> scores) =>
        string.Join("  ", scores.SelectMany(score => score.Routed).SelectMany(routed => routed.Domains).GroupBy(share => share.Domain)
        .Select(domain => (domain.Key, Share: domain.Average(share => share.Share))).OrderByDescending(domain => domain.Share)
        .Select(domain => $"{BtxException.OneLine(domain.Key)} {domain.Share:P0}"));
}
