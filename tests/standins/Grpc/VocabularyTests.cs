using System.IO.Compression;
using Grpc.Core;
using Grpc.Net.Compression;

namespace Btx.Standins.Tests.Grpc;

/// <summary>The values that calls are described with.</summary>
public sealed class VocabularyTests
{
    [Fact]
    public void Metadata_keys_are_lower_case_and_the_last_of_a_key_counts()
    {
        var metadata = new Metadata { { "Key", "1" }, { "other", "2" }, { "KEY", "3" } };
        Assert.Equal("key", metadata[0].Key);
        Assert.Equal("3", metadata.GetValue("kEy"));
        Assert.Equal(2, metadata.GetAll("key").Count());
        Assert.Null(metadata.Get("absent"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a:b")]
    [InlineData("ä")]
    public void Metadata_refuses_bad_keys(string key) => Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, "v"));

    [Fact]
    public void Binary_suffix_and_value_must_agree()
    {
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("a-bin", "text"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("a", [1]));
        var entry = new Metadata.Entry("a-bin", [1]);
        Assert.True(entry.IsBinary);
        Assert.Throws<InvalidOperationException>(() => entry.Value);
    }

    [Fact]
    public void Empty_metadata_is_read_only() => Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("a", "b"));

    [Fact]
    public void Exception_message_is_the_status()
    {
        var exception = new RpcException(new Status(StatusCode.NotFound, "gone"));
        Assert.Equal("Status(StatusCode=\"NotFound\", Detail=\"gone\")", exception.Message);
        Assert.Equal(StatusCode.NotFound, exception.StatusCode);
        Assert.Empty(exception.Trailers);
    }

    [Fact]
    public void Call_options_change_one_value_at_a_time()
    {
        var deadline = DateTime.UtcNow;
        var options = new CallOptions().WithDeadline(deadline).WithWaitForReady().WithHeaders([]);
        Assert.Equal(deadline, options.Deadline);
        Assert.True(options.IsWaitForReady);
        Assert.NotNull(options.Headers);
        Assert.Null(options.Credentials);
    }

    [Fact]
    public void Insecure_credentials_carry_no_call_credentials()
    {
        var call = CallCredentials.FromInterceptor((_, _) => Task.CompletedTask);
        Assert.Throws<ArgumentException>(() => ChannelCredentials.Create(ChannelCredentials.Insecure, call));
        Assert.NotNull(ChannelCredentials.Create(ChannelCredentials.SecureSsl, call));
        Assert.Throws<ArgumentException>(() => CallCredentials.Compose(call));
    }

    [Fact]
    public void Contextual_marshaller_round_trips_as_bytes()
    {
        var marshaller = Marshallers.Create<string>(
            (text, context) =>
            {
                var bytes = System.Text.Encoding.UTF8.GetBytes(text);
                context.SetPayloadLength(bytes.Length);
                bytes.CopyTo(context.GetBufferWriter().GetSpan(bytes.Length));
                context.GetBufferWriter().Advance(bytes.Length);
                context.Complete();
            },
            context => System.Text.Encoding.UTF8.GetString(context.PayloadAsNewBuffer()));
        Assert.Equal("äb", marshaller.Deserializer(marshaller.Serializer("äb")));
    }

    [Fact]
    public void Compression_round_trips()
    {
        foreach (ICompressionProvider provider in new ICompressionProvider[] { new GzipCompressionProvider(CompressionLevel.Fastest), new DeflateCompressionProvider(CompressionLevel.Fastest) })
        {
            var packed = new MemoryStream();
            using (var stream = provider.CreateCompressionStream(packed, null)) stream.Write(new byte[1000]);
            Assert.InRange(packed.Length, 1, 100);
            packed.Position = 0;
            var unpacked = new MemoryStream();
            provider.CreateDecompressionStream(packed).CopyTo(unpacked);
            Assert.Equal(1000, unpacked.Length);
        }

        Assert.Equal("gzip", new GzipCompressionProvider(CompressionLevel.Fastest).EncodingName);
        Assert.Equal("deflate", new DeflateCompressionProvider(CompressionLevel.Fastest).EncodingName);
    }
}
