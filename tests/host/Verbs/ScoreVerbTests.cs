using System.Text.Json;
using Btx.Model;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs;

namespace Btx.Server.Tests.Verbs;

/// <summary><c>btx score</c>.</summary>
public sealed class ScoreVerbTests
{
    [Fact]
    public async Task The_json_has_exactly_the_published_form()
    {
        await using var server = await RunningServer.StartAsync();
        var path = Path.Combine(Path.GetTempPath(), $"btx-{Guid.NewGuid():N}");
        Directory.CreateDirectory(path);
        try
        {
            await File.WriteAllTextAsync(Path.Combine(path, "text.txt"), "the fox jumps");
            string[] args = ["--file", Path.Combine(path, "text.txt"), "--mode", "top_k", "--k", "2", "--server", server.GrpcAddress,
                "--json", Path.Combine(path, "score.json")];
            Assert.Equal(0, await ScoreVerb.Create().Parse(args).InvokeAsync());
            var json = JsonSerializer.Deserialize<JsonElement>(await File.ReadAllTextAsync(Path.Combine(path, "score.json")));
            Assert.Equal(["tokens", "logprobs", "experts", "posterior"], json.EnumerateObject().Select(field => field.Name));
            var n = json.GetProperty("tokens").GetArrayLength();
            Assert.Equal(server.Engine.LastScore!.Tokens.Length, n);
            Assert.Equal(n - 1, json.GetProperty("logprobs").GetArrayLength());
            foreach (var field in new[] { "experts", "posterior" })
            {
                Assert.Equal(["novels", "python", "german"], json.GetProperty(field).EnumerateObject().Select(expert => expert.Name));
                Assert.All(json.GetProperty(field).EnumerateObject(), expert => Assert.Equal(n - 1, expert.Value.GetArrayLength()));
            }
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }

    [Fact]
    public async Task The_documents_of_a_corpus_are_added_up()
    {
        await using var server = await RunningServer.StartAsync();
        var directory = Directory.CreateTempSubdirectory("btx-score-");
        try
        {
            var corpus = Path.Combine(directory.FullName, "test.jsonl");
            var to = Path.Combine(directory.FullName, "score.json");
            await File.WriteAllTextAsync(corpus, "{\"text\": \"the fox jumps\"}\n\n{\"text\": \"the fox\"}\n");
            Assert.Equal(0, await ScoreVerb.Create().Parse(["--file", corpus, "--server", server.GrpcAddress, "--json", to]).InvokeAsync());
            var json = JsonSerializer.Deserialize<JsonElement>(await File.ReadAllTextAsync(to));
            Assert.Equal(["documents", "tokens", "bytes", "nats_per_token", "perplexity", "bits_per_byte"],
                json.EnumerateObject().Select(field => field.Name));
            Assert.Equal(2, json.GetProperty("documents").GetInt32());
            var (nats, tokens, bytes) = (json.GetProperty("nats_per_token").GetDouble(), json.GetProperty("tokens").GetInt64(),
                json.GetProperty("bytes").GetInt64());
            Assert.Equal(nats * tokens / bytes / Math.Log(2), json.GetProperty("bits_per_byte").GetDouble(), 12);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_sample_is_an_equal_part_of_each_document_in_whole_characters()
    {
        var file = Path.GetTempFileName() + ".jsonl";
        try
        {
            File.WriteAllLines(file, Enumerable.Range(0, 3).Select(_ => JsonSerializer.Serialize(new { text = new string('ü', 1000) })));
            Assert.Equal([100, 100, 100], TextFile.Documents("--file", file, 600).Select(part => part.Length)); // 200 bytes each
            Assert.Equal([100], TextFile.Documents("--file", file, 10).Select(part => part.Length));
            Assert.Equal(3, TextFile.Documents("--file", file, null).Count(part => part.Length == 1000));
            File.WriteAllText(file, "{\"text\": \"a\"}\n{\"txt\": 1}\n");
            Assert.Contains(":2: expected an object", Assert.Throws<BtxException>(() => TextFile.Documents("--file", file, null)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task In_mode_moe_the_json_holds_the_routing()
    {
        await using var server = await RunningServer.StartAsync();
        var directory = Directory.CreateTempSubdirectory("btx-score-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "text.txt"), "the fox jumps");
            var to = Path.Combine(directory.FullName, "score.json");
            string[] args = ["--file", Path.Combine(directory.FullName, "text.txt"), "--mode", "moe", "--k", "2", "--show-experts",
                "--server", server.GrpcAddress, "--json", to];
            Assert.Equal(0, await ScoreVerb.Create().Parse(args).InvokeAsync());
            var routing = JsonSerializer.Deserialize<JsonElement>(await File.ReadAllTextAsync(to)).GetProperty("routing");
            Assert.Equal(2, routing.GetProperty("layers").GetInt32());
            Assert.Equal(["novels", "python", "fables"], routing.GetProperty("experts").EnumerateArray().Select(name => name.GetString()));
            Assert.Equal("[[0.75,0.25,0],[0,0,1]]", routing.GetProperty("gates")[0].GetRawText());
            Assert.Equal(0.875, routing.GetProperty("domains").GetProperty("prose")[0].GetDouble());
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_file_that_is_not_utf8_is_named_with_the_place()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [(byte)'a', (byte)'b', 0xff]);
            Assert.Contains($"{path}: byte 2 is not valid UTF-8", Assert.Throws<BtxException>(() => TextFile.Read("--file", path)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_missing_file_is_named() => Assert.Contains("/nowhere/x",
    Assert.Throws<BtxException>(() => TextFile.Read("--file", "/nowhere/x")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("--mode", "best", "--mode best: unknown mode; use ensemble, top_k, top_p, average, expert, moe")]
    [InlineData("--posterior", "none", "--posterior none: unknown posterior; use full_prefix, last_token, fixed, switching")]
    public async Task Unknown_names_list_what_there_is(string flag, string value, string message)
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, "the fox");
            var parsed = ScoreVerb.Create().Parse(["--file", path, flag, value]);
            var failure = await Assert.ThrowsAsync<BtxException>(() => parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false }));
            Assert.Equal(message, failure.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
