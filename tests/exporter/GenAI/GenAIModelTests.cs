using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Tensors;
using GenAIRuntime = Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Exporter.Tests.GenAI;

public sealed class GenAIModelTests
{
    private static readonly int[] Prompt = [256, 84, 104, 101, 32, 113, 117, 105, 99, 107];

    [Theory]
    [InlineData(false, GraphPrecision.Fp32)]
    [InlineData(true, GraphPrecision.Fp32)]
    [InlineData(false, GraphPrecision.Fp16)]
    public void Greedy_tokens_of_the_generator_equal_our_own_loop(bool tied, GraphPrecision precision)
    {
        var config = TinyForest.DefaultConfig with { TieWordEmbeddings = tied };
        using var served = new TinyServedForest(new TinyForest { Config = config, Experts = 1 },
            o => o with { GenAI = true, Precision = precision });
        var directory = Path.Combine(served.Served, "weights", "alpha");
        var ours = Greedy(Path.Combine(served.Served, "graphs"), directory, precision, 24);
        var theirs = Generator(directory, Prompt.Length + ours.Length);
        Assert.True(ours.Distinct().Count() > 4, "a degenerate sequence proves nothing");
        Assert.Equal(ours, theirs[Prompt.Length..]);
    }

    [Fact]
    public void The_generator_ends_at_every_end_token()
    {
        int[] Sequence(IEnumerable<int> ends)
        {
            var config = TinyForest.DefaultConfig with { EosTokenIds = [.. ends] };
            using var served = new TinyServedForest(new TinyForest { Config = config, Experts = 1 }, o => o with { GenAI = true });
            var directory = Path.Combine(served.Served, "weights", "alpha");
            Assert.Equal(config.EosTokenIds, LlamaConfig.Load(directory).EosTokenIds);
            return Generator(directory, Prompt.Length + 16)[Prompt.Length..];
        }

        var whole = Sequence([TinyForest.EndOfTextId]);
        var end = whole.Skip(4).First(token => token != TinyForest.EndOfTextId);
        Assert.Equal(whole[..Array.IndexOf(whole, end)], Sequence([TinyForest.EndOfTextId, end])); // it keeps the end token to itself
    }

    [Fact]
    public void The_generator_reads_the_tokenizer_beside_the_graph()
    {
        using var served = new TinyServedForest(new TinyForest { Experts = 1 }, o => o with { GenAI = true });
        var directory = Path.Combine(served.Served, "weights", "alpha");
        using var model = new GenAIRuntime.Model(directory);
        using var tokenizer = new GenAIRuntime.Tokenizer(model);
        using var sequences = tokenizer.Encode("the end");
        var expected = Btx.Model.Tokens.TextTokenizer.Load(directory).Encode("the end");
        Assert.Equal(expected, sequences[0].ToArray().Where(t => t != TinyForest.EndOfTextId));
    }

    private static int[] Greedy(string graphs, string weights, GraphPrecision precision, int count)
    {
        using var checkpoint = Checkpoint.Open(weights);
        using var bound = new CheckedWeights(checkpoint, precision, DeviceSpec.Cpu);
        using var slots = new KvSlots(checkpoint.Config, 1, checkpoint.Config.MaxPositionEmbeddings, precision);
        using var prefill = bound.Open(graphs, GraphForm.Ragged(1), 1);
        using var decode = bound.Open(graphs, GraphForm.Decode, 1);
        var logits = new GraphRunner(prefill, checkpoint.Config, slots).Ragged([new RaggedRow(0, 0, Prompt)], [Prompt.Length - 1]);
        var runner = new GraphRunner(decode, checkpoint.Config, slots);
        var tokens = new int[count];
        for (var i = 0; i < count; i++)
        {
            tokens[i] = Array.IndexOf(logits, logits.Max());
            if (tokens[i] == TinyForest.EndOfTextId) return tokens[..(i + 1)];
            logits = runner.Decode(0, [tokens[i]], [Prompt.Length + i]);
        }

        return tokens;
    }

    private static int[] Generator(string directory, int length)
    {
        using var model = new GenAIRuntime.Model(directory);
        using var parameters = new GenAIRuntime.GeneratorParams(model);
        parameters.SetSearchOption("max_length", length);
        using var generator = new GenAIRuntime.Generator(model, parameters);
        generator.AppendTokens(Prompt);
        while (!generator.IsDone()) generator.GenerateNextToken();
        return generator.GetSequence(0).ToArray();
    }
}
