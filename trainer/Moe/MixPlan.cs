using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Phases;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Moe;

/// <summary>Which models a mixture is made of, checked to belong together.</summary>
/// <param name="Members">By index.</param>
/// <param name="Architecture">That all members share.</param>
/// <param name="Tokenizer">Hash that all members share.</param>
/// <param name="ForestSha256">Null for upcycling.</param>
/// <param name="Without">Names left out on request.</param>
/// <param name="Residuals">What is left of those names in the members through branching.</param>
/// <param name="Settings">Training options of the members: what fine-tuning inherits.</param>
internal sealed record MixPlan(
    IReadOnlyList<MixMember> Members, LlamaConfig Architecture, string Tokenizer, string? ForestSha256, IReadOnlyList<string> Without,
    IReadOnlyList<MixResidual> Residuals, TrainingOptions Settings)
{
    public const string SeedName = "seed";

    /// <exception cref="BtxException">Unknown or quarantined names, nothing left, models that do not belong
    /// together or are mixtures themselves.</exception>
    public static MixPlan Of(MixRequest request) => request.Upcycle is { } seed ? OfCopies(seed, request.Copies) : OfForest(request);

    private static MixPlan OfCopies(string seed, int copies)
    {
        if (copies < 1 || copies > MoeConfig.MaxExperts)
            throw new BtxException($"--copies is {copies}; expected 1..{MoeConfig.MaxExperts}");
        var config = LlamaConfig.Load(seed).RequireDense(seed);
        var sha256 = CheckpointFiles.Hash(seed);
        var member = Member(seed, sha256, SeedName);
        return new(
            [.. Enumerable.Range(0, copies).Select(i => member with { Expert = member.Expert with { Name = $"copy-{i}" } })],
            config, TextTokenizer.Load(seed).Hash, null, [], [],
                PhaseDefaults.ExpertOf(seed, config.ParameterCount, config.MaxPositionEmbeddings));
    }

    private static MixPlan OfForest(MixRequest request)
    {
        var forest = request.Forest!;
        var source = Path.Combine(forest, ForestManifest.FileName);
        var manifest = ForestManifest.Load(forest);
        var chosen = Choose(manifest, request, forest);
        string[] directories = [.. chosen.Select(e => ContainedPath.Resolve(forest, e.Path, source))];
        foreach (var directory in directories) LlamaConfig.Load(directory).RequireDense(directory);
        ForestAverage.RequireRecorded(manifest, chosen, directories, source);
        var texts = RoundPlan.All(forest).SelectMany(p => p.Experts).GroupBy(j => j.Name).ToDictionary(g => g.Key,
            g => g.Last().Sources[0]);
        List<MixMember> members =
        [
            .. chosen.Select((e, i) => new MixMember(
                directories[i],
                new BtxExpert { Name = e.Name, Domain = e.Domain, Sha256 = e.Sha256, Parents = e.Parents, CorpusSha256 = e.CorpusSha256,
                    Tokens = e.Tokens, Steps = e.Steps },
                texts.GetValueOrDefault(e.Name) ?? TextSource.Of(e.Domain))),
        ];
        var architecture = LlamaConfig.Load(directories[0]);
        if (request.Seed is { } seed)
        {
            if (chosen.Any(e => e.Name == SeedName))
                throw new BtxException($"{source} has an expert named {SeedName}, the name that --with-seed gives to {seed}; leave it "
                    + $"out with --without {SeedName}");
            if (LlamaConfig.Load(seed).RequireDense(seed).Fingerprint() != manifest.Architecture)
                throw new BtxException($"--with-seed {seed}: its architecture (config.json) differs from that of the forest {forest}; "
                    + "experts of a mixture share one");
            if (TextTokenizer.Load(seed).Hash != manifest.Tokenizer)
                throw new BtxException($"--with-seed {seed}: its tokenizer differs from that of the forest "
                    + $"{forest}; experts of a mixture share one");
            var last = Member(seed, CheckpointFiles.Hash(seed), SeedName);
            members.Add(last with { Expert = last.Expert with { Source = Path.GetFullPath(seed) } });
        }

        if (members.Count > MoeConfig.MaxExperts)
            throw new BtxException(
                $"{members.Count} experts; a mixture has at most {MoeConfig.MaxExperts}: choose some with --experts");
        return new(
            members, architecture, manifest.Tokenizer, manifest.Hash(), request.Without, MixResidual.Of(manifest, chosen, request.Without),
            PhaseDefaults.ExpertIn(forest, int.MaxValue)
                ?? PhaseDefaults.ExpertOf(directories[0], architecture.ParameterCount, architecture.MaxPositionEmbeddings));
    }

    private static ExpertEntry[] Choose(ForestManifest manifest, MixRequest request, string forest)
    {
        foreach (var name in request.Without) _ = Named(manifest, name, "--without", forest);
        var twice = request.Experts.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1)?.Key;
        if (twice is not null) throw new BtxException($"--experts names \"{twice}\" twice");
        var wanted = request.Experts.Count > 0
            ? request.Experts.Select(n => Named(manifest, n, "--experts", forest)).ToArray()
            : manifest.Present(forest, Console.Error.WriteLine);
        var held = wanted.FirstOrDefault(e => e.Status != ExpertStatus.Ready && !request.Without.Contains(e.Name));
        if (held is not null)
            throw new BtxException(
                $"--experts: expert \"{held.Name}\" of {forest} is {held.Status}; only experts that are ready are mixed");
        ExpertEntry[] chosen = [.. wanted.Where(e => !request.Without.Contains(e.Name))];
        if (chosen.Length > 0) return chosen;
        throw new BtxException(request.Without.Count > 0
            ? $"--without {string.Join(",", request.Without)} leaves no expert of {forest} to mix; it has "
                + $"{string.Join(", ", wanted.Select(e => e.Name))}"
            : $"{forest} has no ready expert to mix");
    }

    private static ExpertEntry Named(ForestManifest manifest, string name, string flag, string forest) =>
        manifest.Experts.FirstOrDefault(e => e.Name == name)
        ?? throw new BtxException($"{flag}: no expert \"{BtxException.OneLine(name)}\" in {forest}; it has "
            + $"{string.Join(", ", manifest.Experts.Select(e => e.Name))}");

    private static MixMember Member(string directory, string sha256, string name)
    {
        var record = RunRecord.Load(directory);
        return new(directory, new BtxExpert
        {
            Name = name,
            Domain = SeedName,
            Sha256 = sha256,
            Tokens = record?.Tokens ?? 0,
            Steps = record?.Steps ?? 0
        }, null);
    }
}
