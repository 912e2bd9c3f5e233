using System.Runtime.InteropServices;
using Btx.Model.Tensors;

namespace Btx.Model.Tests.Tensors;

public sealed class SafetensorsFileTests
{
    [Fact]
    public void What_is_written_is_read_back_to_the_bit()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["m.safetensors"];
        var random = new Random(1);
        (string Name, TensorDtype Dtype, long[] Shape)[] tensors = [("x.weight", TensorDtype.F32, [3, 5]), ("ü", TensorDtype.BF16, [7]),
            ("h", TensorDtype.F16, [2, 0]), ("q", TensorDtype.U8, [5])];
        var data = new Dictionary<string, byte[]>();
        SafetensorsWriter.Write(path, tensors, (name, destination) =>
        {
            random.NextBytes(destination);
            data[name] = destination.ToArray();
        }, new Dictionary<string, string> { ["step"] = "7" });

        using var file = SafetensorsFile.Open(path);
        Assert.Equal("7", file.Metadata["step"]);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(tensors.Length, file.Tensors.Count);
        foreach (var (name, dtype, shape) in tensors)
        {
            var info = file[name];
            Assert.Equal(dtype, info.Dtype);
            Assert.Equal(shape, info.Shape);
            Assert.Equal(data[name], Bytes(file, info));
        }

        Assert.Equal(0, file["x.weight"].Offset % 8);
    }

    [Fact]
    public void A_missing_file_a_directory_and_a_missing_tensor_are_named()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("not found", Assert.Throws<BtxException>(() => SafetensorsFile.Open(directory["none"])).Message,
            StringComparison.Ordinal);
        Assert.Contains(directory.Path, Assert.Throws<BtxException>(() => SafetensorsFile.Open(directory.Path)).Message,
            StringComparison.Ordinal);
        File.WriteAllBytes(directory["e"], SafetensorsBytes.File("{}", 0));
        using var file = SafetensorsFile.Open(directory["e"]);
        Assert.Contains("\"w\"", Assert.Throws<BtxException>(() => file["w"]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_on_disk_is_refused()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["m.safetensors"];
        SafetensorsWriter.Write(path, [("w", TensorDtype.F32, [100])], (_, d) => d.Fill(1));
        var length = new FileInfo(path).Length;
        foreach (var cut in new[] { length - 1, length - 400, 20, 8, 7, 0 })
        {
            using (var stream = new FileStream(path, FileMode.Open)) stream.SetLength(cut);
            Assert.Contains(path, Assert.Throws<BtxException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_closed_file_is_not_read()
    {
        using var directory = new TemporaryDirectory();
        SafetensorsWriter.Write(directory["m"], [("w", TensorDtype.F32, [2])], (_, d) => d.Clear());
        var file = SafetensorsFile.Open(directory["m"]);
        var info = file["w"];
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.CopyTo(info, new float[2]));
    }

    [Fact]
    public void Copying_to_a_buffer_of_another_length_is_refused()
    {
        using var directory = new TemporaryDirectory();
        SafetensorsWriter.Write(directory["m"], [("w", TensorDtype.F32, [2])], (_, d) => MemoryMarshal.Cast<byte, float>(d).Fill(2));
        using var file = SafetensorsFile.Open(directory["m"]);
        Assert.Throws<ArgumentException>(() => file.CopyTo(file["w"], new float[3]));
        var values = new float[2];
        file.CopyTo(file["w"], values);
        Assert.Equal([2, 2], values);
    }

    private static unsafe byte[] Bytes(SafetensorsFile file, TensorInfo info) =>
        new ReadOnlySpan<byte>(file.Pointer(info), (int)info.Length).ToArray();
}
