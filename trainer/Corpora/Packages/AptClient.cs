namespace Btx.Trainer.Corpora.Packages;

/// <summary>Downloads Debian packages with <c>apt-get download</c>: nothing is installed and no root is needed. Where the machine's package
/// lists are missing or out of date, a private set is fetched once into the cache.</summary>
internal sealed class AptClient(string cache)
{
    private static readonly ExternalTool Apt = new("apt-get", "apt");
    private readonly string state = Path.Combine(cache, "apt-state");
    private readonly Lock gate = new();
    private Task<bool>? update; // one in a run

    /// <summary>Downloads the package's .deb into <paramref name="directory"/> and returns its path.</summary>
    public async Task<string> DownloadAsync(string package, string directory, CancellationToken cancellation)
    {
        var withPrivateLists = update is { IsCompletedSuccessfully: true, Result: true };
        while (true)
        {
            var output = await RunAsync(["download", package], directory, withPrivateLists, cancellation).ConfigureAwait(false);
            if (output.ExitCode == 0 && Directory.EnumerateFiles(directory, "*.deb").FirstOrDefault() is { } file) return file;
            Task<bool> updated;
            lock (gate) updated = update ??= UpdateAsync(cancellation);
            if (withPrivateLists || !await updated.ConfigureAwait(false))
                throw new BtxException($"apt package {package} cannot be had: {output.Cause}");
            withPrivateLists = true;
        }
    }

    // Fetches package lists into the cache. False if that failed too.
    private async Task<bool> UpdateAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.Combine(state, "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(state, "cache", "archives", "partial"));
        var output = await RunAsync(["update"], state, withPrivateLists: true, cancellation).ConfigureAwait(false);
        // apt-get update ends with 0 even where it could fetch nothing.
        return output.ExitCode == 0 && Directory.EnumerateFiles(Path.Combine(state, "lists"), "*_Packages*").Any();
    }

    private Task<ToolOutput> RunAsync(string[] command, string directory, bool withPrivateLists, CancellationToken cancellation)
    {
        string[] lists = withPrivateLists ? ["-o", $"Dir::State::lists={state}/lists", "-o", $"Dir::Cache={state}/cache"] : [];
        return Apt.RunAsync(["-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", .. lists, .. command],
            workingDirectory: directory, cancellation: cancellation);
    }
}
