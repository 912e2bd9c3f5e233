using System.CommandLine;
using Btx.Model.Files;
using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary><c>btx score</c>: log-probabilities of a text.</summary>
internal static class ScoreVerb
{
    private const string Text =
        """
        Log-probabilities (natural logarithms) of a text under a routing and under each expert, from the server at 127.0.0.1:8081 unless --server,
        --forest or --btx says otherwise. The JSON holds {"tokens": [n ids], "logprobs": [n-1], "experts": {NAME: [n-1]}, "posterior": {NAME: [n-1]}}:
        entry i belongs to predicting tokens[i+1] from tokens[0..i]; posterior is the weight used there. In mode moe both are empty; with
        --show-experts there is "routing" instead: {"layers": L, "experts": [N names], "gates": [n-1][L][N], "domains": {DOMAIN: [n-1]}}.

        Examples:
          btx score --file text.txt
          btx score --file text.txt --mode top_k --k 2 --select prompt --json scores.json
          btx score --file text.txt --mode ensemble --posterior last_token --forest served --json scores.json
          btx score --file text.txt --mode moe --k 2 --show-experts --json scores.json
        """;

    public static Command Create()
    {
        var routing = new RoutingFlags();
        var engine = new EngineFlags(required: false);
        var file = new Option<string>("--file") { Description = "the text, UTF-8", HelpName = "TEXT", Required = true };
        var json = new Option<string?>("--json") { Description = "write tokens and log-probabilities to this file", HelpName = "FILE" };
        var showExperts = new Option<bool>("--show-experts") { Description = "mode moe: report the router's gates" };
        var server = new Option<string?>("--server") { Description = $"the server that answers ({InferenceTarget.DefaultServer})", HelpName = "URL" };
        var command = new Command("score", Text) { file, json, showExperts, server };
        routing.AddTo(command);
        engine.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var text = TextFile.Read("--file", parsed.GetValue(file)!);
            var request = new ScoreRequest { Text = new() { Text = text }, Routing = routing.Read(parsed), IncludeExperts = parsed.GetValue(showExperts) };
            foreach (var note in routing.Unused(parsed)) Console.Error.WriteLine(note);
            await using var target = await InferenceTarget.OpenAsync(parsed.GetValue(server), engine.Read(parsed, null), cancellation).ConfigureAwait(false);
            var score = await target.Inference.ScoreAsync(request, cancellation).ConfigureAwait(false);
            var mixture = score.Routed.Count > 0 ? (await target.Inference.DescribeAsync(cancellation).ConfigureAwait(false)).Mixture : null;
            if (parsed.GetValue(json) is { } path) AtomicFile.WriteText(path, ScoreJson.Write(score, mixture));
            var nats = -score.Logprobs.Sum();
            Console.WriteLine(
                $"{score.Tokens.Count} tokens: {nats / score.Logprobs.Count:F4} nats per token, perplexity {Math.Exp(nats / score.Logprobs.Count):F3}, "
                + $"{nats / Math.Log(2) / score.PredictedBytes:F4} bits per byte");
            if (mixture is not null) Console.WriteLine($"routed to: {Shares(score)}");
            return 0;
        });
        return command;
    }

    /// <summary>Mean share of each domain of a BTX model, the largest first.</summary>
    private static string Shares(ScoreResponse score) => string.Join("  ", score.Routed.SelectMany(routed => routed.Domains).GroupBy(share => share.Domain)
        .Select(domain => (domain.Key, Share: domain.Average(share => share.Share))).OrderByDescending(domain => domain.Share).Select(domain => $"{domain.Key} {domain.Share:P0}"));
}
