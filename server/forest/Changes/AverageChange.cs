using System.Security.Cryptography;
using System.Text;

namespace Btx.Forest;

/// <summary>Makes and drops named averages, and undoes the last change.</summary>
internal sealed class AverageChange(RegistryResources resources)
{
    public async Task<ChangeResult> CreateAsync(AverageCreation creation, ChangeSession session)
    {
        session.Enter(ChangePhase.Validate, $"average {BtxException.OneLine(creation.Name)}");
        if (new object?[] { creation.Weights, creation.Domain, creation.Sample }.Count(o => o is not null) != 1)
            throw new BtxException(ErrorKind.Precondition,
                $"average \"{creation.Name}\": give weights, a domain or sample text, one of the three");
        var before = resources.State;
        if (before.Averages.Any(a => a.Name == creation.Name))
            throw new BtxException(ErrorKind.Conflict, $"average \"{creation.Name}\" exists already; drop it, or choose another name");
        foreach (var name in creation.Weights?.Keys ?? []) before.Expert(name);
        if (creation.Domain is { } domain && before.ToManifest().Prior(domain, [.. before.Ready.Select(e => e.Name)]) is null)
            throw new BtxException(ErrorKind.Missing, $"average \"{creation.Name}\": no cached prior of domain "
                + $"\"{BtxException.OneLine(domain)}\" is known; give sample text, or one of {Domains(before)}");
        return await ToAsync(before.WithAverage(await NamedAsync(creation, session)), creation.Name, session);
    }

    public Task<ChangeResult> DropAsync(string name, ChangeSession session)
    {
        session.Enter(ChangePhase.Validate, $"average {BtxException.OneLine(name)}");
        return ToAsync(resources.State.WithoutAverage(name), name, session);
    }

    public static async Task<ChangeResult> RollBackAsync(ChangeSession session)
    {
        session.Enter(ChangePhase.Validate, "looking at the last change");
        var after = session.BeginRollback();
        return await SwapAsync(after, session);
    }

    private async Task<NamedAverage> NamedAsync(AverageCreation creation, ChangeSession session)
    {
        if (creation.Weights is { } weights) return NamedAverage.Of(creation.Name, weights);
        if (creation.Domain is { } domain) return new NamedAverage { Name = creation.Name, Domain = domain };
        var text = creation.Sample!;
        var (prior, sequences, tokens) = await new PriorEstimate(resources.Engine, resources.Serving)
            .OverAsync(text, $"average \"{creation.Name}\"", null,
            f => session.Enter(ChangePhase.Prior, "posterior over the sample text", f), session.Cancellation);
        session.Note($"weights: the posterior over {sequences} sequences of {tokens} tokens");
        return NamedAverage.Of(creation.Name, prior, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }

    private static Task<ChangeResult> ToAsync(ForestState after, string subject, ChangeSession session)
    {
        session.Begin(after, [subject]);
        return SwapAsync(after, session);
    }

    private static async Task<ChangeResult> SwapAsync(ForestState after, ChangeSession session)
    {
        session.Enter(ChangePhase.Build, "making the next forest");
        var next = await session.BuildAsync(after);
        return session.Finish(await session.CommitAsync(next, null, InFlightPolicy.Renormalise));
    }

    private static string Domains(ForestState state)
    {
        var known = state.ToManifest().Priors([.. state.Ready.Select(e => e.Name)]).Keys.ToList();
        return known.Count == 0 ? "none" : string.Join(", ", known);
    }
}
