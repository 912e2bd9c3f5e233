namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest ceiling</c>.</summary>
internal static class CeilingVerb
{
    private const string Text =
        """
        What the load generator itself can do, against a server in its own process that answers at once: above that, a load test
        would measure itself. `run` measures it before every load; this does it alone, for longer, on a machine that does
        nothing else.

        Examples:
          btx loadtest ceiling
          btx loadtest ceiling --door http --concurrency 64 --json ceiling.json
          btx loadtest run --corpus corpus --ceiling ceiling.json
        """;

    public static Command Create()
    {
        var kind = new Choice("--door", ["grpc", "http"], "how the server is called", "grpc");
        var concurrency = new Flag<int>("--concurrency N", "requests in flight", 16);
        var duration = new Flag<double>("--duration SECONDS", "seconds that are measured", 5);
        var prompt = new Flag<int>("--prompt-words N", "length of the prompts", 64);
        var output = new Flag<int>("--output-tokens N", "length of the answers", 32);
        var json = new JsonFlag();
        var command = new Command("ceiling", Text) { kind, concurrency, duration, prompt, output, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            json.RequireWritable(parsed);
            Lengths Length(Flag<int> option) => Lengths.Read(option.Name, $"{parsed.GetValue(option)}");
            var inFlight = parsed.GetValue(concurrency);
            if (inFlight is < 1 or > Arrivals.MostInFlight)
                throw new LoadTestException($"--concurrency {inFlight}: expected 1 or more, at most {Arrivals.MostInFlight} in flight");
            var seconds = new LoadBounds { Seconds = parsed.GetValue(duration) }.Validate().Seconds!.Value;
            var (prompts, outputs) = (Length(prompt), Length(output));
            var ceiling = await CeilingRun.MeasureAsync(parsed.GetValue(kind)!, inFlight, seconds, prompts, outputs, cancellation);
            json.Write(parsed, ceiling, RunReport.Lines(ceiling));
            return 0;
        });
        return command;
    }
}
