using Btx.Engine;
using Btx.Engine.Forests;
using Btx.Model.Registry;
using Btx.Server.Rpc;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>A served forest as its directory has it: what a server that is started now would serve. Reading takes no lock.</summary>
internal sealed class ForestOnDisk
{
    private readonly ForestState _state;
    private readonly JournalContents _journal;
    private readonly string? _fingerprint;

    private ForestOnDisk(ForestState state, JournalContents journal, string? fingerprint) =>
        (_state, _journal, _fingerprint) = (state, journal, fingerprint);

    /// <exception cref="Model.BtxException">A manifest or the journal is missing or damaged.</exception>
    public static ForestOnDisk Read(string directory)
    {
        var state = CommittedState.Read(directory).State;
        return new(state, JournalContents.Read(directory), CertificateSigner.FingerprintOf(directory));
    }

    public ListExpertsResponse List() => StateMessages.List(_state, ForestDamage.None, _fingerprint, []);

    /// <exception cref="Model.BtxException">There is no expert of that name.</exception>
    public ShowExpertResponse Show(string name) => StateMessages.Show(_state, ForestDamage.None, name, paths: true);

    public HistoryResponse History(int limit) => StateMessages.History(_journal.History, limit);
}
