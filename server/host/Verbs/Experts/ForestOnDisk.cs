using Btx.Model;
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

    private ForestOnDisk(ForestState state, JournalContents journal, string? fingerprint) => (_state, _journal, _fingerprint) = (state, journal, fingerprint);

    /// <exception cref="BtxException">A manifest or the journal is missing or damaged.</exception>
    public static ForestOnDisk Read(string directory)
    {
        var export = ForestState.Load(directory);
        var journal = JournalContents.Read(directory);
        if (journal.BaseSha256 is { } hash && hash != export.Hash())
            throw new BtxException($"{Path.Combine(directory, ChangeJournal.FileName)}: belongs to another export: the manifest beside it or its source has changed since");
        return new(journal.State ?? export, journal, CertificateSigner.FingerprintOf(directory));
    }

    public ListExpertsResponse List() => StateMessages.List(_state, _fingerprint, []);

    /// <exception cref="BtxException">There is no expert of that name.</exception>
    public ShowExpertResponse Show(string name) => StateMessages.Show(_state, name, paths: true);

    public HistoryResponse History(int limit) => StateMessages.History(_journal.History, limit);
}
