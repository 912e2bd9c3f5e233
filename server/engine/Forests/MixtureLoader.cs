using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Engine.Forests;

/// <summary>Opens a served BTX model: reads and checks its manifest, config, tokenizer and hashes, then makes the sessions.</summary>
internal sealed class MixtureLoader
{
    private readonly EngineOptions options;
    private readonly string directory;
    private readonly int threads;
    private readonly ServedMixtureManifest served;

    private MixtureLoader(EngineOptions options, string directory, int threads, ServedMixtureManifest served, LlamaConfig config, TextTokenizer tokenizer) =>
        (this.options, this.directory, this.threads, this.served, Config, Tokenizer) = (options, directory, threads, served, config, tokenizer);

    public LlamaConfig Config { get; }

    public TextTokenizer Tokenizer { get; }

    /// <summary>Reads and checks everything but the graphs themselves.</summary>
    /// <exception cref="BtxException">Whatever is missing, damaged or does not fit, as one clear line.</exception>
    /// <param name="hashThreads">Threads that hash; null: as many.</param>
    public static MixtureLoader Open(EngineOptions options, string directory, int threads, int? hashThreads = null)
    {
        var served = ServedMixtureManifest.Load(directory);
        if ((ProviderLibraries.Of(options.Device).Fault(options.Device) ?? DevicePrecision.Fault(options.Device, served.Precision, "BTX model")) is { } fault) throw new BtxException(fault);
        var config = LlamaConfig.Load(directory);
        if (config.Mixture is null || config.Mixture.Experts != served.Experts.Count || config.Fingerprint() != served.Architecture)
            throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: is not of the BTX model that was exported there; export again");
        if (served.Router.SoftLayers.Any(l => l >= config.NumHiddenLayers)) throw new BtxException($"{Path.Combine(directory, ServedMixtureManifest.FileName)}: router: a soft layer is beyond the {config.NumHiddenLayers} layers; export again");
        var tokenizer = TextTokenizer.Load(directory);
        if (tokenizer.Hash != served.Tokenizer) throw new BtxException($"{directory}: its tokenizer is not the one that the BTX model was exported with; export again");
        if (tokenizer.VocabSize > config.VocabSize) throw new BtxException($"{directory}: the tokenizer has {tokenizer.VocabSize} tokens, the model only {config.VocabSize}");
        var loader = new MixtureLoader(options, directory, threads, served, config, tokenizer);
        if (options.VerifyHashes) loader.VerifyHashes(hashThreads ?? threads);
        return loader;
    }

    /// <summary>Requests move between the two, so text must mean the same tokens to both.</summary>
    /// <exception cref="BtxException">The forest has another tokenizer or vocabulary.</exception>
    public void RequireFit(string forest, TextTokenizer tokenizer, LlamaConfig config)
    {
        if (tokenizer.Hash != Tokenizer.Hash) throw new BtxException($"{directory}: the BTX model has another tokenizer than the forest {forest}; serve them apart");
        if (config.VocabSize != Config.VocabSize) throw new BtxException($"{directory}: the BTX model has {Config.VocabSize} logits, the forest {forest} {config.VocabSize}; serve them apart");
    }

    public MixtureDescription Describe() => new()
    {
        Experts = [.. served.Experts.Select(e => e.Name)],
        Domains = [.. served.Experts.Select(e => e.Domain)],
        ExpertsPerToken = served.Router.ExpertsPerToken,
        Choices = served.Graphs.Any(g => g.ExpertsPerToken is null)
            ? [.. Enumerable.Range(1, served.Experts.Count)]
            : [.. served.Graphs.Where(g => g.Form == ServedGraph.Ragged).Select(g => g.ExpertsPerToken!.Value).Distinct().Order()],
        Layers = Config.NumHiddenLayers,
        Router = served.Router.Kind,
        SoftLayers = served.Router.SoftLayers,
        Precision = served.Precision,
        Sha256 = served.SourceSha256,
    };

    /// <summary>Makes the sessions.</summary>
    /// <param name="context">Longest sequence in tokens.</param>
    /// <exception cref="BtxException">A weight file is damaged, or ONNX Runtime refuses a graph or the device.</exception>
    public ServedMixture Create(int context)
    {
        var files = new List<SafetensorsFile>();
        try
        {
            foreach (var weights in served.Weights) files.Add(SafetensorsFile.Open(served.WeightsFile(directory, weights)));
        }
        catch
        {
            foreach (var file in files) file.Dispose();
            throw;
        }

        var settings = new SessionSettings(options.Device, options.IntraOpThreads > 0 ? options.IntraOpThreads : threads, options.AllowSpinning, served.Precision);
        IReadOnlyList<(ServedGraph, string)> graphs = [.. served.Graphs.Select(g => (g, Path.GetFullPath(Path.Combine(directory, g.File))))];
        var runner = new OnnxModelRunner(Config, graphs, WeightSet.Map(files), settings, served.Precision == "fp16", options.Slots, context, options.MaxBatchTokens);
        return new ServedMixture(Describe(), new ServedModel("the BTX model", runner), Config.EosTokenIds);
    }

    private void VerifyHashes(int hashThreads)
    {
        IReadOnlyList<(string Path, string What, string Sha256)> files =
        [
            .. served.Weights.Select(w => (served.WeightsFile(directory, w), "weight file", w.Sha256)),
            .. served.Graphs.Select(g => (Path.Combine(directory, g.File), "graph", g.Sha256)),
        ];
        if (FileHash.First(files.Count, hashThreads, i => FileHash.Fault(files[i].Path, files[i].What, files[i].Sha256)) is { } fault) throw new BtxException(fault);
    }
}
