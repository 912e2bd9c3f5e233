using Btx.Model;
using Btx.Trainer.Corpora;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Tests.Corpora;

/// <summary>Packages out of memory: each holds the given files; one without files cannot be had.</summary>
public sealed class FakeFetcher(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> packages) : IPackageFetcher
{
    private int fetches;

    public int Fetches => fetches;

    /// <summary>Runs before a package is handed out.</summary>
    public Action<string> BeforeFetch { get; init; } = _ => { };

    public Task<CorpusSource> FetchAsync(SourcePackage package, string directory, Action<long> downloaded, CancellationToken cancellation)
    {
        Interlocked.Increment(ref fetches);
        BeforeFetch(package.Name);
        cancellation.ThrowIfCancellationRequested();
        if (!packages.TryGetValue(package.Name, out var files)) throw new BtxException($"{package} cannot be had: no network");
        downloaded(100);
        foreach (var (name, text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(directory, name))!);
            File.WriteAllText(Path.Combine(directory, name), text);
        }

        return Task.FromResult(new CorpusSource(package.Kind, package.Name, "1.0", new string('0', 64)));
    }
}
