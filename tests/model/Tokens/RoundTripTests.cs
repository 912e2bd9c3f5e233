using System.Text;
using Btx.Model.Tokens;
using FsCheck;
using FsCheck.Fluent;

namespace Btx.Model.Tests.Tokens;

/// <summary>Decoding gives back exactly the bytes that were encoded; with a normalizer, the normalised bytes.</summary>
public sealed class RoundTripTests
{
    private static readonly Lazy<TextTokenizer> Trained = new(() =>
        BpeTrainer.Train(BpeTrainerTests.RandomDocuments(6), 500, ["<|endoftext|>"]));

    public static TextTokenizer Tokenizer(string name) => name == "trained" ? Trained.Value : Vocabularies.Named(name);

    [Theory]
    [InlineData("trained")]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    public void Any_bytes_come_back(string name)
    {
        var tokenizer = Tokenizer(name);
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(),
            bytes => tokenizer.DecodeBytes(tokenizer.Encode(bytes)).AsSpan().SequenceEqual(Expected(name, bytes)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithReplay(1, 3));
        var random = new Random(9);
        for (var round = 0; round < 50; round++)
        {
            var bytes = new byte[random.Next(5000)];
            random.NextBytes(bytes);
            Assert.Equal(Expected(name, bytes), tokenizer.DecodeBytes(tokenizer.Encode(bytes)));
        }
    }

    [Theory]
    [InlineData("trained")]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    public void Any_text_comes_back(string name)
    {
        var tokenizer = Tokenizer(name);
        Prop.ForAll(ArbMap.Default.ArbFor<UnicodeString>(),
            text => tokenizer.Decode(tokenizer.Encode(text.Item ?? "")) == Replaced(tokenizer.Normalize(text.Item ?? "")))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithReplay(2, 5));
    }

    [Fact]
    public void With_a_normalizer_well_formed_stretches_come_back_composed_and_the_rest_as_it_was()
    {
        byte[] bytes = [.. "e\u0301"u8, 0xFF, .. "a\u0308"u8, 0xC3, .. "plain"u8];
        byte[] composed = [.. "\u00e9"u8, 0xFF, .. "\u00e4"u8, 0xC3, .. "plain"u8];
        Assert.Equal(composed, Vocabularies.Qwen3.DecodeBytes(Vocabularies.Qwen3.Encode(bytes)));
        Assert.Equal(composed, Vocabularies.Qwen3.DecodeBytes(Vocabularies.Qwen3.Encode(composed)));
        var random = new Random(10);
        for (var round = 0; round < 300; round++)
        {
            var noise = new byte[random.Next(200)];
            random.NextBytes(noise);
            var once = Vocabularies.Qwen3.DecodeBytes(Vocabularies.Qwen3.Encode(noise));
            Assert.Equal(once, Vocabularies.Qwen3.DecodeBytes(Vocabularies.Qwen3.Encode(once)));
        }
    }

    [Theory]
    [InlineData("trained")]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    public void Files_come_back(string name)
    {
        var tokenizer = Tokenizer(name);
        var files = TextFiles().ToList();
        Assert.NotEmpty(files);
        foreach (var (path, bytes) in files)
            Assert.True(Expected(name, bytes).SequenceEqual(tokenizer.DecodeBytes(tokenizer.Encode(bytes))), path);
    }

    [Fact]
    public void A_megabyte_without_a_space_is_encoded_as_short_pieces_are()
    {
        var random = new Random(11);
        var text = string.Concat(Enumerable.Range(0, 3000).Select(_ => (char)('a' + Math.Min(random.Next(5), random.Next(5)))));
        var merges = BpeTrainerTests.Merges(Trained.Value);
        var expected = NaiveBpe.Encode(text.Select(c => c.ToString()), merges);
        Assert.Equal(expected, Trained.Value.Encode(text).Select(id => Encoding.UTF8.GetString(Trained.Value.TokenBytes(id).Span)));
        var shorter = text[..500];
        Assert.Equal(
            NaiveBpe.Encode(shorter.Select(c => c.ToString()), merges),
            Trained.Value.Encode(shorter).Select(id => Encoding.UTF8.GetString(Trained.Value.TokenBytes(id).Span)));
        var megabyte = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(text, 350)));
        Assert.Equal(megabyte, Trained.Value.DecodeBytes(Trained.Value.Encode(megabyte)));
    }

    [Fact]
    public void Many_threads_get_what_one_gets()
    {
        var files = TextFiles().Take(40).ToList();
        var alone = files.ConvertAll(file => Vocabularies.Gpt2.Encode(file.Bytes));
        Parallel.For(0, files.Count * 4, i => Assert.Equal(alone[i % files.Count], Vocabularies.Gpt2.Encode(files[i % files.Count].Bytes)));
    }

    // Corpus shards where some have been made, and in any case the files beside this program, public texts, and text made up on the spot.
    private static IEnumerable<(string Path, byte[] Bytes)> TextFiles()
    {
        var cache = Path.GetDirectoryName(Path.GetDirectoryName(Vocabularies.Directory("gpt2")))!;
        foreach (var root in Directory.GetDirectories(cache, "corpora*").Append(AppContext.BaseDirectory)
            .Append("/usr/share/common-licenses"))
        {
            if (!Directory.Exists(root)) continue;
            long taken = 0;
            foreach (var path in Directory.EnumerateFiles(root, "*",
                new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }).Order(StringComparer.Ordinal))
            {
                if (taken > 2_000_000) break;
                if (new FileInfo(path) is not { LinkTarget: null, Length: > 0 }) continue;
                using var stream = File.OpenRead(path);
                var bytes = new byte[Math.Min(stream.Length, 300_000)];
                stream.ReadExactly(bytes);
                taken += bytes.Length;
                yield return (path, bytes);
            }
        }

        var random = new Random(12);
        string[] parts = ["if (x == 1)\n    ", "Überraschung ", "naïve ", "日本語 ", "😀", "\r\n", "\t\t", "don't ", "1234567 ", "“quoted” ",
            "e\u0301", "x"];
        var made = string.Concat(Enumerable.Range(0, 20_000).Select(_ => parts[random.Next(parts.Length)]));
        yield return ("(made up)", Encoding.UTF8.GetBytes(made));
    }

    private static ReadOnlySpan<byte> Expected(string name, byte[] bytes) => name == "trained" ? TextNormalizer.Own.Apply(bytes) : bytes;

    private static string Replaced(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
