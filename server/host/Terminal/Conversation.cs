using Btx.V1;

namespace Btx.Server.Terminal;

/// <summary>A conversation, line by line: questions, and commands that begin with a slash.</summary>
/// <param name="output">Answers.</param>
/// <param name="notes">Everything that is said about them.</param>
/// <param name="colour">Tokens are coloured where experts are shown.</param>
internal sealed class Conversation(IInference inference, TextWriter output, TextWriter notes, bool colour)
{
    private const string Help = "/mode MODE (or expert NAME), /k N, /experts (on, off), /system TEXT, /reset, /help, /quit";
    private readonly List<Message> _said = [];
    private DescribeResponse _served = new();

    public Routing Routing { get; init; } = new();

    public Sampling Sampling { get; init; } = new();

    /// <summary>Tokens of an answer at most, 1 or more; fewer, where the context is short.</summary>
    public int MaxTokens { get; init; } = 256;

    public string? System { get; set; }

    public bool ShowExperts { get; set; }

    /// <param name="prompted">Somebody sits there: a sign says that it is their turn.</param>
    /// <param name="begin">An answer begins; what is returned ends it.</param>
    /// <returns>The exit code: 1, where a question or a command was refused and nobody sits there who could have put it right.</returns>
    public async Task<int> RunAsync(TextReader input, bool prompted, Func<CancellationToken, CancellationTokenSource> begin,
        CancellationToken cancellation)
    {
        _served = await inference.DescribeAsync(cancellation);
        if (prompted) await notes.WriteLineAsync($"{_served.Experts.Count} experts, a context of {_served.ContextLength} tokens; {Help}");
        var failed = false;
        while (true)
        {
            if (prompted) await notes.WriteAsync("> ");
            if (await input.ReadLineAsync(cancellation) is not { } line) return failed ? 1 : 0;
            try
            {
                if (line.Trim() is "/quit" or "/exit") return failed ? 1 : 0;
                if (line.StartsWith('/')) await CommandAsync(line.Trim(), cancellation);
                else if (line.Trim().Length > 0) await AnswerAsync(line, begin, cancellation);
            }
            catch (Exception e) when (e is BtxException or BtxCallException { Failure: CallFailure.Refused } || Rejection.Of(e) is not null)
            {
                failed |= !prompted;
                await notes.WriteLineAsync($"error: {BtxException.OneLine(e.Message, BtxException.MaxMessage)}");
            }
        }
    }

    private async Task AnswerAsync(string question, Func<CancellationToken, CancellationTokenSource> begin, CancellationToken cancellation)
    {
        _said.Add(new() { Role = Role.User, Content = question });
        using var ending = begin(cancellation);
        var answer = new StringBuilder();
        var isKept = false;
        try
        {
            var request = await FittedAsync(ending.Token);
            var palette = ShowExperts ? ExpertPalette.Of(_served, Routing.Mode == Mode.Moe, colour) : null;
            var printer = new TokenPrinter(output, palette);
            var ended = "";
            await foreach (var part in inference.ChatAsync(request, ending.Token))
            {
                printer.Print(part);
                answer.Append(part.Text);
                ended = part.FinishReason == V1.FinishReason.Length
                    ? $"the answer was cut off after {part.Usage?.CompletionTokens} tokens: {Limit(request.MaxTokens)}"
                    : part.FinishMessage;
            }

            isKept = true;
            await output.WriteLineAsync();
            if (ShowExperts) await output.WriteLineAsync($"contributions: {printer.Shares()}");
            if (ended.Length > 0) await notes.WriteLineAsync($"({BtxException.OneLine(ended)})");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            isKept = answer.Length > 0;
            await output.WriteLineAsync();
            await notes.WriteLineAsync("(stopped)");
        }
        finally
        {
            // A question without an answer is as if it had not been asked.
            if (isKept) _said.Add(new() { Role = Role.Assistant, Content = answer.ToString() });
            else _said.RemoveAt(_said.Count - 1);
        }
    }

    /// <summary>The conversation, without as much of its beginning as the context cannot hold beside an answer.</summary>
    private async Task<ChatRequest> FittedAsync(CancellationToken cancellation)
    {
        var context = _served.ContextLength;
        var room = Math.Min(MaxTokens, Half);
        for (var left = 0; ; left++)
        {
            var request = Request(room);
            var chat = new TokenizeChat { Messages = { request.Messages } };
            var used = (await inference.TokenizeAsync(new() { Chat = chat }, cancellation)).Tokens.Count;
            if (used + room > context && _said.Count > 2)
            {
                _said.RemoveRange(0, 2); // a question and its answer
                continue;
            }

            if (left > 0)
                await notes.WriteLineAsync($"({left} earlier {(left == 1 ? "question" : "questions")} left out: the context holds "
                    + $"{context} tokens)");
            // A long question may still leave a short answer; what leaves none is refused by the server.
            request.MaxTokens = Math.Clamp(context - used, 1, room);
            return request;
        }
    }

    /// <summary>Tokens of the context that an answer may take: the rest is the conversation's.</summary>
    private int Half => Math.Max(1, _served.ContextLength / 2);

    /// <summary>What set the limit of an answer's tokens.</summary>
    private string Limit(int tokens) => tokens == MaxTokens ? "--max-tokens"
        : tokens == Half ? $"half the context of {_served.ContextLength} tokens, the most that an answer may take"
        : $"the conversation leaves no more of the context of {_served.ContextLength} tokens";

    private ChatRequest Request(int maxTokens)
    {
        var request = new ChatRequest { Routing = Routing, Sampling = Sampling, MaxTokens = maxTokens, IncludeExperts = ShowExperts };
        if (System is { } system) request.Messages.Add(new Message { Role = Role.System, Content = system });
        request.Messages.AddRange(_said);
        return request;
    }

    private async Task CommandAsync(string line, CancellationToken cancellation)
    {
        var (name, value) = line.IndexOf(' ', StringComparison.Ordinal) is > 0 and var blank ? (line[..blank], line[(blank + 1)..].Trim())
            : (line, "");
        switch (name)
        {
            case "/help":
                await notes.WriteLineAsync(Help);
                break;
            case "/mode":
                SetMode(value.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                break;
            case "/k":
                if (!int.TryParse(value, out var k) || k < 1)
                    throw new BtxException($"{BtxException.OneLine(line, 100)}: expected a number of experts, 1 or more");
                if (Routing.Mode is not (Mode.TopK or Mode.Moe)) SetMode(["top_k"]);
                Routing.K = k;
                break;
            case "/experts" when value.Length == 0:
                _served = await inference.DescribeAsync(cancellation); // the forest may have changed
                foreach (var expert in _served.Experts) await notes.WriteLineAsync($"{expert.Name}  (domain {expert.Domain})");
                break;
            case "/experts" when value is "on" or "off":
                ShowExperts = value == "on";
                if (ShowExperts && colour)
                    await notes.WriteLineAsync(ExpertPalette.Of(_served, Routing.Mode == Mode.Moe, colour).Legend());
                break;
            case "/system":
                System = value.Length > 0 ? value : null;
                break;
            case "/reset":
                _said.Clear();
                break;
            default:
                throw new BtxException($"{BtxException.OneLine(line, 100)}: no such command; there are {Help}");
        }
    }

    /// <summary>Options of another mode would be refused: they go.</summary>
    private void SetMode(string[] words)
    {
        var mode = words is [var named, ..] ? RoutingNames.Find<Mode>(named) : null;
        if (mode is null || words.Length != (mode == Mode.Expert ? 2 : 1))
            throw new BtxException($"{BtxException.OneLine(string.Join(' ', ["/mode", .. words]), 100)}: use one of "
                + $"{string.Join(", ", RoutingNames.All<Mode>().Where(n => n != "expert"))}, or expert NAME");
        (Routing.Mode, Routing.Expert) = (mode.Value, mode == Mode.Expert ? words[1] : "");
        if (mode is not (Mode.TopK or Mode.Moe)) Routing.ClearK();
        if (mode != Mode.TopP) Routing.ClearP();
        if (mode is not (Mode.TopK or Mode.TopP))
        {
            (Routing.Select, Routing.RerouteInterval, Routing.Router) = (Selection.Unspecified, 0, ExpertRouter.Unspecified);
            Routing.ClearProbeTokens();
        }

        if (mode is Mode.Ensemble or Mode.TopK or Mode.TopP) return;
        (Routing.Posterior, Routing.PriorDomain) = (PosteriorKind.Unspecified, "");
        Routing.ClearSwitchingRate();
        if (mode != Mode.Average) (Routing.Average, Routing.AverageDomain, Routing.AverageName) = (AverageKind.Unspecified, "", "");
    }
}
