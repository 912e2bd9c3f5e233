namespace Btx.Forest;

/// <summary>What changes of a served forest need beside <see cref="EngineOptions"/>.</summary>
public sealed record RegistryOptions
{
    /// <summary>Directories that experts may be added from; absolute. The source forest's directory is always one.</summary>
    public IReadOnlyList<string> ExpertRoots { get; init; } = [];

    /// <summary>How often the files of the experts are compared with what they were when they were opened.</summary>
    public TimeSpan FileInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Re-mixes a served BTX model when its experts change; null: a removal of one of them must drop the model.</summary>
    public IMoeRemix? Remix { get; init; }

    /// <summary>Opens the log of changes of a served directory; null: the journal in it.</summary>
    public Func<string, IForestLog>? OpenLog { get; init; }

    /// <summary>Called at each of the fault points of a change; for tests that end the process or fail there.</summary>
    public Action<string>? InjectFault { get; init; }

    /// <summary>Receives what was repaired at start and what a change leaves to do, one line each.</summary>
    public Action<string>? Report { get; init; }
}

/// <summary>What every change works on. Fixed while the server runs.</summary>
/// <param name="Gate">The one lock of the registry: over the change under way, and over who watches.</param>
internal sealed record RegistryResources(EngineOptions Serving, RegistryOptions Options, string Directory, ServedForestManifest Served,
    IForestLog Log, ForestEngine Engine, ExpertRoots Roots, MoeFolders Moe, Lock Gate, EventFeed Events)
{
    /// <summary>Of experts that are quarantined because of their files.</summary>
    public HeldWeights Damaged { get; } = new();

    /// <summary>What became of the files of removals, by change and expert, until it is in the certificate.</summary>
    public Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<CertifiedFile>>> Found { get; } = [];

    public ForestState State => Log.State;

    /// <summary>The forest that was exported: its directory.</summary>
    public string Source => Served.SourceDirectory(Directory);

    public void Report(string line) => Options.Report?.Invoke(line);

    public void At(string point) => Options.InjectFault?.Invoke(point);

    /// <summary>Absolute path of an expert's weights.</summary>
    public string DirectoryOf(RegisteredExpert expert) => expert.Directory(Directory, Served);

    /// <summary>Why the served BTX model could not be re-mixed for a state; null: it can.</summary>
    public string? MixObstacle(ForestState after, string present, ExpertAddition? added) =>
        Options.Remix is { } remix ? remix.Obstacle(after, present, added) : "this server re-mixes none";

    /// <summary>The BTX model that is served with a state; null: none.</summary>
    public string? MoeOf(ForestState state) => new CommittedState(state, Log.Base).Moe(Directory, Serving.Moe).Directory;
}
