using Btx.Trainer.Corpora.Cleaning;
using Btx.Trainer.Corpora.Packages;
using Btx.Trainer.Corpora.Recipes;

namespace Btx.Trainer.Corpora;

/// <summary>Builds domains into a corpus directory, several at a time. A domain that is there already, made by the same recipe and with
/// matching hashes, is not made again, so a run that was stopped goes on where it was. Other domains there stay.</summary>
public sealed class CorpusBuilder(IPackageFetcher fetcher, ProgressDisplay display, int parallel)
{
    private readonly Lock gate = new();
    private CorpusManifest manifest = CorpusManifest.Empty;

    /// <summary>Builds what was asked for, with an outcome for each request. One domain's failure does not stop the others.</summary>
    /// <exception cref="BtxException">The directory cannot be used at all.</exception>
    /// <exception cref="OperationCanceledException">Stopped: finished domains are kept, no half-written file is left.</exception>
    public async Task<IReadOnlyList<DomainOutcome>> BuildAsync(string directory, IReadOnlyList<DomainRequest> requests,
        CancellationToken cancellation)
    {
        directory = Path.GetFullPath(directory);
        var isNew = !Directory.Exists(directory);
        using var held = RunLock.Acquire(directory, cancellation: cancellation);
        try
        {
            // what a killed process left half-written
            foreach (var left in Directory.EnumerateDirectories(directory, ".*.tmp*")) Directory.Delete(left, recursive: true);
            foreach (var left in Directory.EnumerateFiles(directory, ".*.tmp")) File.Delete(left);
            return await BuildAllAsync(directory, requests, cancellation).ConfigureAwait(false);
        }
        finally
        {
            // No domain was made: nothing is left of a directory that was not there before.
            if (isNew && manifest.Domains.Count == 0)
            {
                File.Delete(Path.Combine(directory, RunLock.FileName));
                if (!Directory.EnumerateFileSystemEntries(directory).Any()) Directory.Delete(directory);
            }
        }
    }

    private async Task<IReadOnlyList<DomainOutcome>> BuildAllAsync(string directory, IReadOnlyList<DomainRequest> requests,
        CancellationToken cancellation)
    {
        manifest = File.Exists(Path.Combine(directory, CorpusManifest.FileName)) ? CorpusManifest.Read(directory) : CorpusManifest.Empty;
        var outcomes = new DomainOutcome[requests.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellation };
        await Parallel.ForAsync(0, requests.Count, options,
            async (i, token) => outcomes[i] = await BuildAsync(directory, requests[i], token).ConfigureAwait(false)).ConfigureAwait(false);
        // what was asked for stands first, in that order
        Record(directory, all => [.. all.OrderBy(d => requests.TakeWhile(r => r.Name != d.Name).Count())]);
        return outcomes;
    }

    private async Task<DomainOutcome> BuildAsync(string directory, DomainRequest request, CancellationToken cancellation)
    {
        try
        {
            var finished = Finished(directory, request);
            var domain = finished ?? (request.Recipe is { } recipe
                ? await BuildRecipeAsync(directory, request, recipe, cancellation).ConfigureAwait(false)
                : BuildFolder(directory, request, cancellation));
            display.WriteLine($"{request.Name}: {(finished is null ? "" : "already there, ")}{Describe(domain)}");
            if (finished is null) Record(directory, all => [.. all.Where(d => d.Name != domain.Name), domain]);
            return new DomainOutcome(request, domain, Reused: finished is not null, null);
        }
        catch (Exception e) when (e is BtxException or IOException or UnauthorizedAccessException)
        {
            display.WriteLine($"{request.Name}: failed: {e.Message}");
            return new DomainOutcome(request, null, Reused: false, e.Message);
        }
    }

    private async Task<CorpusDomain> BuildRecipeAsync(string directory, DomainRequest request, DomainRecipe recipe,
        CancellationToken cancellation)
    {
        var item = display.Start(request.Name, recipe.DownloadBytes, "bytes");
        var work = Path.Combine(directory, $".{request.Name}.{Guid.NewGuid():N}.tmp");
        try
        {
            item.Report(0, "downloading, unpacking");
            var arrived = new long[recipe.Packages.Count];
            string[] folders = [.. recipe.Packages.Select(p => Path.Combine(work, p.Name.Replace('/', '-')))];
            var sources = await Task.WhenAll(recipe.Packages.Select((package, i) => fetcher.FetchAsync(package, folders[i], bytes =>
            {
                arrived[i] = bytes;
                item.Report(arrived.Sum());
            }, cancellation))).ConfigureAwait(false);
            item.Finish();
            item = display.Start(request.Name, recipe.TextBytes, "bytes");
            item.Report(0, "cleaning");
            var documents = recipe.Extract(folders, cancellation);
            return DomainWriter.Write(directory, request, sources, recipe.Licence, recipe.Rules, documents, null,
                bytes => item.Report(bytes), cancellation);
        }
        finally
        {
            item.Finish();
            if (Directory.Exists(work)) Directory.Delete(work, recursive: true);
        }
    }

    private CorpusDomain BuildFolder(string directory, DomainRequest request, CancellationToken cancellation)
    {
        var notes = new CorpusNotes(request.Strict);
        var folder = new OwnFolder(request.Folder!, notes, directory);
        var item = display.Start(request.Name, folder.Files.Sum(f => new FileInfo(f.Path).Length), "bytes");
        try
        {
            var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.Folder!)));
            return DomainWriter.Write(directory, request, [new("folder", name, "", folder.Hash())], "the user's own",
                CleaningRules.OwnText, folder.Read(), notes, bytes => item.Report(bytes), cancellation);
        }
        finally
        {
            item.Finish();
        }
    }

    /// <summary>The domain as the manifest has it, if it is what was asked for and its files are whole.</summary>
    private CorpusDomain? Finished(string directory, DomainRequest request)
    {
        CorpusDomain? domain;
        lock (gate) domain = manifest.Domains.FirstOrDefault(d => d.Name == request.Name);
        if (domain is null || domain.RecipeVersion != request.Version || domain.LimitBytes != request.LimitBytes
            || domain.Role != request.Role || request.Strict) return null;
        var same = request.Recipe is { } recipe
            ? domain.Sources.Select(s => s.Name).SequenceEqual(recipe.Packages.Select(p => p.Name))
            : domain.Sources is [{ Kind: "folder" } source]
                && source.Sha256 == new OwnFolder(request.Folder!, new CorpusNotes(), directory).Hash();
        return same && Enum.GetValues<CorpusSplit>().All(s => CorpusDirectory.IsWhole(directory, domain[s])) ? domain : null;
    }

    private void Record(string directory, Func<IReadOnlyList<CorpusDomain>, CorpusDomain[]> change)
    {
        lock (gate)
        {
            var domains = change(manifest.Domains);
            if (domains.SequenceEqual(manifest.Domains)) return;
            manifest = manifest with { Domains = domains };
            manifest.Write(directory);
        }
    }

    private static string Describe(CorpusDomain domain)
    {
        var splits = Enum.GetValues<CorpusSplit>().Select(split =>
            $"{split.ToString().ToLowerInvariant()} {domain[split].Documents}, {Quantity.Bytes(domain[split].Bytes)}");
        var all = $"{domain.Documents} documents, {Quantity.Bytes(domain.Bytes)} ({string.Join("; ", splits)})";
        return string.Join("\n  ", domain.Notes.Select(n => n.ToString()).Prepend(all));
    }
}

/// <summary>A domain to build, from a recipe or from a folder of the user's: the other of the two is null.</summary>
/// <param name="Strict">Whether a file or line of the folder that is no text fails the domain instead of being left out.</param>
public sealed record DomainRequest(
    string Name, CorpusRole Role, long? LimitBytes, DomainRecipe? Recipe, string? Folder, bool Strict = false)
{
    /// <summary>Version of the rules that its documents come from.</summary>
    public int Version => Folder is null ? DomainRecipe.Version : Corpora.OwnFolder.Version;

    public static DomainRequest Of(DomainRecipe recipe, long? limitBytes) => new(recipe.Name, recipe.Role, limitBytes, recipe, null);

    public static DomainRequest OwnFolder(string name, string folder, CorpusRole role, long? limitBytes, bool strict = false) =>
        new(name, role, limitBytes, null, folder, strict);
}

/// <summary>What became of one requested domain: there already, built, or an error of one line.</summary>
public sealed record DomainOutcome(DomainRequest Request, CorpusDomain? Domain, bool Reused, string? Error);
