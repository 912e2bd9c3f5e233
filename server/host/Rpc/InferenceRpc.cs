using System.Runtime.CompilerServices;
using Btx.Server.Http.Chat;
using Google.Protobuf;

namespace Btx.Server.Rpc;

/// <summary>Inference over gRPC. Cancellation and deadline of a call end its request in the engine.</summary>
internal sealed class InferenceRpc(InferenceService service, ChatPrompt template) : V1.Inference.InferenceBase, IInference
{
    private readonly TokenMessages _messages = new(service);

    [Needs(Scope.Generate)]
    public override async Task Generate(V1.GenerateRequest request, IServerStreamWriter<V1.GenerateResponse> responseStream,
        ServerCallContext context)
    {
        await foreach (var message in GenerateAsync(request, context.CancellationToken))
            await responseStream.WriteAsync(message, context.CancellationToken);
    }

    [Needs(Scope.Generate)]
    public override async Task Chat(V1.ChatRequest request, IServerStreamWriter<V1.ChatResponse> responseStream, ServerCallContext context)
    {
        await foreach (var message in ChatAsync(request, context.CancellationToken))
            await responseStream.WriteAsync(message, context.CancellationToken);
    }

    [Needs(Scope.Generate)]
    public override Task<V1.TokenizeResponse> Tokenize(V1.TokenizeRequest request, ServerCallContext context) =>
        TokenizeAsync(request, context.CancellationToken);

    [Needs(Scope.Generate)]
    public override Task<V1.DetokenizeResponse> Detokenize(V1.DetokenizeRequest request, ServerCallContext context) =>
        DetokenizeAsync(request, context.CancellationToken);

    [Needs(Scope.Generate)]
    public override Task<V1.ScoreResponse> Score(V1.ScoreRequest request, ServerCallContext context) =>
        ScoreAsync(request, context.CancellationToken);

    [Needs(Scope.Generate | Scope.Observe)]
    public override Task<V1.DescribeResponse> Describe(V1.DescribeRequest request, ServerCallContext context) =>
        DescribeAsync(context.CancellationToken);

    public async IAsyncEnumerable<V1.GenerateResponse> GenerateAsync(V1.GenerateRequest request,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var forest = service.Forest;
        var asked = await SchemaReading.ReadAsync(() => RoutingMessages.ToGeneration(request, forest),
            () => Allow(request.Routing), cancellation);
        asked = asked with { Prompt = service.Checked(ToPrompt(request.Prompt), asked) };
        service.Reserve([asked]);
        var events = service.Generate(asked, cancellation);
        await foreach (var e in events.WithCancellation(cancellation)) yield return _messages.Of(e, e.Forest ?? forest);
    }

    public async IAsyncEnumerable<V1.ChatResponse> ChatAsync(V1.ChatRequest request,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var run = await ChatRun.BeginAsync(service, template, () => ChatMessages.Read(request, service.Forest, template.Stops),
            () => Allow(request.Routing), [], cancellation);
        var calls = new CallReader(run.Request.Callable);
        await foreach (var (_, e, served) in run.EventsAsync(cancellation))
            foreach (var message in _messages.OfChat(e, served, calls)) yield return message;
    }

    public async Task<V1.TokenizeResponse> TokenizeAsync(V1.TokenizeRequest request, CancellationToken cancellation)
    {
        var chat = request.Chat;
        var prompt = request.InputCase switch
        {
            V1.TokenizeRequest.InputOneofCase.Text => new Prompt(request.Text),
            V1.TokenizeRequest.InputOneofCase.Chat => await template.OfAsync(ChatMessages.Read(chat.Messages),
                ChatMessages.Read(chat.Tools, null, many: true), !chat.HasAddGenerationPrompt || chat.AddGenerationPrompt, cancellation),
            _ => throw RequestRejectedException.For("text", "give either text or chat"),
        };
        var tokens = service.Encode(prompt, !request.HasAddSpecialTokens || request.AddSpecialTokens,
            request.InputCase == V1.TokenizeRequest.InputOneofCase.Text ? "text" : "chat");
        return new()
        {
            Tokens = { tokens },
            Texts = { request.IncludeTexts ? tokens.Select(service.TokenName) : [] },
            ContextLength = service.Forest.ContextLength,
        };
    }

    public Task<V1.DetokenizeResponse> DetokenizeAsync(V1.DetokenizeRequest request, CancellationToken cancellation) =>
        Task.FromResult(new V1.DetokenizeResponse { Text = service.Decode([.. request.Tokens], "tokens") });

    public async Task<V1.ScoreResponse> ScoreAsync(V1.ScoreRequest request, CancellationToken cancellation)
    {
        var forest = service.Forest;
        var routing = RoutingMessages.ToRouting(request.Routing, scores: true, forest);
        var asked = new ScoreRequest([], routing, request.IncludeExperts) { TopLogProbs = request.TopLogprobs };
        int? stride = request.HasStride ? request.Stride : null;
        var score = await service.ScoreAsync(ToPrompt(request.Text), asked, stride, cancellation);
        forest = score.Result.Forest ?? forest;
        var response = new V1.ScoreResponse
        {
            Tokens = { score.Tokens },
            Logprobs = { score.Result.LogProbs },
            PredictedBytes = score.Tokens.Skip(1).Sum(id => (long)service.TokenBytes(id).Length),
            Windows = { score.Windows.Select(w => new V1.ScoreWindow { Start = w.Start, End = w.End, First = w.First }) },
            Routed = { (score.Result.Gates ?? []).Select(gates => TokenMessages.Of(gates, forest)) },
        };
        for (var i = 0; i < score.Result.Top.Count; i++)
        {
            var top = InferenceService.With(score.Result.Top[i], score.Tokens[i + 1], score.Result.LogProbs[i]);
            response.Top.Add(new V1.Alternatives { Entries = { top.Select(_messages.Of) } });
        }

        var shown = service.ShownOf(forest).Experts;
        for (var j = 0; j < score.Result.Posterior.Length; j++)
        {
            if (!shown.Contains(forest.Experts[j])) continue;
            var expert = new V1.ExpertScore { Name = forest.Experts[j], Posterior = { score.Result.Posterior[j] } };
            if (score.Result.ExpertLogProbs[j] is { } logProbs) expert.Logprobs.AddRange(logProbs);
            response.Experts.Add(expert);
        }

        return response;
    }

    public Task<V1.DescribeResponse> DescribeAsync(CancellationToken cancellation)
    {
        var forest = service.Shown;
        return Task.FromResult(new V1.DescribeResponse
        {
            Experts = { forest.Experts.Zip(forest.Domains, (name, domain) => new V1.Expert { Name = name, Domain = domain }) },
            PriorDomains = { forest.PriorDomains },
            Averages = { forest.Averages },
            ContextLength = forest.ContextLength,
            VocabularySize = forest.VocabSize,
            Precision = forest.Precision,
            Device = forest.Device,
            ForestSha256 = forest.ForestSha256,
            Moe = forest.Moe is null ? null : TokenMessages.Of(forest.Moe),
        });
    }

    private void Allow(V1.Routing? routing) =>
        service.RequireRouting(RoutingMessages.ToRouting(routing, scores: false, service.Forest));

    private static Prompt ToPrompt(V1.Prompt? message) => message?.KindCase switch
    {
        V1.Prompt.KindOneofCase.Text => new Prompt(message.Text),
        V1.Prompt.KindOneofCase.Tokens => new Prompt(null, [.. message.Tokens.Ids]),
        _ => default,
    };
}
