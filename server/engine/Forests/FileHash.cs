using System.Security.Cryptography;

namespace Btx.Engine.Forests;

/// <summary>Compares a file with the hash that a manifest records.</summary>
internal static class FileHash
{
    /// <param name="what">What the file is, named in the fault.</param>
    /// <returns>One clear line; null if the file is the recorded one.</returns>
    public static string? Fault(string path, string what, string sha256)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream)) == sha256 ? null : $"{path}: the {what} is not the one that was exported (SHA-256 differs); export again";
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return $"{path}: not found; export again";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path}: cannot be read ({e.Message})";
        }
    }

    /// <summary>Looks for faults on some threads; with one, on the caller's.</summary>
    /// <returns>The first by index; null: there is none.</returns>
    public static string? First(int count, int threads, Func<int, string?> fault)
    {
        var faults = new string?[count];
        if (threads > 1) Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => faults[i] = fault(i));
        else for (var i = 0; i < count; i++) faults[i] = fault(i);
        return faults.FirstOrDefault(f => f is not null);
    }
}
