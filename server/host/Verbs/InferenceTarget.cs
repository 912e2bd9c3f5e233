using Btx.Server.Http.Chat;

namespace Btx.Server.Verbs;

/// <summary>Where generate and score run: on a server, or here with a forest or a BTX model of their own.</summary>
internal sealed record InferenceTarget(IInference Inference, IAsyncDisposable? Loaded) : IAsyncDisposable
{
    public const string Remedy = "start one with `btx serve --forest S`, or give --forest S to run it here";

    /// <exception cref="BtxException">Both a server and something to run here are named; that cannot be loaded.</exception>
    public static async Task<InferenceTarget> OpenAsync(ParseResult parsed, ServerFlag server, ApiKeyFlag key, TlsFlags tls,
        EngineOptions? here, CancellationToken cancellation)
    {
        if (here is null)
        {
            var (source, address) = server.ReadGrpc(parsed);
            return new(new BtxClient(new BtxClientOptions
            {
                Address = address,
                AddressName = source,
                Remedy = Remedy,
                Key = key.ReadKey(parsed),
                Tls = tls.Read(parsed),
            }), null);
        }

        if (parsed.GetValue(server) is not null)
            throw new BtxException("both --server and --forest or --btx are given; name the server that answers, or what to run here");
        var loaded = await LoadedForest.OpenAsync(here, null, cancellation);
        var limits = new RequestLimits { PromptCharacters = int.MaxValue };
        var chats = new ChatPrompt(loaded.Tokenizer, new ChatRenderer(loaded.Tokenizer), limits);
        return new(new InferenceRpc(new(loaded.Engine, loaded.Tokenizer, limits, Caller.Owner), chats), loaded);
    }

    public ValueTask DisposeAsync()
    {
        (Inference as IDisposable)?.Dispose();
        return Loaded?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
