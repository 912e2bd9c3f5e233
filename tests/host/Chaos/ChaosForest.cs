using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Server.Tests.Chaos;

/// <summary>
/// A tiny exported forest, and a root with experts that may be added to it. An expert's weights follow from its name alone, so that any
/// test can make the same forest from scratch. Everything is deleted on disposal.
/// </summary>
internal sealed class ChaosForest : IDisposable
{
    /// <summary>A context in which a request outlasts a change.</summary>
    public static readonly LlamaConfig Config = TinyForest.DefaultConfig with { MaxPositionEmbeddings = 1024 };

    private static readonly TinyForest Tiny = new() { Config = Config };
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-chaos-");

    public ChaosForest(params IReadOnlyList<string> experts)
    {
        Source = At("forest");
        Served = At("served");
        Guests = At("guests");
        Directory.CreateDirectory(Guests);
        var manifest = new ForestManifest { Architecture = Config.Fingerprint(), Tokenizer = new string('0', 64) };
        foreach (var name in experts)
        {
            var path = Path.Combine(Source, "experts", name);
            Write(path, name);
            manifest = manifest with { Tokenizer = TextTokenizer.Load(path).Hash };
            manifest = manifest.With(new ExpertEntry
            {
                Name = name,
                Domain = name,
                Path = $"experts/{name}",
                Sha256 = CheckpointFiles.Hash(path),
                Tokens = 1000,
                Steps = 10
            });
        }

        manifest.Save(Source);
        ForestExporter.Export(new ExportOptions { Forest = Source, Out = Served, Threads = 1 });
    }

    /// <summary>Directory with <c>forest.json</c>.</summary>
    public string Source { get; }

    /// <summary>Directory with <c>served.json</c>.</summary>
    public string Served { get; }

    /// <summary>A root that experts may be added from.</summary>
    public string Guests { get; }

    public string Journal => Path.Combine(Served, Model.Registry.ChangeJournal.FileName);

    /// <summary>A path in the directory of all this.</summary>
    public string At(string path) => Path.Combine(_root.FullName, path);

    /// <summary>Where the weights of a guest lie; written if they are not there.</summary>
    public string Guest(string name)
    {
        var directory = Path.Combine(Guests, name);
        if (!Directory.Exists(directory)) Write(directory, name);
        return directory;
    }

    /// <summary>What a change that did not end would leave behind.</summary>
    public IEnumerable<string> LeftOvers() =>
        Directory.EnumerateFileSystemEntries(_root.FullName, "*", SearchOption.AllDirectories).Where(f => f.EndsWith(".tmp",
        StringComparison.Ordinal) || f.Contains(".tmp/", StringComparison.Ordinal) || f.Contains(".partial", StringComparison.Ordinal));

    /// <summary>Writes the weights of that name.</summary>
    public static void Write(string directory, string name) =>
        Tiny.WriteExpert(directory, name.Aggregate(17, (hash, c) => ((hash * 31) + c) & 0xFFFFFF));

    public void Dispose() => _root.Delete(recursive: true);
}
