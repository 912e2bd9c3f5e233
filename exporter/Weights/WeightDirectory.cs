using Btx.Model.Tokens;

namespace Btx.Exporter;

/// <summary>Writes an expert's weights into a served forest: a Hugging Face model directory of its own, in the precision that is
/// served.</summary>
internal static class WeightDirectory
{
    /// <summary>True if every tensor is stored in the served precision, so that the source's own memory can be bound.</summary>
    public static bool CanBind(Checkpoint checkpoint, GraphPrecision precision) =>
        checkpoint.Config.TensorShapes().All(t => checkpoint.Info(t.Name).Dtype == precision.Dtype());

    /// <summary>Writes <c>model.safetensors</c>, <c>config.json</c> and the tokenizer's files.</summary>
    /// <exception cref="BtxException">A weight does not fit into fp16, or the disk is full.</exception>
    public static void Write(Checkpoint checkpoint, GraphPrecision precision, string directory, CancellationToken cancellation)
    {
        var dtype = precision.Dtype();
        Directory.CreateDirectory(directory);
        CheckpointWriter.Write(directory, checkpoint.Config with { TorchDtype = dtype.TorchName() }, (name, destination) =>
        {
            cancellation.ThrowIfCancellationRequested();
            Fill(checkpoint, name, dtype, destination);
        }, shardBytes: long.MaxValue);
        TokenizerFiles.Copy(checkpoint.DirectoryPath, directory);
    }

    /// <summary>A tensor's bytes in <paramref name="dtype"/>.</summary>
    public static unsafe void Fill(Checkpoint checkpoint, string name, TensorDtype dtype, Span<byte> destination)
    {
        var info = checkpoint.Info(name);
        if (info.Dtype == dtype)
        {
            new ReadOnlySpan<byte>(checkpoint.Pointer(name), destination.Length).CopyTo(destination);
            return;
        }

        var values = new float[Math.Min(info.ElementCount, 1 << 16)]; // a tensor as a whole may be larger than an array
        fixed (byte* start = destination)
        {
            for (long at = 0; at < info.ElementCount; at += values.Length)
            {
                var some = values.AsSpan(0, (int)Math.Min(values.Length, info.ElementCount - at));
                TensorDtypes.ToSingle(info.Dtype, checkpoint.Pointer(name) + (at * info.Dtype.Size()), some);
                if (dtype == TensorDtype.F16) RequireHalf(some, checkpoint, name);
                TensorDtypes.FromSingle(some, dtype, start + (at * dtype.Size()));
            }
        }
    }

    private static void RequireHalf(ReadOnlySpan<float> values, Checkpoint checkpoint, string name)
    {
        foreach (var v in values)
            if (Math.Abs(v) > (float)Half.MaxValue)
                throw new BtxException($"{checkpoint.DirectoryPath}: tensor \"{name}\" holds {v}, more than fp16 can "
                    + $"({Half.MaxValue}); use --precision fp32");
    }
}
