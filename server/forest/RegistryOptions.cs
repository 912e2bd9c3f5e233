using Btx.Engine;

namespace Btx.Forest;

/// <summary>What a living forest needs beside <see cref="EngineOptions"/>.</summary>
public sealed record RegistryOptions
{
    /// <summary>Directories that experts may be added from; absolute. The source forest's directory is always one.</summary>
    public IReadOnlyList<string> ExpertRoots { get; init; } = [];

    /// <summary>How often the files of the experts are compared with what they were when they were opened.</summary>
    public TimeSpan FileInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Mixes a served BTX model anew when its experts change; null: a removal of one of them must drop the model.</summary>
    public IMoeRemix? Remix { get; init; }

    /// <summary>Called at each of the fault points of a change; for tests that end the process or fail there.</summary>
    public Action<string>? InjectFault { get; init; }

    /// <summary>Receives what was repaired at start and what a change leaves to do, one line each.</summary>
    public Action<string>? Report { get; init; }
}
