using System.Globalization;
using System.Security.Cryptography;

namespace Btx.Trainer.Moe;

/// <summary>What a fitted router learns from: training text of the members' domains, or statistics of an earlier BTX model.</summary>
internal sealed class MixText : IDisposable
{
    private readonly MixRequest request;
    private readonly string form;
    private (MixMember Member, TokenShard Shard)[] shards = [];
    private TokenShardCache? cache;

    private MixText(MixRequest request, string form) => (this.request, this.form) = (request, form);

    /// <summary>What the fit depends on, by flag or subject.</summary>
    public SortedDictionary<string, string> Options { get; } = new(StringComparer.Ordinal);

    /// <summary>Tokenises what is not in the shard cache yet.</summary>
    /// <exception cref="BtxException">Neither text nor statistics, or a domain without text.</exception>
    public static MixText Open(MixRequest request, MixPlan plan, CancellationToken cancellation)
    {
        var labelled = plan.Members.Where(m => m.Text is not null).ToArray();
        if (labelled.Length == 0)
            throw new BtxException(
                $"--router-init {request.RouterInit}: copies of one model stand for no domains; use {RouterInit.Random} or a file");
        if (!(request.RidgeLambda > 0) || !double.IsFinite(request.RidgeLambda))
            throw new BtxException($"--ridge-lambda is {request.RidgeLambda}; expected a number above 0");
        if (request.TokensPerDomain < 1) throw new BtxException($"--tokens-per-domain is {request.TokensPerDomain}; expected 1 or more");
        var text = new MixText(request, request.States ?? (request.Statistics is null ? HiddenStateForm.Mixed : HiddenStateForm.Own));
        text.Options["--states"] = text.form;
        if (request.Statistics is { } earlier)
        {
            if (text.form != HiddenStateForm.Own)
                throw new BtxException(
                    $"--statistics has states of the experts' own networks; --states {text.form} needs text: --corpus DIR");
            var path = Path.Combine(earlier, RouterStatistics.FileName);
            if (!File.Exists(path))
                throw new BtxException($"--statistics: {path} not found; a BTX model of --router-init ridge or centroid has one");
            text.Options["--statistics"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
            return text;
        }

        if (request.Corpus is null)
            throw new BtxException($"--router-init {request.RouterInit} needs text of the experts' domains: --corpus DIR, or "
                + "--statistics DIR with an earlier BTX model");
        var corpus = CorpusDirectory.Open(request.Corpus);
        foreach (var member in labelled)
        {
            if (member.Text!.Domains.FirstOrDefault(d => corpus.Domains.All(c => c.Name != d)) is not { } missing) continue;
            throw new BtxException(
                $"--corpus {request.Corpus}: has no domain \"{missing}\", the text of expert \"{member.Expert.Name}\"; it has "
                + $"{string.Join(", ", corpus.Domains.Select(d => d.Name))}: add it with `btx corpus`, leave the expert out with "
                + $"--without {member.Expert.Name}, or take --router-init {RouterInit.Random}");
        }

        var cache = text.cache = new TokenShardCache(corpus, TextTokenizer.Load(plan.Members[0].Directory), request.Shards);
        text.shards = [.. labelled.Select(m => (m, cache.Open(m.Text!, CorpusSplit.Train, cancellation)))];
        foreach (var (member, shard) in text.shards) text.Options[$"text of {member.Expert.Name} (--corpus)"] = shard.Key;
        text.Options["--tokens-per-domain"] = request.TokensPerDomain.ToString(CultureInfo.InvariantCulture);
        text.Options["--threads"] = request.Threads.ToString(CultureInfo.InvariantCulture);
        text.Options["--device"] = request.Device;
        return text;
    }

    /// <summary>Of every member that stands for a domain, in the order of the members.</summary>
    /// <returns>What the routers are fitted to, and what is kept beside the BTX model: always the experts' own states, from which one can
    /// be left out.</returns>
    public (RouterStatistics Fitted, RouterStatistics Kept) Statistics(MixPlan plan, IReadOnlyList<Checkpoint> members,
        MoeWeights weights, ProgressDisplay display, CancellationToken cancellation)
    {
        if (request.Statistics is { } earlier)
        {
            var saved = Saved(Path.Combine(earlier, RouterStatistics.FileName), plan);
            return (saved, saved);
        }

        var config = plan.Architecture.RequireDense(plan.Members[0].Directory);
        var device = TorchDevice.Open(DeviceSpec.Parse(request.Device), request.Threads);
        using var states = new HiddenStates(weights, config, device);
        var windows = shards.Select(s => HiddenStates.Windows(s.Shard, config.MaxPositionEmbeddings, request.TokensPerDomain)).ToArray();
        string[] forms = [.. new[] { form, HiddenStateForm.Own }.Distinct()];
        var item = display.Start("hidden states", forms.Length * windows.Sum(w => (long)w.Count * w.Context), "tokens");
        var read = 0L;
        var index = plan.Members.Select((m, i) => (m.Expert.Name, i)).ToDictionary(p => p.Name, p => p.i);
        RouterStatistics[] found = [.. forms.Select(f => new RouterStatistics(f, request.TokensPerDomain, [.. shards.Select(Of(f))]))];
        item.Finish($"hidden states of {shards.Length} domains: {Quantity.WithUnit(read, "tokens")}");
        return (found[0], found[^1]);

        Func<(MixMember Member, TokenShard Shard), int, DomainStatistics> Of(string form) => (s, j) =>
        {
            var (name, domain) = (s.Member.Expert.Name, s.Member.Expert.Domain);
            var layers = states.Read(members[index[name]], form, windows[j], n => item.Report(read += n, domain), cancellation);
            return new DomainStatistics(name, s.Member.Expert.Sha256!, s.Shard.Key, layers);
        };
    }

    public void Dispose() => cache?.Dispose();

    private static RouterStatistics Saved(string path, MixPlan plan)
    {
        var saved = RouterStatistics.Load(path);
        if (saved.Form != HiddenStateForm.Own)
            throw new BtxException($"{path}: holds {saved.Form} states, on which every expert left its mark; expected "
                + $"{HiddenStateForm.Own}: give text with --corpus");
        var (layers, hidden) = (plan.Architecture.NumHiddenLayers, plan.Architecture.HiddenSize);
        var found = saved.Domains[0].Layers;
        if (found.Count != layers || found[0].Sum.Length != hidden)
            throw new BtxException($"{path}: is of a model with {found.Count} layers of hidden size {found[0].Sum.Length}; the experts "
                + $"have {layers} of {hidden}");
        return saved with
        {
            Domains = [.. plan.Members.Where(m => m.Text is not null).Select(m =>
            {
                var domain = saved.Domains.FirstOrDefault(d => d.Expert == m.Expert.Name)
                    ?? throw new BtxException($"{path}: has no statistics of expert \"{m.Expert.Name}\"; it has "
                        + $"{string.Join(", ", saved.Domains.Select(d => d.Expert))}: give text with --corpus");
                return domain.Sha256 == m.Expert.Sha256 ? domain
                    : throw new BtxException($"{path}: the statistics of expert \"{m.Expert.Name}\" are of other weights than the "
                        + "forest's; give text with --corpus");
            })],
        };
    }
}
