using System.Text.Json.Serialization;
using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>What a server serves: the experts, the named averages, the BTX model, and the lineage of experts that are no longer there.
/// Revision 0 is the exporter's manifest; every change makes the next revision. Immutable, pure: nothing here touches a file.</summary>
public sealed record ForestState
{
    public const int CurrentSchema = 1;

    public const string Seed = "seed";

    public int Schema { get; init; } = CurrentSchema;

    public long Revision { get; init; }

    /// <summary>SHA-256 (hex) of the source forest's manifest at export.</summary>
    public required string SourceSha256 { get; init; }

    public required string Precision { get; init; }

    public required string Architecture { get; init; }

    public required string Tokenizer { get; init; }

    public required IReadOnlyList<RegisteredExpert> Experts { get; init; }

    /// <summary>Removed experts, and ancestors that were never served.</summary>
    public IReadOnlyList<AbsentExpert> Absent { get; init; } = [];

    public IReadOnlyList<NamedAverage> Averages { get; init; } = [];

    /// <summary>Directory of the BTX model that a change made, absolute or relative to the served forest; null: none did.</summary>
    [JsonPropertyName("mixture")]
    public string? Moe { get; init; }

    /// <summary>A removal took the BTX model out: none is served, whatever the server is started with.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    [JsonPropertyName("mixture_dropped")]
    public bool MoeDropped { get; init; }

    /// <summary>The experts that get traffic, in order.</summary>
    [JsonIgnore]
    public IEnumerable<RegisteredExpert> Ready => Experts.Where(e => e.Status == ExpertStatus.Ready);

    /// <summary>Names of the experts that are listed without traffic.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Quarantined => [.. Experts.Where(e => e.Status == ExpertStatus.Quarantined).Select(e => e.Name)];

    /// <summary>Revision 0 of a served forest on disk.</summary>
    public static ForestState Load(string servedDirectory)
    {
        var served = ServedForestManifest.Load(servedDirectory);
        var source = ForestManifest.Load(served.SourceDirectory(servedDirectory));
        return source.Hash() == served.SourceSha256 ? Base(served, source)
            : throw new BtxException($"{served.SourceDirectory(servedDirectory)}: the forest has changed since it was exported to "
                + $"{servedDirectory}; export again");
    }

    public static ForestState Base(ServedForestManifest served, ForestManifest source)
    {
        RegisteredExpert[] experts = [.. served.Experts.Select(e => (Served: e, Entry: source.Expert(e.Name)))
            .Select(e => new RegisteredExpert
            {
                Name = e.Served.Name, Domain = e.Served.Domain, Path = e.Served.Path, Sha256 = e.Served.Sha256,
                Root = e.Served.InSource ? ExpertRoot.Source : ExpertRoot.Served, Parents = Parents(e.Entry, served, source),
                Round = e.Entry.Round, CorpusSha256 = e.Entry.CorpusSha256, Tokens = e.Entry.Tokens, Steps = e.Entry.Steps,
                Prior = e.Entry.Prior, Status = e.Entry.Status,
            })];
        var names = experts.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var absent = source.Experts.Where(e => names.Add(e.Name))
            .Select(e => AbsentExpert.Of(e) with { Parents = Parents(e, served, source) }).ToList();
        names.Add(Seed);
        var parents = experts.SelectMany(e => e.Parents).Concat(absent.SelectMany(a => a.Parents)).ToList();
        // Parents that the forest itself does not list.
        absent.AddRange(parents.Where(p => names.Add(p.Name)).Select(p => new AbsentExpert { Name = p.Name, Sha256 = p.Sha256 }));
        return new ForestState
        {
            SourceSha256 = served.SourceSha256,
            Precision = served.Precision,
            Architecture = served.Architecture,
            Tokenizer = served.Tokenizer,
            Experts = experts,
            Absent = absent,
        }.Checked();
    }

    public string Hash() => ManifestJson.Hash(ManifestJson.Line(this));

    /// <exception cref="BtxException">No expert has that name; the message says whether one had, or lists those there are.</exception>
    public RegisteredExpert Expert(string name)
    {
        if (Experts.FirstOrDefault(e => e.Name == name) is { } expert) return expert;
        if (Absent.FirstOrDefault(a => a.Name == name) is { RemovedIn: { } revision })
            throw new BtxException(ErrorKind.Missing, $"expert \"{name}\" was removed already, in revision {revision}");
        throw new BtxException(ErrorKind.Missing, $"no expert \"{BtxException.OneLine(name)}\" in the forest; it has "
            + $"{Names(Experts.Select(e => e.Name))}");
    }

    /// <summary>As <see cref="ForestManifest"/>: what computes priors and branches. Paths keep their roots.</summary>
    public ForestManifest ToManifest() => new() { Architecture = Architecture, Tokenizer = Tokenizer, Experts = Experts };

    /// <summary>w of a named average over some of the experts.</summary>
    /// <returns>Length of <paramref name="experts"/>, sums to 1; null if it gives none of them weight.</returns>
    public double[]? Weights(NamedAverage average, IReadOnlyList<string> experts)
    {
        if (average.Domain is { } domain) return ToManifest().Prior(domain, experts);
        double[] weights = [.. experts.Select(e => average.Weights!.GetValueOrDefault(e))];
        var sum = weights.Sum();
        return sum > 0 ? [.. weights.Select(w => w / sum)] : null;
    }

    /// <summary>The named averages over the experts that serve: weights above 0 by expert, where any are left.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> AverageWeights()
    {
        string[] names = [.. Ready.Select(e => e.Name)];
        var averages = new Dictionary<string, IReadOnlyDictionary<string, double>>(StringComparer.Ordinal);
        foreach (var average in Averages)
            if (Weights(average, names) is { } weights)
                averages[average.Name] = names.Zip(weights).Where(w => w.Second > 0).ToDictionary(w => w.First, w => w.Second);
        return averages;
    }

    /// <summary>Adds an expert.</summary>
    /// <param name="priors">New cached priors by expert, the added one's among them if it is known; others keep theirs.</param>
    /// <exception cref="BtxException">The name is taken or reserved, or belonged to a removed expert with other weights; a parent is
    /// unknown; the entry is not valid.</exception>
    public ForestState WithExpert(RegisteredExpert expert, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>? priors = null)
    {
        RequireFree(expert.Name);
        var known = Absent.FirstOrDefault(a => a.Name == expert.Name);
        if (known is not null && known.Sha256 != expert.Sha256)
        {
            var which = known.RemovedIn is { } r ? $"was removed in revision {r} and had" : "is an ancestor of others and has";
            throw new BtxException(ErrorKind.Precondition, $"expert \"{expert.Name}\" {which} other weights; choose another --name, "
                + "lineages refer to that one");
        }

        // The lineage on record of these weights stands, under whatever name they had it.
        var recorded = known?.Parents ?? Experts.FirstOrDefault(e => e.Sha256 == expert.Sha256)?.Parents
            ?? Absent.FirstOrDefault(a => a.Sha256 == expert.Sha256)?.Parents;
        expert = expert with { Parents = recorded ?? [.. expert.Parents.Select(p => p with { Sha256 = Sha256Of(p.Name) })] };

        IReadOnlyList<RegisteredExpert> experts = [.. Experts, expert];
        if (priors is not null)
            experts = [.. experts.Select(e => priors.TryGetValue(e.Name, out var prior) ? e with { Prior = prior } : e)];
        return Next(this with { Experts = experts, Absent = [.. Absent.Where(a => a.Name != expert.Name)] });
    }

    public void RequireFree(string name)
    {
        if (Experts.Any(e => e.Name == name))
            throw new BtxException(ErrorKind.Precondition, $"expert \"{name}\" is in the forest already; choose another --name, or remove "
                + "that one first");
        if (name != Seed) return;
        throw new BtxException(ErrorKind.Precondition, $"\"{Seed}\" is reserved: every lineage calls the seed model so, and experts that "
            + "were branched from it would seem to descend from this one; choose another --name");
    }

    /// <summary>Removes experts: priors and averages are restricted to the others and rescaled, or dropped where nothing is left.</summary>
    public ForestState Without(IReadOnlyCollection<string> names) => Change(names, []);

    /// <summary>Takes the traffic from experts: they stay listed, averages are restricted to the others.</summary>
    public ForestState Quarantine(IReadOnlyCollection<string> names) => Change([], names);

    /// <summary>Both at once, as one revision.</summary>
    public ForestState Apply(RemovalPlan plan) => Change(plan.Removed, plan.Quarantined);

    public ForestState WithAverage(NamedAverage average)
    {
        if (Averages.Any(a => a.Name == average.Name))
            throw new BtxException(ErrorKind.Precondition, $"average \"{average.Name}\" exists already; drop it first, or choose another "
                + "name");
        return Next(this with { Averages = [.. Averages, average] });
    }

    public ForestState WithoutAverage(string name) => Averages.Any(a => a.Name == name)
        ? Next(this with { Averages = [.. Averages.Where(a => a.Name != name)] })
        : throw new BtxException(ErrorKind.Missing, $"no average \"{BtxException.OneLine(name)}\"; there "
            + $"{(Averages.Count == 0 ? "are none" : $"is {Names(Averages.Select(a => a.Name))}")}");

    // A parent is the expert of the source that has the recorded weights, by the name and the weights that are served; whoever has its
    // name with other weights since then is somebody else.
    private static ParentEntry[] Parents(ExpertEntry child, ServedForestManifest served, ForestManifest source)
    {
        return [.. child.Parents.Select(Known)];

        ParentEntry Known(ParentEntry p)
        {
            if (p.Sha256 is not { } sha256 || p.Name == Seed) return p;
            var listed = source.Experts.Where(e => e.Sha256 == sha256).OrderBy(e => e.Name != p.Name).FirstOrDefault();
            var converted = served.Experts.FirstOrDefault(e => e.Name == listed?.Name)?.Sha256;
            if (listed is not null) return p with { Name = listed.Name, Sha256 = converted ?? sha256 };
            return source.Experts.Any(e => e.Name == p.Name)
                ? p with { Name = $"{p.Name[..Math.Min(p.Name.Length, 55)]}.{sha256[..8]}" } : p;
        }
    }

    private string? Sha256Of(string name) => name == Seed
        ? null
        : Experts.FirstOrDefault(e => e.Name == name)?.Sha256 ?? Absent.FirstOrDefault(a => a.Name == name)?.Sha256;

    internal ForestState Change(IReadOnlyCollection<string> removed, IReadOnlyCollection<string> quarantined)
    {
        if (removed.Count + quarantined.Count == 0)
            throw new BtxException(ErrorKind.Precondition, "no expert is named; name one or more");
        var gone = removed.Select(n => Expert(n).Name).ToHashSet(StringComparer.Ordinal);
        if (quarantined.FirstOrDefault(n => Expert(n).Status != ExpertStatus.Ready) is { } already)
            throw new BtxException(ErrorKind.Precondition, $"expert \"{already}\" is quarantined already");
        var held = quarantined.Where(n => !gone.Contains(n)).ToHashSet(StringComparer.Ordinal);
        bool Stays(string name) => !gone.Contains(name);
        if (Ready.All(e => gone.Contains(e.Name) || held.Contains(e.Name)))
            throw new BtxException(ErrorKind.Precondition, $"without {Names(gone.Concat(held))} no expert is left that serves; the last "
                + "expert cannot be removed, add another first");
        var after = this with
        {
            Experts = [.. Experts.Where(e => !gone.Contains(e.Name)).Select(e =>
                e with { Prior = Restrict(e.Prior, Stays), Status = held.Contains(e.Name) ? ExpertStatus.Quarantined : e.Status })],
            Absent = [.. Absent, .. Experts.Where(e => gone.Contains(e.Name))
                .Select(e => AbsentExpert.Of(e) with { RemovedIn = Revision + 1 })],
        };
        gone.UnionWith(held);
        string[] ready = [.. after.Ready.Select(e => e.Name)];
        return Next(after with
        {
            Averages = [.. Averages.Select(a => a.Weights is null ? a : a with { Weights = Restrict(a.Weights, Stays) })
                .Where(a => a.Weights is not null || (a.Domain is { } domain && after.ToManifest().Prior(domain, ready) is not null))],
        });
    }

    // Weights over some of the experts, summing to 1 again; null where nothing is left.
    internal static IReadOnlyDictionary<string, double>? Restrict(IReadOnlyDictionary<string, double>? weights, Predicate<string> stays)
    {
        if (weights is null || weights.Keys.All(n => stays(n))) return weights;
        var rest = weights.Where(w => stays(w.Key)).ToList();
        var sum = rest.Sum(w => w.Value);
        return sum > 0 ? rest.ToDictionary(w => w.Key, w => w.Value / sum) : null;
    }

    private ForestState Next(ForestState after) => (after with { Revision = Revision + 1 }).Checked();

    internal ForestState Checked()
    {
        var problems = ForestStateRules.Problems(this).Take(10).ToList();
        return problems.Count == 0 ? this
            : throw new BtxException(ErrorKind.Precondition, $"the forest would not be valid: {string.Join("; ", problems)}");
    }

    private static string Names(IEnumerable<string> names)
    {
        var all = names.ToList();
        return all.Count <= 20 ? string.Join(", ", all) : $"{string.Join(", ", all.Take(20))} and {all.Count - 20} more";
    }
}
