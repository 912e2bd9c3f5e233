using System.Runtime.InteropServices;

namespace Btx.Model.Registry;

/// <summary>What a journal says: the last committed state and the history. Every prefix of a journal reads as the state before or after the
/// change that the cut met; damage is refused. Reading takes no lock and changes nothing.</summary>
public sealed class JournalContents
{
    private const int LongestLine = 256 << 20;

    private readonly string path;
    private readonly List<string> checksums = [];
    private string? wanted;

    private JournalContents(string path) => this.path = path;

    /// <summary><see cref="ForestState.Hash"/> of revision 0; null: the journal is empty.</summary>
    public string? BaseSha256 { get; private set; }

    /// <summary>Revision 0 as it was when the journal was made; null: the journal is empty, or too old to hold it.</summary>
    public ForestState? Base { get; private set; }

    /// <summary>The last committed state; null: revision 0.</summary>
    public ForestState? State => Changes.State;

    public IReadOnlyList<ChangeRecord> History => Changes.Changes;

    /// <summary>What was found cut off at the end, as one line; null: nothing.</summary>
    public string? Torn { get; private set; }

    internal ForestHistory Changes { get; } = new();

    /// <summary>Bytes up to the end of the last whole record, without a newline that is missing.</summary>
    internal long Length { get; private set; }

    /// <summary>The last record is whole but its newline is missing.</summary>
    internal bool LacksNewline { get; private set; }

    /// <summary>Whole lines.</summary>
    internal long Records => checksums.Count;

    /// <summary>Of the first line; 0: the journal is empty.</summary>
    internal int Schema { get; private set; }

    internal string LastSha256 => ChecksumAt(Records);

    /// <summary>The state that the wanted change was begun from, and the one that it made; null: revision 0, or no such change.</summary>
    internal (ForestState? Before, ForestState? After) Wanted { get; private set; }

    /// <summary>Who signed how far the journal goes; null: nobody did, as of a journal that an earlier version wrote.</summary>
    internal string? SignedBy { get; private set; }

    /// <summary>Reads <c>forest.journal</c> of a served forest; a journal that is not there reads as an empty one.</summary>
    /// <exception cref="BtxException">The journal is damaged, its end was cut off, or it cannot be read.</exception>
    /// <param name="wanted">The change that <see cref="Wanted"/> is of; null: none.</param>
    public static JournalContents Read(string servedDirectory, string? wanted = null)
    {
        var path = Path.Combine(servedDirectory, ChangeJournal.FileName);
        return FileErrors.Told($"{path}: cannot be read", () =>
        {
            var head = JournalHead.Read(servedDirectory); // before the journal, which a server may be writing
            using var stream = File.Exists(path)
                ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16) : Stream.Null;
            var contents = Read(stream, path, wanted);
            JournalHead.Require(head, contents, servedDirectory, owned: false);
            contents.SignedBy = head?.KeyFingerprint;
            return contents;
        });
    }

    /// <exception cref="BtxException">The journal is of another export.</exception>
    public void RequireBase(string sha256)
    {
        if (BaseSha256 is null || BaseSha256 == sha256) return;
        throw new BtxException($"{path}: belongs to another export: {Serving.ServedForestManifest.FileName} or its source has changed "
            + $"since; export to another directory, or move the journal away, with {JournalHead.Companions}, to serve without its changes");
    }

    internal static JournalContents Read(Stream stream, string path, string? wanted = null)
    {
        var contents = new JournalContents(path) { wanted = wanted };
        var gathered = new List<byte>();
        var chunk = new byte[1 << 16];
        for (int read; (read = stream.Read(chunk)) > 0;)
        {
            var rest = chunk.AsSpan(0, read);
            for (int end; (end = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
            {
                gathered.AddRange(rest[..end]);
                contents.Whole(CollectionsMarshal.AsSpan(gathered));
                gathered.Clear();
            }

            gathered.AddRange(rest);
            if (gathered.Count > LongestLine) throw contents.Damage($"has more than {LongestLine} bytes");
        }

        if (gathered.Count > 0) contents.Tail(CollectionsMarshal.AsSpan(gathered));
        return contents;
    }

    /// <summary>Of a line, from 1; empty for 0.</summary>
    internal string ChecksumAt(long record) => record == 0 ? "" : checksums[(int)record - 1];

    // The line that is being read.
    private int Line => checksums.Count + 1;

    private void Whole(ReadOnlySpan<byte> bytes)
    {
        Take(JournalLine.Record(bytes, LastSha256, out var sha256)
            ?? throw Damage("its checksum does not fit it and the lines before"), sha256);
        Length += bytes.Length + 1;
    }

    // A crash while a line is written leaves a part of it. All of it and something else than a newline is damage.
    private void Tail(ReadOnlySpan<byte> bytes)
    {
        if (JournalLine.Record(bytes[..^1], LastSha256, out _) is not null) throw Damage("its newline is overwritten");
        if (JournalLine.Record(bytes, LastSha256, out var sha256) is { } record)
        {
            Take(record, sha256);
            Length += bytes.Length;
            LacksNewline = true;
        }
        else
        {
            Torn = $"{path}: line {Line} was cut short ({bytes.Length} bytes), as by a crash while it was written; it does not count, "
                + $"the state is revision {State?.Revision ?? 0}";
        }
    }

    private void Take(byte[] json, string sha256)
    {
        JournalRecord record;
        try
        {
            record = ManifestJson.Read<JournalRecord>(json, "record", "a journal record");
        }
        catch (BtxException e)
        {
            throw Damage(e.Message);
        }

        switch (record.Type)
        {
            case JournalRecord.Opened when Line == 1 && record.Schema is >= 1 and <= JournalRecord.CurrentSchema
                && ForestManifestRules.IsHash(record.BeforeSha256):
                if (record.State is { } first && first.Hash() != record.BeforeSha256) throw Damage("revision 0 is not the recorded one");
                (BaseSha256, Base, Schema) = (record.BeforeSha256, record.State, record.Schema!.Value);
                break;
            case JournalRecord.Begun when BaseSha256 is not null: Begin(record); break;
            case JournalRecord.Committed when Changes.Open is { } open && record.Id == open.Id:
                if (record.State is { } made) Require(made, record.AfterSha256);
                var before = State;
                Changes.Commit(record.State ?? Changes.Pending(open.Id), Line, sha256);
                if (open.Id == wanted) Wanted = (before, State);
                break;
            case JournalRecord.Aborted when Changes.Open is { } open && record.Id == open.Id: Changes.Abort(record.Message); break;
            case JournalRecord.Purged when Find(record.Id) is { HasOpenPurge: true } purged: Changes.Purged(purged.Id, record.Time); break;
            case JournalRecord.Certified when record.Findings is { } findings && Find(record.Id) is { IsRemoval: true } removal:
                Changes.Certified(removal.Id, findings);
                break;
            default: throw Damage($"a record \"{BtxException.OneLine(record.Type)}\" of schema {record.Schema} does not belong there");
        }

        checksums.Add(sha256);
    }

    private ChangeRecord? Find(string? id) => History.FirstOrDefault(c => c.Id == id);

    private void Begin(JournalRecord r)
    {
        var current = State?.Hash() ?? BaseSha256!;
        if (r.Id != ChangeRecord.IdOf(History.Count + 1) || !ChangeKind.Names.Contains(r.Kind) || r.Author is null || r.Reason is null
            || r.State is null || r.BeforeSha256 != current)
            throw Damage("the change does not follow from the one before");
        Require(r.State, r.AfterSha256);
        if (r.Id == wanted) Wanted = (State, null);
        var request = new ChangeRequest
        { Kind = r.Kind!, Author = r.Author, Reason = r.Reason, Subjects = r.Subjects ?? [], Policy = r.Policy, Purge = r.Purge ?? [] };
        Changes.Add(new(r.Id, request, r.Time, r.Undoes, r.State.Revision - 1, current, r.AfterSha256!), r.State);
    }

    private void Require(ForestState after, string? sha256)
    {
        if (after.Revision != (State?.Revision ?? 0) + 1 || ForestStateRules.Problems(after).Any() || after.Hash() != sha256)
            throw Damage("the state of the change is not valid");
    }

    private BtxException Damage(string why) =>
        new($"{path}: line {Line} is damaged ({why}); restore the file from a copy, or move it away, with {JournalHead.Companions}, "
            + $"to serve {Serving.ServedForestManifest.FileName} without the changes made since");
}
