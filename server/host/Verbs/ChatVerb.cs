using Btx.Server.Terminal;
using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary><c>btx chat</c>: a conversation in the terminal.</summary>
internal static class ChatVerb
{
    private const string Text =
        """
        Talk with the model in the terminal, on the server at 127.0.0.1:8081 unless --server, BTX_SERVER, --forest or --btx says otherwise.
        The whole conversation goes with every question; where the context cannot hold it, its beginning is left out, and you are told.
        Ctrl-C ends an answer; a second one, or one at the prompt, ends the program. Lines of a file or a pipe are taken as they come.

        Commands:
          /mode MODE     ensemble, top_k, top_p, average or moe; /mode expert NAME
          /k N           experts run per token: of top_k, or of moe
          /experts       list the experts; /experts on: colour each token by the expert that contributed most; /experts off
          /system TEXT   instructions before the conversation; without a text: none
          /reset         forget the conversation
          /help, /quit

        Examples:
          btx chat
          btx chat --system "Answer in one sentence." --mode top_k --k 2
          btx chat --forest served                                     without a server
          printf 'Who was Ahab?\nAnd the whale?\n' | btx chat
        """;

    public static Command Create()
    {
        var routing = RoutingFlags.Create();
        var engine = new EngineFlags();
        var (server, key, tls) = (new ServerFlag(), new ApiKeyFlag(), new TlsFlags());
        var system = new Flag<string?>("--system TEXT", "instructions before the conversation");
        var maxTokens = new Flag<int>("--max-tokens N", "tokens of an answer at most, and never more than half the context", 256);
        var sampling = SamplingFlags.Create();
        var showExperts = new Flag<bool>("--show-experts", "colour each token, as /experts on does");
        var colour = new Choice("--color", ["auto", "always", "never"], "auto: on a terminal only", "auto");
        var command = new Command("chat", Text)
        {
            server, key, tls.All, system, maxTokens, sampling, showExperts, colour, routing,
        };
        engine.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(maxTokens) is < 1 and var none) throw new BtxException($"max_tokens is {none}; expected 1 or more");
            StandardInput.Demand();
            var here = engine.Read(parsed, null);
            await using var target = await InferenceTarget.OpenAsync(parsed, server, key, tls, here, cancellation);
            using var stop = new AnswerStop();
            var chat = new Conversation(target.Inference, Console.Out, Console.Error, ColourChoice.Enabled(parsed.GetValue(colour)!))
            {
                Routing = routing.Read(parsed, new()),
                System = parsed.GetValue(system),
                MaxTokens = parsed.GetValue(maxTokens),
                Sampling = sampling.Read(parsed, new()),
                ShowExperts = parsed.GetValue(showExperts),
            };
            return await chat.RunAsync(Console.In, ConsolePrompt.IsAttended, stop.Begin, cancellation);
        });
        return command;
    }
}
