using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Forest;

/// <summary>The files of an expert as they were when they were read, to see before a commit whether they lie there still: the next start
/// reads them again.</summary>
internal sealed class ExpertFiles
{
    private static readonly string[] Others = [LlamaConfig.FileName, "tokenizer.json", "tokenizer_config.json", CheckpointFiles.IndexFile];
    private readonly List<(string Path, FileStat? Stat)> marks;

    /// <summary>Before anything is read.</summary>
    public ExpertFiles(string directory) => marks = [.. Others.Select(f => Path.Combine(directory, f)).Select(f => (f, FileStat.Of(f)))];

    /// <summary>Weights that were copied.</summary>
    public void Add(Checkpoint checkpoint) => marks.AddRange(checkpoint.Files.Select(f => (f.Path, (FileStat?)f.Copy!.Stat)));

    /// <exception cref="BtxException">A file was changed, replaced, added or removed.</exception>
    public void RequireUntouched()
    {
        foreach (var (path, stat) in marks)
        {
            if (FileStat.Of(path) != stat)
                throw new BtxException(
                    $"{path}: changed while the expert was being added; "
                    + "add it again when nothing writes there")
                { Kind = ErrorKind.Precondition };
        }
    }
}
