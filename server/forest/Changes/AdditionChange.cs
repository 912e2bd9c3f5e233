namespace Btx.Forest;

/// <summary>Adds an expert: looked at, hashed, opened, tried, and its priors known before it is committed.</summary>
internal sealed class AdditionChange(RegistryResources resources)
{
    public async Task<ChangeResult> RunAsync(ExpertAddition addition, ChangeSession session)
    {
        session.Enter(ChangePhase.Validate, $"looking at {BtxException.OneLine(addition.Directory)}");
        var before = resources.State;
        var intake = new ExpertIntake(resources.Roots, resources.Directory, resources.Served);
        var (expert, ancestors) = await BuildThread.RunAsync(() => intake.Look(addition, before));
        session.Adding = expert;
        RequireDomains(addition, expert, before);
        addition = addition with
        {
            Directory = expert.Path,
            RouterStatistics = addition.RouterStatistics is { } named ? Blame.Given(() => resources.Roots.Resolve(named)) : null,
        };
        var files = new ExpertFiles(expert.Path);
        session.Enter(ChangePhase.Validate, $"copying and hashing {expert.Path}", 0.3);
        var opener = resources.Engine.Current.Resources.Opener!;
        var weights = await BuildThread.RunAsync(() => Blame.Given(
            () => opener.OpenWeights(expert.Name, expert.Path, session.Cancellation, mustBe: expert.Path)));
        try
        {
            files.Add(weights);
            ExpertIntake.RequirePrecision(weights, before);
            var sha256 = await BuildThread.RunAsync(() => PrivateWeights.Hash(weights, session.Cancellation));
            if (expert.Sha256.Length > 0 && expert.Sha256 != sha256)
                throw new BtxException(ErrorKind.Precondition, $"{expert.Path}: the weights have SHA-256 {sha256}, expected "
                    + $"{expert.Sha256} ({(addition.Sha256 is null ? "as its forest lists it" : "as named")}); copy them again");
            expert = expert with { Sha256 = sha256 };
            before = before with { Absent = [.. before.Absent, .. ancestors] };
            var after = before.WithExpert(expert);
            var lineage = after.Expert(expert.Name).Parents;
            if (!lineage.Select(p => (p.Name, p.Weight)).SequenceEqual(expert.Parents.Select(p => (p.Name, p.Weight))))
            {
                var parents = string.Join(", ", lineage.Select(p => $"{p.Name} {p.Weight}").DefaultIfEmpty("no parent"));
                session.Note($"these weights have a lineage on record, which stands: {parents}");
            }

            RequireMixable(addition, after, session);
            if (Twins(expert, before) is { } twins)
            {
                session.Enter(ChangePhase.Validate, twins, 1);
                session.Note(twins);
            }

            session.Begin(after, [expert.Name]);
            session.Enter(ChangePhase.Build, "opening it beside the running forest");
        }
        catch
        {
            weights.Dispose();
            throw;
        }

        var source = new ExpertSource { Name = expert.Name, Domain = expert.Domain, Directory = expert.Path, Weights = weights };
        var model = await BuildThread.RunAsync(() => Blame.Given(() => opener.OpenExpert(source, session.Cancellation)),
            !resources.Serving.Device.IsCuda);
        try
        {
            files.RequireUntouched();
            var made = before.WithExpert(expert, await PriorsAsync(addition, expert, model, session));
            made = await MixAsync(addition, made, session);
            var next = await session.BuildAsync(made, new Dictionary<string, ServedModel> { [expert.Name] = model });
            try
            {
                files.RequireUntouched();
            }
            catch
            {
                next.Discard();
                throw;
            }

            return session.Finish(await session.CommitAsync(next, made, InFlightPolicy.Renormalise));
        }
        finally
        {
            model.Release(); // the snapshot holds it now, or nobody does
        }
    }

    private static void RequireDomains(ExpertAddition addition, RegisteredExpert expert, ForestState before)
    {
        foreach (var domain in addition.Samples.Keys)
            if (domain != expert.Domain && !before.Experts.Any(e => e.Domain == domain))
                throw new BtxException(ErrorKind.Precondition, $"sample text of domain \"{BtxException.OneLine(domain)}\": no expert has "
                    + "that domain; it would be "
                    + $"{string.Join(", ", before.Experts.Select(e => e.Domain).Append(expert.Domain).Distinct())}");
    }

    private async Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>> PriorsAsync(ExpertAddition addition,
        RegisteredExpert expert, ServedModel model, ChangeSession session)
    {
        var priors = new Dictionary<string, IReadOnlyDictionary<string, double>>(StringComparer.Ordinal);
        var estimate = new PriorEstimate(resources.Engine, resources.Serving);
        foreach (var (domain, text) in addition.Samples)
        {
            session.Enter(ChangePhase.Prior, $"posterior over the text of {domain}");
            var (prior, sequences, tokens) = await estimate.OverAsync(text, $"domain \"{domain}\"", model,
                f => session.Enter(ChangePhase.Prior, domain, f), session.Cancellation);
            foreach (var listed in resources.State.Experts.Append(expert).Where(e => e.Domain == domain)) priors[listed.Name] = prior;
            session.Note($"cached prior of {domain}: over {sequences} sequences of {tokens} tokens");
        }

        if (addition.Samples.Count == 0)
            session.Note(expert.Prior is null ? $"no sample text: domain {expert.Domain} has no cached prior of {expert.Name}"
                : $"no sample text: the cached prior of {expert.Name} is as its own forest recorded it");
        return priors;
    }

    // What is served already is no new voice, and its text goes only with all who have it.
    private static string? Twins(RegisteredExpert expert, ForestState before)
    {
        string[] twins = [.. before.Experts.Where(e => e.Sha256 == expert.Sha256).Select(e => e.Name)];
        return twins.Length == 0 ? null
            : $"{expert.Name} has the same weights as {string.Join(", ", twins)}: it counts double in every "
                + "mixture, and they can be removed only together";
    }

    // Statistics that were named must be of use; what lies beside the weights need not.
    private void RequireMixable(ExpertAddition addition, ForestState after, ChangeSession session)
    {
        if (addition.RouterStatistics is null) return;
        if (resources.MoeOf(resources.State) is not { } present) session.Note("no BTX model is served: the router statistics are not used");
        else if (resources.MixObstacle(after, present, addition) is { } obstacle)
            throw new BtxException(ErrorKind.Precondition, obstacle);
    }

    private async Task<ForestState> MixAsync(ExpertAddition addition, ForestState made, ChangeSession session)
    {
        if (resources.MoeOf(resources.State) is not { } present) return made;
        if (resources.MixObstacle(made, present, addition) is { } obstacle)
        {
            if (addition.RouterStatistics is not null) throw new BtxException(ErrorKind.Precondition, obstacle);
            session.Note($"the BTX model stays as it is: {obstacle}");
            return made;
        }

        foreach (var note in resources.Options.Remix!.Notes(present)) session.Note(note);
        made = made with { Moe = MoeFolders.Of(session.Record!.Id), MoeDropped = false };
        await session.MixAsync(made, present, addition);
        return made;
    }
}
