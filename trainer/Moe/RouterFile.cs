namespace Btx.Trainer.Moe;

/// <summary>Router weights from a safetensors file: <c>model.layers.L.block_sparse_moe.gate.weight</c> [N, d] for every layer.</summary>
public static class RouterFile
{
    /// <summary>By layer [N·d], row-major. Tensors of other names are ignored, so a Mixtral weight file serves.</summary>
    public static float[][] Read(string path, LlamaConfig config)
    {
        using var file = SafetensorsFile.Open(path);
        long experts = config.Moe!.Experts, hidden = config.HiddenSize;
        var router = new float[config.NumHiddenLayers][];
        for (var l = 0; l < router.Length; l++)
        {
            var name = Tensor(l);
            if (!file.Tensors.TryGetValue(name, out var info))
                throw new BtxException($"--router-init {path}: has no tensor \"{name}\"; the BTX model has {router.Length} layers, each "
                    + $"with a router [{experts}, {hidden}]");
            if (!info.Shape.SequenceEqual([experts, hidden]))
                throw new BtxException($"--router-init {path}: tensor \"{name}\" has shape [{string.Join(", ", info.Shape)}]; {experts} "
                    + $"experts of hidden size {hidden} need [{experts}, {hidden}]");
            if (info.Dtype is not (TensorDtype.F32 or TensorDtype.F16 or TensorDtype.BF16))
                throw new BtxException($"--router-init {path}: tensor \"{name}\" is {info.Dtype}; expected F32, F16 or BF16");
            file.CopyTo(info, router[l] = new float[experts * hidden]);
            if (router[l].FirstOrDefault(v => !float.IsFinite(v)) is not 0 and var bad)
                throw new BtxException($"--router-init {path}: tensor \"{name}\" holds {bad}; router weights must be finite");
        }

        var more = file.Tensors.Keys.FirstOrDefault(n => n == Tensor(router.Length));
        return more is null ? router
            : throw new BtxException($"--router-init {path}: has tensor \"{more}\", but the BTX model has only {router.Length} layers");
    }

    public static string Tensor(int layer) => $"model.layers.{layer}.{MoeConfig.RouterTensor}";
}
