using Btx.Model.Tensors;

namespace Btx.Exporter.Graphs;

/// <summary>Points ONNX external data at the tensors' places in safetensors files of one directory.</summary>
internal static class CheckpointPlacement
{
    public static WeightPlacement In(IReadOnlyList<SafetensorsFile> files) => (name, bytes) =>
    {
        var file = files.First(f => f.Tensors.ContainsKey(name));
        var info = file[name];
        if (info.Length != bytes)
            throw new ArgumentException($"{file.Path}: tensor {name} has {info.Length} bytes, the graph expects {bytes}", nameof(bytes));
        return new ExternalTensor(Path.GetFileName(file.Path), info.Offset, bytes);
    };
}
