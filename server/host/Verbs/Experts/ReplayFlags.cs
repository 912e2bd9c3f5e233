using System.CommandLine;
using Btx.Cli;
using Btx.Model.Files;
using Btx.Server.Rpc;

namespace Btx.Server.Verbs.Experts;

/// <summary>The replay recipe of a removal: the commands that retrain its descendants from clean ancestors.</summary>
internal sealed class ReplayFlags
{
    private readonly Flag<string?> _replay = new("--replay FILE",
        "write the commands that retrain descendants from clean ancestors, for bash");
    private readonly Flag<string?> _corpus = new("--corpus DIR", "replay: directory of the text (as recorded)");
    private readonly Flag<string?> _seed = new("--seed DIR", "replay: directory of the seed model (as recorded)");

    public IReadOnlyList<Option> All => [_replay, _corpus, _seed];

    /// <summary>Writes the recipe, if it is asked for, and says so.</summary>
    /// <exception cref="Model.BtxException">A corpus or a seed is neither recorded nor given, or the file cannot be written.</exception>
    public async Task WriteAsync(ParseResult parsed, ForestFlags server, RemoteForest remote, IEnumerable<string> experts,
        CancellationToken cancellation)
    {
        if (parsed.GetValue(_replay) is not { } path) return;
        var recipe = await remote.ReplayRecipeAsync(new()
        {
            Experts = { experts },
            Corpus = parsed.GetValue(_corpus) ?? "",
            SeedModel = parsed.GetValue(_seed) ?? ""
        }, cancellation).ConfigureAwait(false);
        var error = parsed.InvocationConfiguration.Error;
        if (recipe.Retrained.Count == 0)
        {
            await error.WriteLineAsync("no replay is needed: nothing was branched from what goes").ConfigureAwait(false);
            return;
        }

        AtomicFile.WriteText(path, recipe.Script);
        if (path != "-" && !OperatingSystem.IsWindows()) File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.UserExecute);
        await error
            .WriteLineAsync($"replay of {string.Join(", ", recipe.Retrained)} from "
                + $"{(recipe.Clean.Count == 0 ? "the seed" : string.Join(", ", recipe.Clean))}: bash {path}{server.Given(parsed)}")
            .ConfigureAwait(false);
    }
}
