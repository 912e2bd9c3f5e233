using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Files;

/// <summary>Every reader of a file from outside has a bound, says it, and waits for nobody.</summary>
public sealed class BoundedFileTests
{
    private static readonly (string File, Action<string> Read)[] Readers =
    [
        (LlamaConfig.FileName, d => LlamaConfig.Load(d)), ("tokenizer.json", d => TextTokenizer.Load(d)),
            (CheckpointFiles.IndexFile, d => CheckpointFiles.Weights(d)),
        (ForestManifest.FileName, d => ForestManifest.Load(d)), (ServedForestManifest.FileName, d => ServedForestManifest.Load(d)),
            (ServedMoeManifest.FileName, d => ServedMoeManifest.Load(d)),
        (CheckpointFiles.SingleFile, d => SafetensorsFile.Open(Path.Combine(d, CheckpointFiles.SingleFile)).Dispose()),
    ];

    public static TheoryData<string> Files { get; } = [.. Readers.Select(r => r.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_without_end_is_refused_by_its_size_and_a_pipe_without_waiting(string file)
    {
        using var directory = new TemporaryDirectory();
        var read = Readers.Single(r => r.File == file).Read;
        using (var huge = File.Create(directory[file]))
        {
            huge.Write([0xff, 0xff, 0xff, 0x3f, 0, 0, 0, 0]); // as a safetensors header it would be 1 GB
            huge.SetLength(8L << 30);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Assert.Throws<BtxException>(() => read(directory.Path)).Message;
        Assert.Contains(directory[file], message, StringComparison.Ordinal);
        Assert.Matches("at most [0-9]+|limit of [0-9]+", message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        File.Delete(directory[file]);
        HostileEntry.Run("mkfifo", directory[file]);
        Assert.Contains("pipe", Assert.Throws<BtxException>(() => read(directory.Path)).Message, StringComparison.Ordinal);
    }
}
