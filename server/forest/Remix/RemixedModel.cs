namespace Btx.Forest;

/// <summary>Writes the Mixtral directory that <c>btx train mix</c> makes from the same experts and statistics, bit for bit.</summary>
internal static class RemixedModel
{
    public static void Write(RemixPlan plan, ForestState after, string directory, PrivateWeights opener, Action<double, string> report,
        CancellationToken cancellation)
    {
        var members = new List<Checkpoint>();
        try
        {
            foreach (var member in plan.Members)
            {
                members.Add(opener.Open(member.Directory, cancellation));
                Check(member, members[^1], after);
            }

            var weights = new MoeWeights(members);
            var config = weights.Config(plan.Router.ExpertsPerToken);
            report(0, "fitting routers");
            var statistics = Statistics(plan, config, opener, cancellation);
            var fit = RouterFit.Of(plan.Router.Init!, statistics, members.Count, plan.Router.RidgeLambda ?? RidgeRouter.DefaultLambda,
                threads: 1);
            Directory.CreateDirectory(directory);
            weights.Write(directory, config, fit.Weights, done => report(0.1 + (0.5 * done / config.ParameterCount), "averaging weights"),
                cancellation);
            foreach (var (member, i) in plan.Members.Select((m, i) => (m, i)))
            {
                cancellation.ThrowIfCancellationRequested();
                report(0.6 + (0.3 * i / members.Count), $"hashing expert \"{member.Expert.Name}\"");
                if (PrivateWeights.Hash(members[i], cancellation) != member.Expert.Sha256)
                    throw new BtxException($"{member.Directory}: the weights of expert \"{member.Expert.Name}\" are not those that the "
                        + "BTX model was made of (SHA-256 differs); restore them");
            }

            report(0.9, "hashing the BTX model");
            TokenizerFiles.Copy(plan.Members[0].Directory, directory);
            statistics.Save(Path.Combine(directory, RouterStatistics.FileName));
            new BtxManifest
            {
                Architecture = config.Fingerprint(),
                Tokenizer = after.Tokenizer,
                Sha256 = CheckpointFiles.Hash(directory),
                Experts = [.. plan.Members.Select(m => m.Expert)],
                Router = plan.Router,
                ForestSha256 = plan.Adds ? null : plan.Lineage.ForestSha256, // no forest on disk lists one that was added while serving
                Without = plan.Without,
            }.Save(directory);
        }
        finally
        {
            foreach (var member in members) member.Dispose();
        }
    }

    private static void Check(RemixMember member, Checkpoint checkpoint, ForestState after)
    {
        if (checkpoint.Config.RequireDense(member.Directory).Fingerprint() != after.Architecture)
            throw new BtxException($"{member.Directory}: expert \"{member.Expert.Name}\" has another architecture (config.json) than the "
                + "forest; experts of a BTX model share one");
        if (TextTokenizer.Load(member.Directory).Hash != after.Tokenizer)
            throw new BtxException($"{member.Directory}: expert \"{member.Expert.Name}\" has another tokenizer than "
                + "the forest; experts of a BTX model share one");
    }

    // By index. Of a file that holds other experts too, only the members' parts are read.
    private static RouterStatistics Statistics(RemixPlan plan, LlamaConfig config, PrivateWeights opener, CancellationToken cancellation)
    {
        RemixMember[] labelled = [.. plan.Members.Where(m => m.Statistics is not null)];
        var files = labelled.GroupBy(m => m.Statistics!).ToDictionary(g => g.Key, g =>
        {
            var hashes = g.Select(m => m.Expert.Sha256).ToHashSet();
            using var file = opener.OpenFile(g.Key, cancellation);
            if (g.Key == plan.Statistics && CheckpointFiles.HashCopies([file.Copy!], cancellation) != plan.Present.RouterStatisticsSha256)
                throw new BtxException($"{g.Key}: the statistics file is not the one that was exported (SHA-256 differs); export again");
            var read = RouterStatistics.Read(file, d => hashes.Contains(d.Sha256));
            if (read.Domains.FirstOrDefault(d =>
                d.Layers.Count != config.NumHiddenLayers || d.Layers[0].Sum.Length != config.HiddenSize) is { } other)
                throw new BtxException($"{g.Key}: the statistics of \"{other.Expert}\" are of a model with {other.Layers.Count} layers "
                    + $"of hidden size {other.Layers[0].Sum.Length}; the experts have {config.NumHiddenLayers} of {config.HiddenSize}");
            return read;
        });
        return new(
            HiddenStateForm.Own, files[labelled[0].Statistics!].Tokens,
            [.. labelled.Select(m => files[m.Statistics!].Domains.OrderByDescending(d => d.Expert == m.Expert.Name)
                .First(d => d.Sha256 == m.Expert.Sha256) with { Expert = m.Expert.Name })]);
    }
}
