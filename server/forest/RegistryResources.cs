using Btx.Engine;
using Btx.Engine.Forests;
using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Forest;

/// <summary>What every change works on. Fixed while the server runs.</summary>
/// <param name="Directory">Of the served forest; absolute.</param>
/// <param name="Base">Revision 0.</param>
internal sealed record RegistryResources(
    EngineOptions Serving,
    RegistryOptions Options,
    string Directory,
    ServedForestManifest Served,
    ForestState Base,
    ChangeJournal Journal,
    ForestEngine Engine,
    ExpertRoots Roots,
    MoeFolders Moe,
    EventFeed Events)
{
    /// <summary>Of experts that are quarantined because of their files.</summary>
    public DamagedFiles Damaged { get; } = new();

    /// <summary>What became of the files of removals, by change and expert, until it is in the certificate.</summary>
    public Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<CertifiedFile>>> Found { get; } = [];

    public ForestState State => Journal.State;

    public CertificateSigner Signer => Journal.Signer;

    /// <summary>Absolute path of an expert's weights.</summary>
    public string DirectoryOf(RegisteredExpert expert) => expert.Directory(Directory, Served);

    /// <summary>The BTX model that is served with a state; null: none.</summary>
    public string? MoeOf(ForestState state) => new CommittedState(state, Base).Moe(Directory, Serving.Moe).Directory;
}
