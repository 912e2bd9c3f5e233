using Btx.Server.Terminal;
using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary><c>btx generate</c>: streams a completion to the terminal.</summary>
internal static class GenerateVerb
{
    private const string Text =
        """
        Continue a prompt and stream the text to the terminal, from the server at 127.0.0.1:8081 unless --server, BTX_SERVER, --forest or
        --btx says otherwise. The prompt - is read from standard input; one that begins with -- goes behind a -- of its own. --show-experts
        colours each token by the expert that contributed most to it; in mode moe by the domain whose experts the router gave most, over
        all layers.

        Examples:
          btx generate "In the beginning"
          btx generate "In the beginning" --mode top_k --k 2 --show-experts
          btx generate "def main" --mode expert --expert python --temperature 0
          btx generate "Once" --mode average --average posterior --average-domain novels --seed 1
          btx generate "Once" --mode average --average-name prose
          btx generate "In the beginning" --mode moe --k 2 --show-experts
          btx generate "A novel: " --schema novel.json               JSON that is valid under the schema
          btx generate "In the beginning" --forest served            without a server
          btx generate "In the beginning" --btx served-btx --mode moe
          printf 'In the beginning' | btx generate - --server 127.0.0.1:9001
        """;

    public static Command Create()
    {
        var prompt = new Argument<string>("prompt") { Description = "the text to continue; -: standard input" };
        var routing = RoutingFlags.Create();
        var engine = new EngineFlags();
        var (server, key, tls) = (new ServerFlag(), new ApiKeyFlag(), new TlsFlags());
        var maxTokens = new Flag<int>("--max-tokens N", "tokens to generate at most", 128);
        var sampling = SamplingFlags.Create();
        var stop = new Flag<string[]>("--stop TEXT", "end before this text; may be repeated", []);
        var schema = new Flag<string?>("--schema FILE", "hold the answer to this JSON schema; -: standard input");
        var ignoreEos = new Flag<bool>("--ignore-eos", "go on past the end-of-text token");
        var showExperts = new Flag<bool>("--show-experts",
            "colour each token by the expert that contributed most; mode moe: by the domain routed to");
        var colour = new Choice("--color", ["auto", "always", "never"], "auto: on a terminal only", "auto");
        var command = new Command("generate", Text)
        {
            prompt, server, key, tls.All, maxTokens, sampling, stop, schema, ignoreEos, showExperts, colour,
            routing,
        };
        engine.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            // The runtime puts U+FFFD where an argument's bytes are not UTF-8.
            var given = parsed.GetValue(prompt)!;
            if (given.Contains('\uFFFD', StringComparison.Ordinal))
                throw new BtxException("the prompt is not valid UTF-8; give it in UTF-8");
            var request = new GenerateRequest
            {
                Prompt = new() { Text = given == "-" ? TextFile.Read("prompt", given) : given },
                Routing = routing.Read(parsed, new()),
                Sampling = sampling.Read(parsed, new()),
                MaxTokens = parsed.GetValue(maxTokens),
                Stop = { parsed.GetValue(stop)! },
                IncludeExperts = parsed.GetValue(showExperts),
                IgnoreEos = parsed.GetValue(ignoreEos),
                ResponseFormat = parsed.GetValue(schema) is { } file ? new() { JsonSchema = TextFile.Read("schema", file) } : null,
            };
            var here = engine.Read(parsed, null);
            await using var target = await InferenceTarget.OpenAsync(parsed, server, key, tls, here, cancellation);
            return await RunAsync(target.Inference, request, ColourChoice.Enabled(parsed.GetValue(colour)!), Console.Out, Console.Error,
                cancellation);
        });
        return command;
    }

    public static async Task<int> RunAsync(IInference inference, GenerateRequest request, bool colour, TextWriter output,
        TextWriter diagnostics, CancellationToken cancellation)
    {
        ExpertPalette? palette = null;
        var routed = request.Routing?.Mode == Mode.Moe;
        if (request.IncludeExperts)
        {
            var served = await inference.DescribeAsync(cancellation);
            palette = ExpertPalette.Of(served, routed, colour);
            if (colour)
                await output.WriteLineAsync($"{(routed ? "domains" : "experts")}: {palette.Legend()}".AsMemory(), cancellation);
        }

        var printer = new TokenPrinter(output, palette);
        V1.Usage? usage = null;
        var ended = "";
        await foreach (var response in inference.GenerateAsync(request, cancellation))
        {
            printer.Print(response);
            usage = response.Usage ?? usage;
            ended = response.FinishMessage;
        }

        await output.WriteLineAsync();
        if (request.IncludeExperts)
            await output.WriteLineAsync($"{(routed ? "routed to" : "contributions")}: {printer.Shares()}");
        if (usage is not null) await diagnostics.WriteLineAsync(Summary(usage));
        if (ended.Length == 0) return 0;
        await diagnostics.WriteLineAsync($"ended early: {BtxException.OneLine(ended)}");
        return 1;
    }

    private static string Summary(V1.Usage usage)
    {
        var decoding = usage.Seconds - usage.SecondsToFirstToken;
        var rate = usage.CompletionTokens > 1 && decoding > 0 ? $", {(usage.CompletionTokens - 1) / decoding:F1} tokens/s" : "";
        return $"{usage.PromptTokens} + {usage.CompletionTokens} tokens, first after {usage.SecondsToFirstToken * 1000:F0} ms{rate}";
    }
}
