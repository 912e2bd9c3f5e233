using System.Text;
using Btx.Model.Tensors;

namespace Btx.Model.Tests.Tensors;

public sealed class SafetensorsHeaderTests
{
    private static readonly string Good = "{" + SafetensorsBytes.Tensor("a", "F32", "2,3", "0,24") + ","
        + SafetensorsBytes.Tensor("b", "BF16", "4", "24,32") + "}";

    private static (Dictionary<string, TensorInfo> Tensors, Dictionary<string, string> Metadata) Parse(byte[] file) =>
        SafetensorsHeader.Parse(file, file.Length, "m.safetensors");

    private static string Problem(string header, int data) =>
        Assert.Throws<BtxException>(() => Parse(SafetensorsBytes.File(header, data))).Message;

    [Fact]
    public void Reads_where_each_tensor_lies()
    {
        var (tensors, _) = Parse(SafetensorsBytes.File(Good, 32));
        Assert.Equal([2, 3], tensors["a"].Shape);
        Assert.Equal(8 + Good.Length, tensors["a"].Offset);
        Assert.Equal(24, tensors["a"].Length);
        Assert.Equal(TensorDtype.BF16, tensors["b"].Dtype);
        Assert.Equal(4, tensors["b"].ElementCount);
    }

    [Fact]
    public void Reads_metadata_scalars_and_empty_tensors()
    {
        var header = "{\"__metadata__\":{\"format\":\"pt\"}," + SafetensorsBytes.Tensor("s", "F32", "", "0,4") + ","
            + SafetensorsBytes.Tensor("e", "F16", "0,7", "4,4") + "}  ";
        var (tensors, metadata) = Parse(SafetensorsBytes.File(header, 4));
        Assert.Equal("pt", metadata["format"]);
        Assert.Equal(1, tensors["s"].ElementCount);
        Assert.Equal(0, tensors["e"].ElementCount);
    }

    [Theory]
    [InlineData("F32", "-2,-3", "0,24", "negative dimension -2")]
    [InlineData("F32", "2,3", "0,20", "needs 24")]
    [InlineData("F32", "2,3", "8,0", "0 <= begin <= end")]
    [InlineData("F32", "2,3", "-24,0", "0 <= begin <= end")]
    [InlineData("F32", "2,3", "0,9223372036854775807", "truncated")]
    [InlineData("F32", "2,3", "0,18446744073709551615", "data_offsets")]
    [InlineData("F32", "2,3", "0", "data_offsets")]
    [InlineData("F32", "2,3", "0,24,48", "data_offsets")]
    [InlineData("F32", "2,3", "\"0\",\"24\"", "data_offsets")]
    [InlineData("F32", "4294967296,4294967296", "0,24", "more elements than any file")]
    [InlineData("F32", "9223372036854775807,2", "0,24", "more elements than any file")]
    [InlineData("F32", "2305843009213693952", "0,24", "more elements than any file")]
    [InlineData("F32", "1.5", "0,24", "not a whole number")]
    [InlineData("F32", "\"2\"", "0,24", "not a whole number")]
    [InlineData("F32", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,6", "0,24", "17 dimensions")]
    [InlineData("F64", "3", "0,24", "F64")]
    [InlineData("", "6", "0,24", "dtype")]
    public void Refuses_a_tensor_that_does_not_hold(string dtype, string shape, string offsets, string named)
    {
        var message = Problem("{" + SafetensorsBytes.Tensor("w", dtype, shape, offsets) + "}", 24);
        Assert.StartsWith("m.safetensors: tensor \"w\" ", message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_overlap() =>
        Assert.Contains("overlap",
        Problem("{" + SafetensorsBytes.Tensor("a", "F32", "2", "0,8") + "," + SafetensorsBytes.Tensor("b", "F32", "2", "4,12") + "}", 12),
        StringComparison.Ordinal);

    [Fact]
    public void Refuses_two_tensors_on_the_same_bytes() =>
        Assert.Contains("overlap",
        Problem("{" + SafetensorsBytes.Tensor("a", "F32", "2", "0,8") + "," + SafetensorsBytes.Tensor("b", "F32", "2", "0,8") + "}", 8),
        StringComparison.Ordinal);

    [Fact]
    public void Refuses_a_hole() =>
        Assert.Contains("4 bytes before tensor \"b\"",
        Problem("{" + SafetensorsBytes.Tensor("a", "F32", "2", "0,8") + "," + SafetensorsBytes.Tensor("b", "F32", "1", "12,16") + "}", 16),
        StringComparison.Ordinal);

    [Fact]
    public void Refuses_bytes_after_the_last_tensor() => Assert.Contains("1 bytes at the end", Problem(Good, 33), StringComparison.Ordinal);

    [Fact]
    public void Refuses_a_name_listed_twice_however_it_is_spelt()
    {
        Assert.Contains("uplicate",
            Problem("{" + SafetensorsBytes.Tensor("a", "F32", "1", "0,4") + "," + SafetensorsBytes.Tensor("a", "F32", "1", "4,8") + "}", 8),
            StringComparison.Ordinal);
        Assert.Contains("uplicate", Problem("{" + SafetensorsBytes.Tensor("a", "F32", "1", "0,4") + ","
            + SafetensorsBytes.Tensor("\\u0061", "F32", "1", "4,8") + "}", 8), StringComparison.Ordinal);
        Assert.Contains("uplicate", Problem("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("")]
    [InlineData(" {}")]
    [InlineData("{\"a\":1}")]
    [InlineData("{\"a\":{}}")]
    [InlineData("{\"__metadata__\":[]}")]
    [InlineData("{\"__metadata__\":{\"n\":1}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,0],\"x\":[[[[[[[[[[1]]]]]]]]]]}}")]
    [InlineData("{\"\\ud800\":{}}")]
    public void Refuses_other_json(string header) => Assert.StartsWith("m.safetensors: ", Problem(header, 0), StringComparison.Ordinal);

    [Fact]
    public void Refuses_invalid_utf8_in_a_name()
    {
        var file = SafetensorsBytes.File("{" + SafetensorsBytes.Tensor("#", "F32", "1", "0,4") + "}", 4);
        file[Array.IndexOf(file, (byte)'#')] = 0xff;
        Assert.Throws<BtxException>(() => Parse(file));
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData((ulong)long.MaxValue)]
    [InlineData(100_000_001UL)]
    [InlineData(33_554_433UL)]
    [InlineData(33_554_432UL)]
    [InlineData(33UL)]
    public void A_header_length_bomb_is_refused_before_anything_is_allocated(ulong length)
    {
        var file = SafetensorsBytes.WithLength(length, new byte[32]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("header length", Assert.Throws<BtxException>(() => Parse(file)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void The_largest_header_takes_a_small_multiple_of_its_bytes_and_one_tensor_more_is_refused()
    {
        static string Many(int count) => "{" + string.Join(',', Enumerable.Range(0, count).Select(i =>
            SafetensorsBytes.Tensor($"model.layers.{i}.block_sparse_moe.experts.7.w1.weight{new string('x', 100)}", "F32", "0", "0,0")))
            + "}";
        var file = SafetensorsBytes.File(Many(SafetensorsHeader.MaxTensors), 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(SafetensorsHeader.MaxTensors, Parse(file).Tensors.Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 6L * file.Length);
        Assert.Contains($"more than {SafetensorsHeader.MaxTensors} tensors", Problem(Many(SafetensorsHeader.MaxTensors + 1), 0),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "duplicate")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", "duplicate")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"shape\":[],\"data_offsets\":[0,4]}}", "duplicate")]
    [InlineData("{} {}", "not valid JSON")]
    [InlineData("{}x", "not valid JSON")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[[1],{}],\"data_offsets\":[0,4]}}", "not a whole number")]
    [InlineData("{\"w\":{\"dtype\":[\"F32\"],\"shape\":[1],\"data_offsets\":[0,4]}}", "no supported dtype")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{\"0\":4}}}", "no data_offsets")]
    public void Refuses_what_two_readers_could_read_in_two_ways(string header, string named) =>
    Assert.Contains(named, Problem(header, 4), StringComparison.Ordinal);

    [Fact]
    public void A_nesting_bomb_is_refused() =>
        Assert.Contains("not valid JSON", Problem("{\"a\":{\"x\":" + new string('[', 1_000_000) + new string(']', 1_000_000) + "}}", 0),
        StringComparison.Ordinal);

    [Fact]
    public void A_long_name_is_cut_and_its_control_characters_hidden()
    {
        var message = Problem("{" + SafetensorsBytes.Tensor("\\n\\u001b[31m" + new string('x', 10_000), "F64", "3", "0,24") + "}", 24);
        Assert.InRange(message.Length, 1, 300);
        Assert.DoesNotContain(message, char.IsControl);
    }

    [Fact]
    public void Every_prefix_of_a_valid_file_is_refused()
    {
        var file = SafetensorsBytes.File(Good, 32);
        for (var n = 0; n < file.Length; n++)
        {
            var prefix = file[..n];
            Assert.Throws<BtxException>(() => Parse(prefix));
        }
    }

    [Fact]
    public void Damaged_files_give_one_clear_line() => Mutations.Fuzz(SafetensorsBytes.File(Good, 32), 8000, bytes =>
    {
        var (tensors, _) = Parse(bytes);
        foreach (var t in tensors.Values)
        {
            Assert.True(t.Offset >= 8 && t.Length >= 0 && t.Offset + t.Length <= bytes.Length, "a tensor outside the file");
            Assert.Equal(t.Shape.Aggregate(1L, (a, b) => a * b), t.ElementCount);
        }
    });

    [Fact]
    public void Text_alone_is_no_header() =>
    Assert.Throws<BtxException>(() => Parse(Encoding.ASCII.GetBytes("version https://git-lfs.github.com/spec/v1\n")));
}
