using System.CommandLine;
using Btx.Trainer.Runs;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx demo</c>: the plan of the whole way, which the launcher starts.</summary>
internal static class DemoVerb
{
    private const string Text =
        """
        The whole way, on real text, in minutes: text, tokenizer, seed, four experts, BTX, evaluation, ONNX, a server, requests, a removal.
        Stopped or failed halfway, the same command goes on where it was.

        Examples:
          btx demo
          btx demo --dir /tmp/demo --json /tmp/demo.json
        """;

    public static Command Create()
    {
        var directory = new Flag<string>("--dir DIR", "where everything is kept; run again to resume", "demo");
        var json = new Flag<string?>("--json FILE", "every figure as JSON");
        var fresh = new Flag<bool>("--fresh", "start over: removes what an earlier demo left in DIR, nothing else");
        var dryRun = new Flag<bool>("--dry-run", "print the stages and their commands, and run nothing");
        var started = new Flag<double?>("--started SECONDS", "when the launcher began, since 1970") { Hidden = true };
        var command = new Command("demo", Text) { directory, json, fresh, dryRun, started };
        command.SetAction(async (parsed, cancellation) =>
        {
            var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
            var began = parsed.GetValue(started) ?? now;
            var dir = TerminalRun.DirectoryOf(parsed.GetValue(directory)!);
            var demo = new Demo(dir);
            if (parsed.GetValue(dryRun))
            {
                foreach (var line in demo.Plan().Lines()) Console.WriteLine(line);
                return 0;
            }

            Directory.CreateDirectory(dir);
            if (parsed.GetValue(fresh)) demo.Clear();
            demo.Prepare();
            var stages = await TerminalRun.ExecuteAsync("demo", dir, demo.Plan(), keepGoing: false, cancellation).ConfigureAwait(false);
            var total = (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0) - began;
            Console.WriteLine(
                $$"""

                {{demo.Report(stages, now - began, total, parsed.GetValue(json))}}
                In {{dir}}: figures demo.json, heat map evaluation.svg, loss curves seed/loss.svg,
                  routing btx/routing.svg, certificate removal/certificate.json

                Go on with:
                  ./btx serve --forest {{dir}}/served --btx {{dir}}/served-btx --admin-key-file {{demo.KeyFile}}
                       # gRPC on 8081, OpenAI-style HTTP on 8080
                  ./btx generate "In the beginning" --mode ensemble --show-experts
                  curl -s http://127.0.0.1:8080/v1/completions -H 'content-type: application/json' \
                       -d '{"model": "forest:top_k=2", "prompt": "In the beginning", "max_tokens": 40}'
                  ./btx experts --help       # add, remove and average experts while it serves; changes need that --admin-key-file
                  ./btx train round --help   # add domains of your own
                """);
            return 0;
        });
        return command;
    }
}
