namespace Btx.Exporter;

/// <summary>The tensors of a BTX model as the graphs of a form and precision want them.</summary>
internal static class MoeLayout
{
    /// <summary>True if they are those of the checkpoint, in its own dtype.</summary>
    public static bool IsSource(SourceMoe source, GraphPrecision precision, MoeForm form) =>
        form == MoeForm.Gathered && precision.BlockBits() is null && WeightDirectory.CanBind(source.Checkpoint, precision);

    public static IEnumerable<StoredTensor> Tensors(SourceMoe source, GraphPrecision precision, MoeForm form)
    {
        var checkpoint = source.Checkpoint;
        var dtype = precision.Dtype();
        foreach (var (name, shape) in checkpoint.Config.TensorShapes())
        {
            var expert = name.Contains(".block_sparse_moe.experts.", StringComparison.Ordinal);
            if (!expert || (form == MoeForm.Gathered && precision.BlockBits() is null))
            {
                yield return new StoredTensor(name, dtype, shape, to => WeightDirectory.Fill(checkpoint, name, dtype, to));
            }
            else if (form == MoeForm.Gathered)
            {
                var layout = new BlockLayout(shape[0], shape[1], precision.BlockBits()!.Value);
                foreach (var part in StoredTensor.Blocks(name, layout, checkpoint.Reader(name))) yield return part;
            }
            else if (name.EndsWith(MoeConfig.GateTensor(0), StringComparison.Ordinal))
            {
                foreach (var part in Packed(checkpoint, name[..^MoeConfig.GateTensor(0).Length], dtype)) yield return part;
            }
        }
    }

    /// <summary>All experts of a layer in two tensors, see <see cref="FusedExperts"/>.</summary>
    private static IEnumerable<StoredTensor> Packed(Checkpoint checkpoint, string layer, TensorDtype dtype)
    {
        var c = checkpoint.Config;
        int n = c.Moe!.Experts, rowBytes = c.HiddenSize * dtype.Size(), matrix = c.IntermediateSize * rowBytes;
        yield return new StoredTensor(layer + FusedExperts.GateUpTensor, dtype, [n, 2L * c.IntermediateSize, c.HiddenSize], to =>
        {
            var part = new byte[matrix];
            for (var e = 0; e < n; e++)
            {
                foreach (var (name, offset) in new[] { (MoeConfig.GateTensor(e), 0), (MoeConfig.UpTensor(e), 1) })
                {
                    WeightDirectory.Fill(checkpoint, layer + name, dtype, part);
                    for (var row = 0; row < c.IntermediateSize; row++)
                        part.AsSpan(row * rowBytes, rowBytes)
                            .CopyTo(to[((((2 * e * c.IntermediateSize) + (2 * row) + offset)) * rowBytes)..]);
                }
            }
        });
        yield return new StoredTensor(layer + FusedExperts.DownTensor, dtype, [n, c.HiddenSize, c.IntermediateSize], to =>
        {
            for (var e = 0; e < n; e++)
                WeightDirectory.Fill(checkpoint, layer + MoeConfig.DownTensor(e), dtype, to.Slice(e * matrix, matrix));
        });
    }
}
