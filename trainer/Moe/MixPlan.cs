using Btx.Model.Registry;

namespace Btx.Trainer.Moe;

/// <summary>Which models a BTX model is made of, by index: checked to share architecture and tokenizer.</summary>
/// <param name="ForestSha256">Null for upcycling.</param>
/// <param name="Residuals">What branching left in the members of those that were left out.</param>
/// <param name="Settings">Training options of the members: what fine-tuning inherits.</param>
internal sealed record MixPlan(IReadOnlyList<MixMember> Members, LlamaConfig Architecture, string Tokenizer, string? ForestSha256,
    IReadOnlyList<string> Without, IReadOnlyList<MixResidual> Residuals, TrainingOptions Settings)
{
    public const string SeedName = "seed";

    public static MixPlan Of(MixRequest request) => request.Upcycle is { } seed ? OfCopies(seed, request.Copies) : OfForest(request);

    private static MixPlan OfCopies(string seed, int copies)
    {
        const int most = MoeConfig.MaxExperts;
        if (copies is < 1 or > most) throw new BtxException($"--copies is {copies}; expected 1..{most}");
        var config = LlamaConfig.Load(seed).RequireDense(seed);
        var member = SeedMember(seed);
        return new([.. Enumerable.Range(0, copies).Select(i => member with { Expert = member.Expert with { Name = $"copy-{i}" } })],
            config, TextTokenizer.Load(seed).Hash, null, [], [],
            PhaseDefaults.ExpertOf(seed, config.ParameterCount, config.MaxPositionEmbeddings));
    }

    private static MixPlan OfForest(MixRequest request)
    {
        var (forest, texts) = (OpenForest.Load(request.Forest!), RoundPlan.Texts(request.Forest!));
        forest = forest with { Experts = Choose(forest, request) };
        forest.RequireRecorded();
        List<MixMember> members = [.. forest.Experts.Select(e => new MixMember(
            forest.ModelOf(e),
            new() { Name = e.Name, Domain = e.Domain, Sha256 = e.Sha256, Parents = e.Parents, CorpusSha256 = e.CorpusSha256,
                Tokens = e.Tokens, Steps = e.Steps },
            texts.GetValueOrDefault(e.Name) ?? TextSource.Of(e.Domain)))];
        var architecture = LlamaConfig.Load(members[0].Directory);
        if (request.Seed is { } seed)
        {
            if (forest.Names.Contains(SeedName))
                throw new BtxException($"{forest.ManifestPath} has an expert named {SeedName}, as --with-seed names {seed}; add --without "
                    + SeedName);
            forest.RequireFit(seed);
            var last = SeedMember(seed);
            members.Add(last with { Expert = last.Expert with { Source = Path.GetFullPath(seed) } });
        }

        if (members.Count > MoeConfig.MaxExperts)
            throw new BtxException($"{members.Count} experts; a BTX model has at most {MoeConfig.MaxExperts}: choose some with --experts");
        var settings = PhaseDefaults.ExpertIn(forest.Directory, int.MaxValue)
            ?? PhaseDefaults.ExpertOf(members[0].Directory, architecture.ParameterCount, architecture.MaxPositionEmbeddings);
        return new(members, architecture, forest.Manifest.Tokenizer, forest.Manifest.Hash(), request.Without,
            MixResidual.Of(forest.Manifest, forest.Experts, request.Without), settings);
    }

    private static ExpertEntry[] Choose(OpenForest forest, MixRequest request)
    {
        foreach (var name in request.Without) _ = Named(forest, name, "--without");
        var twice = request.Experts.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1)?.Key;
        if (twice is not null) throw new BtxException($"--experts names \"{twice}\" twice");
        ExpertEntry[] named = [.. request.Experts.Select(n => Named(forest, n, "--experts"))];
        var wanted = named.Length > 0 ? named : forest.Experts;
        ExpertEntry[] chosen = [.. wanted.Where(e => !request.Without.Contains(e.Name))];
        if (chosen.FirstOrDefault(e => e.Status != ExpertStatus.Ready) is { } held)
            throw new BtxException($"--experts: expert \"{held.Name}\" of {forest.Directory} is {held.Status}; only ready ones are mixed");
        if (chosen.Length > 0) return chosen;
        throw new BtxException(request.Without.Count > 0
            ? $"--without {string.Join(",", request.Without)} leaves no expert of {forest.Directory} to mix; it has "
                + $"{string.Join(", ", wanted.Select(e => e.Name))}"
            : $"{forest.Directory} has no ready expert to mix");
    }

    private static ExpertEntry Named(OpenForest forest, string name, string flag) =>
        forest.Manifest.Experts.FirstOrDefault(e => e.Name == name)
        ?? throw new BtxException($"{flag}: no expert \"{BtxException.OneLine(name)}\" in {forest.Directory}; it has "
            + $"{string.Join(", ", forest.Manifest.Experts.Select(e => e.Name))}");

    private static MixMember SeedMember(string directory)
    {
        var (tokens, steps) = RunRecord.Load(directory) is { } record ? (record.Tokens, record.Steps) : (0, 0);
        var sha256 = CheckpointFiles.Hash(directory);
        return new(directory, new() { Name = SeedName, Domain = SeedName, Sha256 = sha256, Tokens = tokens, Steps = steps }, null);
    }
}

/// <summary>A model whose feed-forwards become one expert of a BTX model.</summary>
/// <param name="Expert">What <c>btx.json</c> will say of it.</param>
/// <param name="Text">The text of its domain; null for one that stands for no domain (the seed, a copy).</param>
internal sealed record MixMember(string Directory, BtxExpert Expert, TextSource? Text);

/// <summary>What leaving an expert out does not undo: another expert was branched from it and carries its text in the weights.</summary>
/// <param name="Share">See <see cref="Lineage.Share"/>.</param>
public sealed record MixResidual(string Expert, string Ancestor, double Share)
{
    internal static IReadOnlyList<MixResidual> Of(ForestManifest forest, IEnumerable<ExpertEntry> mixed, IReadOnlyList<string> without)
    {
        if (without.Count == 0) return [];
        var lineage = Lineage.Of(forest);
        var shares = without.Select(w => (Name: w, Of: lineage.Shares([w]))).ToList();
        return [.. mixed.SelectMany(e => shares.Select(s => new MixResidual(e.Name, s.Name, s.Of.GetValueOrDefault(e.Name))))
            .Where(r => r.Share > 0)];
    }
}
