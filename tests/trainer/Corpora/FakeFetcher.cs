using Btx.Model;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Tests.Corpora;

/// <summary>Packages out of memory: each holds the given files; one without files cannot be had.</summary>
public sealed class FakeFetcher(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> packages) : IPackageFetcher
{
    private int fetches;

    public int Fetches => fetches;

    /// <summary>Runs before a package is handed out.</summary>
    public Action<string> BeforeFetch { get; init; } = _ => { };

    public Task<FetchedPackage> FetchAsync(SourcePackage package, Action<long> downloaded, CancellationToken cancellation)
    {
        Interlocked.Increment(ref fetches);
        BeforeFetch(package.Name);
        cancellation.ThrowIfCancellationRequested();
        if (!packages.ContainsKey(package.Name)) throw new BtxException($"{package} cannot be had: no network");
        downloaded(100);
        return Task.FromResult(new FetchedPackage(package, "1.0", package.Name, new string('0', 64)));
    }

    public Task UnpackAsync(FetchedPackage package, string directory, CancellationToken cancellation)
    {
        foreach (var (name, text) in packages[package.Package.Name])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(directory, name))!);
            File.WriteAllText(Path.Combine(directory, name), text);
        }

        return Task.CompletedTask;
    }
}
