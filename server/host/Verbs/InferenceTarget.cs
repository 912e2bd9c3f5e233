using System.CommandLine;
using Btx.Cli;
using Btx.Engine;
using Btx.Model;
using Btx.Server.Lifetime;
using Btx.Server.Requests;
using Btx.Server.Rpc;

namespace Btx.Server.Verbs;

/// <summary>Where generate and score run: on a server, or here with a forest or a BTX model of their own.</summary>
internal sealed class InferenceTarget(IInference inference, LoadedForest? loaded) : IAsyncDisposable
{
    public IInference Inference => inference;

    /// <exception cref="BtxException">Both a server and something to run here are named; that cannot be loaded.</exception>
    public static async Task<InferenceTarget> OpenAsync(
        ParseResult parsed, ServerFlag server, EngineOptions? here, CancellationToken cancellation)
    {
        if (here is null)
        {
            var (source, address) = server.ReadGrpc(parsed);
            return new(new RemoteInference(address, source), null);
        }

        if (parsed.GetValue(server) is not null)
            throw new BtxException("both --server and --forest or --btx are given; name the server that answers, or what to run here");
        var loaded = await LoadedForest.OpenAsync(here, cancellation).ConfigureAwait(false);
        return new(new InferenceMessages(new InferenceService(loaded.Engine, loaded.Tokenizer,
            new RequestLimits { PromptCharacters = int.MaxValue })), loaded);
    }

    public async ValueTask DisposeAsync()
    {
        (inference as IDisposable)?.Dispose();
        if (loaded is not null) await loaded.DisposeAsync().ConfigureAwait(false);
    }
}
