using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>
/// Opens weights for serving. What is mapped is a private copy: a mapped file that is cut ends the process, and one that is written
/// changes what is
/// served under its recorded hash.
/// </summary>
internal sealed class PrivateWeights(EngineOptions options)
{
    // The temporary directory where the served one cannot be written.
    private readonly string[] places = options.CopiesInMemory ? []
        : [Path.GetFullPath(options.Directory ?? options.Moe!), Path.GetTempPath()];

    /// <summary>An expert's directory; no file in it may be reached through a link.</summary>
    /// <param name="mustBe">Where the directory must really lie; null: wherever its path leads.</param>
    /// <exception cref="BtxException">As <see cref="Checkpoint.Open(string)"/> and <see cref="PrivateCopies.Take"/>.</exception>
    public Checkpoint Open(string directory, CancellationToken cancellation, string? mustBe = null)
    {
        using var folder = OpenFolder.At(Path.GetFullPath(directory));
        if (mustBe is not null && folder.RealPath != mustBe)
            throw new BtxException($"{directory}: leads elsewhere than when it was checked; add it again when nothing is moved there");
        return Checkpoint.Open(directory, file => SafetensorsFile.Open(options.Copies.Take(folder, file, places, cancellation)));
    }

    /// <summary>One file.</summary>
    /// <exception cref="BtxException">As above.</exception>
    public SafetensorsFile OpenFile(string path, CancellationToken cancellation = default)
    {
        path = Path.GetFullPath(path);
        using var folder = OpenFolder.At(Path.GetDirectoryName(path)!);
        return SafetensorsFile.Open(options.Copies.Take(folder, path, places, cancellation));
    }

    /// <summary>SHA-256 (hex) of what is served, see <see cref="CheckpointFiles.Hash"/>.</summary>
    public static string Hash(Checkpoint checkpoint, CancellationToken cancellation) =>
        CheckpointFiles.HashCopies(checkpoint.Files.Select(f => f.Copy!), cancellation);
}
