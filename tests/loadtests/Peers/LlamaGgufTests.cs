using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Tensors;
using Btx.Peers;

namespace Btx.LoadTests.Tests.Peers;

/// <summary>The GGUF file of an expert, read back without llama.cpp.</summary>
public sealed class LlamaGgufTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-gguf-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void The_header_says_what_llama_cpp_asks_for()
    {
        var config = TinyForest.DefaultConfig with { RopeTheta = 500000, RmsNormEps = 1e-6 };
        var file = Convert(new TinyForest { Config = config });
        Assert.Equal(("GGUF", 3u), (file.Magic, file.Version));
        object Of(string key) => file.Metadata[key];
        Assert.Equal("llama", Of("general.architecture"));
        Assert.Equal(
            [2u, 128u, 64u, 160u, 4u, 2u, 16u, 16u, 320u],
            new[] { "block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count",
                "attention.head_count_kv", "attention.key_length", "rope.dimension_count", "vocab_size" }
                .Select(key => (uint)Of("llama." + key)));
        Assert.Equal((500000f, 1e-6f), ((float)Of("llama.rope.freq_base"), (float)Of("llama.attention.layer_norm_rms_epsilon")));
        Assert.Equal(("gpt2", "gpt-2", 256u, 256u), (Of("tokenizer.ggml.model"), Of("tokenizer.ggml.pre"),
            (uint)Of("tokenizer.ggml.bos_token_id"), (uint)Of("tokenizer.ggml.eos_token_id")));
        var tokens = (object[])Of("tokenizer.ggml.tokens");
        Assert.Equal((320, "<|endoftext|>", "th"), (tokens.Length, tokens[256], tokens[257]));
        Assert.Equal((1, 3), (((object[])Of("tokenizer.ggml.token_type"))[0], ((object[])Of("tokenizer.ggml.token_type"))[256]));
        Assert.Equal("t h", ((object[])Of("tokenizer.ggml.merges"))[0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Tensors_lie_one_behind_the_other_on_multiples_of_32(int shards)
    {
        var file = Convert(new TinyForest
        {
            Config = TinyForest.DefaultConfig with
            {
                TieWordEmbeddings = true,
                HiddenSize = 48,
                HeadDimOverride = 12
            },
            Shards = shards
        });
        Assert.DoesNotContain("output.weight", file.Tensors.Keys);
        Assert.Equal(1 + (9 * 2) + 1, file.Tensors.Count);
        var at = 0L;
        foreach (var (name, (sizes, type, offset)) in file.Tensors)
        {
            Assert.Equal((at, 0u), (offset, type));
            at = (at + (4 * sizes.Aggregate((a, b) => a * b)) + 31) / 32 * 32;
            Assert.EndsWith(".weight", name, StringComparison.Ordinal);
        }

        Assert.Equal(at, file.DataLength);
        Assert.Equal([160L, 48L], file.Tensors["blk.1.ffn_down.weight"].Sizes);
    }

    [Fact]
    public void Matrices_are_the_checkpoints_but_for_the_order_of_query_and_key_rows()
    {
        var file = Convert(new TinyForest());
        using var checkpoint = Checkpoint.Open(Expert);
        foreach (var (name, shape) in checkpoint.Config.TensorShapes())
        {
            var stored = file.Read(LlamaGguf.NameOf(name));
            var original = Values(checkpoint, name);
            if (!name.Contains("q_proj", StringComparison.Ordinal) && !name.Contains("k_proj", StringComparison.Ordinal))
            {
                Assert.Equal(original, stored);
                continue;
            }

            // As Llama's own weights were turned into Hugging Face's: [heads, 2, half] to [heads, half, 2].
            int heads = (int)shape[0] / 16, width = (int)shape[1];
            for (var h = 0; h < heads; h++)
            {
                for (var i = 0; i < 16; i++)
                {
                    var from = (h * 16) + (i % 2 * 8) + (i / 2);
                    Assert.Equal(original.AsSpan(from * width, width).ToArray(), stored.AsSpan(((h * 16) + i) * width, width).ToArray());
                }
            }
        }
    }

    [Fact]
    public void Turning_neighbours_of_the_new_order_gives_the_products_of_turning_halves_of_the_old()
    {
        var random = new Random(3);
        float[] q = Vector(), k = Vector();
        for (var distance = 0; distance < 5; distance++)
        {
            var halves = Dot(Halves(q, 7), Halves(k, 7 - distance));
            var neighbours = Dot(Neighbours(Reordered(q), 7), Neighbours(Reordered(k), 7 - distance));
            Assert.Equal(halves, neighbours, 1e-4);
        }

        float[] Vector() => [.. Enumerable.Range(0, 16).Select(_ => random.NextSingle() - 0.5f)];
        float[] Reordered(float[] x) => [.. Enumerable.Range(0, 16).Select(i => x[LlamaGguf.SourceRow(i, 16)])];
        static double Dot(float[] a, float[] b) => a.Zip(b).Sum(p => (double)p.First * p.Second);
        static double Angle(int pair, int position) => position * Math.Pow(10000, -pair / 8.0);
        static float[] Halves(float[] x, int position) => Turned(x, position, pair => (pair, pair + 8));
        static float[] Neighbours(float[] x, int position) => Turned(x, position, pair => (2 * pair, (2 * pair) + 1));
        static float[] Turned(float[] x, int position, Func<int, (int, int)> pairs)
        {
            var y = new float[16];
            for (var pair = 0; pair < 8; pair++)
            {
                var (a, b) = pairs(pair);
                var (sin, cos) = Math.SinCos(Angle(pair, position));
                y[a] = (float)((x[a] * cos) - (x[b] * sin));
                y[b] = (float)((x[b] * cos) + (x[a] * sin));
            }

            return y;
        }
    }

    [Fact]
    public void Half_precision_is_of_matrices_alone()
    {
        var file = Convert(new TinyForest { Dtype = TensorDtype.BF16 }, GgufType.F16);
        Assert.Equal((1u, 0u, 0u, 1u), (file.Tensors["token_embd.weight"].Type, file.Tensors["output_norm.weight"].Type,
            file.Tensors["blk.0.attn_norm.weight"].Type, (uint)file.Metadata["general.file_type"]));
        using var checkpoint = Checkpoint.Open(Expert);
        Assert.Equal(Values(checkpoint, "lm_head.weight").Select(v => (float)(Half)v), file.Read("output.weight"));
    }

    [Fact]
    public void Scaled_positions_are_told_as_divisors_of_the_frequencies()
    {
        var file = Convert(new TinyForest { Config = TinyForest.DefaultConfig with { RopeScaling = new RopeScaling("linear", 4) } });
        Assert.Equal(Enumerable.Repeat(4f, 8), file.Read("rope_freqs.weight").Select(f => MathF.Round(f, 5)));
    }

    [Fact]
    public void A_mixture_is_refused()
    {
        new TinyMoe().Write(Expert);
        Assert.Contains("mixtral", Assert.Throws<BtxException>(() =>
            LlamaGguf.Write(Expert, Path.Combine(_root.FullName, "x.gguf"), GgufType.F32)).Message, StringComparison.Ordinal);
    }

    private string Expert => Path.Combine(_root.FullName, "expert");

    private GgufReader Convert(TinyForest forest, GgufType type = GgufType.F32)
    {
        forest.WriteExpert(Expert, 5);
        var path = Path.Combine(_root.FullName, "expert.gguf");
        LlamaGguf.Write(Expert, path, type);
        return new GgufReader(path);
    }

    private static float[] Values(Checkpoint checkpoint, string name)
    {
        var values = new float[checkpoint.Info(name).ElementCount];
        checkpoint.CopyTo(name, values);
        return values;
    }
}
