using Btx.Model;
using Btx.Model.Registry;

namespace Btx.Forest;

/// <summary>BTX models that changes made: <c>mixtures/c000007</c> in the served forest.</summary>
internal sealed class MoeFolders(string servedDirectory, Action<string>? report)
{
    private const string Name = "mixtures";

    /// <summary>As a state names it.</summary>
    public static string Of(string changeId) => $"{Name}/{changeId}";

    /// <summary>Absolute path; its parent is there.</summary>
    public string Make(string moe)
    {
        var path = Path.GetFullPath(Path.Combine(servedDirectory, moe));
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{path}: cannot be made: {BtxException.OneLine(e.Message)}", e);
        }

        return path;
    }

    /// <summary>Deletes those that neither the state nor a rollback needs.</summary>
    public void Sweep(ChangeJournal journal)
    {
        var parent = Path.Combine(servedDirectory, Name);
        if (!Directory.Exists(parent)) return;
        string?[] used = [journal.State.Moe, journal.RollbackTarget is null ? null : journal.Previous.Moe];
        foreach (var folder in Directory.GetDirectories(parent))
        {
            if (used.Contains($"{Name}/{Path.GetFileName(folder)}")) continue;
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                report?.Invoke($"{folder}: is not served any more and cannot be deleted ({BtxException.OneLine(e.Message)}); it is tried "
                    + "again at the next change or start");
            }
        }
    }
}
