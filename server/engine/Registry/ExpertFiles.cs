using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Engine.Registry;

/// <summary>The files of an expert as they are at one moment, to see later whether they are the same still.</summary>
internal sealed class ExpertFiles
{
    private readonly string directory;
    private readonly FileMark[] marks;

    private ExpertFiles(string directory, FileMark[] marks, string sha256) => (this.directory, this.marks, Sha256) = (directory, marks, sha256);

    /// <summary>Of the weights, see <see cref="CheckpointFiles.Hash"/>.</summary>
    public string Sha256 { get; }

    /// <summary>Reads all weights once.</summary>
    /// <exception cref="BtxException">A file is missing, cannot be read, or changes meanwhile.</exception>
    public static ExpertFiles Read(string directory, CancellationToken cancellation)
    {
        var before = Marks(directory);
        var files = new ExpertFiles(directory, before, CheckpointFiles.HashFiles(CheckpointFiles.Weights(directory), cancellation));
        files.RequireUntouched();
        return files;
    }

    /// <summary>Reads them again.</summary>
    /// <exception cref="BtxException">They are others.</exception>
    public void RequireSame(CancellationToken cancellation)
    {
        RequireUntouched();
        if (CheckpointFiles.HashFiles(CheckpointFiles.Weights(directory), cancellation) != Sha256) throw Changed(directory);
        RequireUntouched();
    }

    /// <summary>Looks at sizes, times and identities alone.</summary>
    /// <exception cref="BtxException">A file was changed, replaced or removed.</exception>
    public void RequireUntouched()
    {
        foreach (var mark in marks)
        {
            if (!File.Exists(mark.Path) || FileMark.Of(mark.Path) != mark) throw Changed(mark.Path);
        }
    }

    private static BtxException Changed(string path) => new($"{path}: changed while the expert was being added; add it again when nothing writes there");

    private static FileMark[] Marks(string directory)
    {
        string[] others = [LlamaConfig.FileName, "tokenizer.json", "tokenizer_config.json", CheckpointFiles.IndexFile];
        return [.. CheckpointFiles.Weights(directory).Concat(others.Select(f => Path.Combine(directory, f)).Where(File.Exists)).Select(FileMark.Of)];
    }
}
