using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Exporter;

/// <summary>What an export may replace.</summary>
internal static class ServedDirectory
{
    /// <summary>A directory is replaced only if an export made it: it must not delete anything else.</summary>
    /// <param name="manifest">File that such a directory has.</param>
    /// <param name="what">What such a directory is.</param>
    /// <exception cref="BtxException">The target is something else.</exception>
    public static void CheckTarget(string target, string manifest, string what)
    {
        if (File.Exists(target)) throw new BtxException($"--out {target}: is a file; name a directory to make");
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any() && !File.Exists(Path.Combine(target, manifest)))
            throw new BtxException($"--out {target}: exists and is not a {what} (it has no {manifest}); name another directory");
    }

    /// <summary>Keeps servers out of a served forest that is to be replaced. One that was served has a history, which an export may not
    /// erase: what was removed would be back.</summary>
    /// <returns>Null: nothing is there yet.</returns>
    /// <exception cref="BtxException">A server owns it, or it has a history.</exception>
    public static ForestLock? TakeForest(string target)
    {
        CheckTarget(target, ServedForestManifest.FileName, "served forest");
        RequireNoHistory(target);
        var held = File.Exists(Path.Combine(target, ServedForestManifest.FileName)) ? ForestLock.Take(target) : null;
        try
        {
            RequireNoHistory(target); // nobody can begin one now
            return held;
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    /// <summary>Looked at again before the exchange: a directory may have come while the export ran.</summary>
    /// <exception cref="BtxException">It has a journal, a key or certificates.</exception>
    public static void RequireNoHistory(string target)
    {
        string[] history = [ChangeJournal.FileName, ChangeJournal.HeadName, CertificateSigner.KeyName, CertificateSigner.PublicKeyName,
            RemovalCertificate.DirectoryName];
        if (history.FirstOrDefault(f => Path.Exists(Path.Combine(target, f))) is { } found)
        {
            throw new BtxException($"--out {target}: was served and has {found}, the record of its changes, which an export would erase; "
                + "add experts to it with `btx experts add`, or export to another directory (or move this "
                + "one away, if nothing was ever removed from it)");
        }
    }
}
