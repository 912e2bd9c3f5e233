using Btx.LoadTests.Clients;
using Btx.LoadTests.Load;
using Btx.LoadTests.Tests.Fakes;

namespace Btx.LoadTests.Tests.Load;

public sealed class LoadInputTests : IDisposable
{
    private readonly DirectoryInfo _corpus = Directory.CreateTempSubdirectory("btx-corpus-");

    public static TheoryData<LoadBounds, string> BadBounds => new()
    {
        { new() { Seconds = 0 }, "--duration 0: expected more than 0 seconds" },
        { new() { Seconds = 1e300 }, "at most 1000000" },
        { new() { Seconds = double.NaN }, "--duration NaN" },
        { new() { Requests = 0 }, "--requests 0: expected 1 or more" },
        { new() { WarmUpSeconds = -1 }, "--warm-up -1" },
        { new() { WarmUpSeconds = 1, WarmUpRequests = 1 }, "choose one" },
        { new() { TimeoutSeconds = 0 }, "--timeout 0" },
        { new() { MaxInFlight = 0 }, "--max-in-flight 0" },
    };

    [Theory]
    [MemberData(nameof(BadBounds))]
    public async Task Bounds_out_of_range_are_refused_before_a_request_is_sent(LoadBounds bounds, string message)
    {
        var client = new FakeClient();
        Assert.Contains(message, (await Assert.ThrowsAsync<LoadTestException>(() =>
            Plans.Run(client, Plans.Of("closed:1"), bounds).RunAsync(CancellationToken.None))).Message);
        Assert.Empty(client.Requests);
    }

    [Theory]
    [InlineData("law=1", "there is no \"law\"; there are code, prose")]
    [InlineData("code=0", "code is \"0\"")]
    [InlineData("code=x", "code is \"x\"; expected a number above 0")]
    [InlineData("code=1,code=2", "named twice")]
    public void A_bad_domain_mix_is_refused(string mix, string message) =>
    Assert.Contains(message, Assert.Throws<LoadTestException>(() => DomainMix.Read("--domains", mix, Plans.Texts.Domains)).Message);

    [Fact]
    public void Prompts_come_from_the_test_split_of_each_domain()
    {
        Write("prose/test.jsonl", "{\"id\": \"1\", \"text\": \"It was night.\"}\n{\"id\": \"2\", \"text\": \" \"}\n");
        Write("prose/train.jsonl", "{\"id\": \"3\", \"text\": \"seen in training\"}\n");
        Write("code/test.jsonl", "{\"id\": \"1\", \"text\": \"x = 1\"}\n");
        Write("empty/train.jsonl", "{\"id\": \"1\", \"text\": \"y\"}\n");
        var texts = PromptTexts.Read(_corpus.FullName);
        Assert.Equal(["code", "prose"], texts.Domains);
        var draws = new RandomStream(1, RandomStream.Prompts);
        for (var i = 0; i < 20; i++) Assert.Equal("It was night.", texts.Cut("prose", 13, ref draws));
    }

    [Fact]
    public void A_corpus_that_cannot_be_read_says_why()
    {
        Assert.Contains("no such directory", Assert.Throws<LoadTestException>(() => PromptTexts.Read("/nowhere")).Message);
        Assert.Contains("no DOMAIN/test.jsonl", Assert.Throws<LoadTestException>(() => PromptTexts.Read(_corpus.FullName)).Message);
        Write("prose/test.jsonl", "{\"text\": \"fine\"}\n{\"body\": \"not\"}\n");
        Assert.Contains("test.jsonl, line 2: expected {\"text\"",
            Assert.Throws<LoadTestException>(() => PromptTexts.Read(_corpus.FullName)).Message);
    }

    [Fact]
    public async Task The_ruler_takes_lengths_from_the_servers_answers()
    {
        var client = new FakeClient((request, _, _) =>
            Task.FromResult(FakeClient.Ok(request) with { PromptTokens = request.Prompt.Length / 2 }));
        var mix = DomainMix.Read("--domains", null, Plans.Texts.Domains);
        var ruler = await PromptRuler.MeasureAsync(client, Plans.Texts, mix, new("expert"), FakeClient.Served, Lengths.Fixed(16), 1,
            CancellationToken.None);
        Assert.Equal(20, ruler.Characters("prose", 10));
        Assert.Contains(client.Requests, r => r.Routing.Expert == "code-1");
        var refusing = new FakeClient((_, _, _) => Task.FromResult(new Answer("invalid_argument") { Error = "k is 9" }));
        var refused = await Assert.ThrowsAsync<LoadTestException>(() => PromptRuler.MeasureAsync(refusing, Plans.Texts, mix,
            new("top_k", 9), FakeClient.Served, Lengths.Fixed(16), 1, CancellationToken.None));
        Assert.Contains("k is 9", refused.Message);
        var silent = new FakeClient((request, _, _) => Task.FromResult(FakeClient.Ok(request) with { PromptTokens = 0 }));
        Assert.Contains("no usage", (await Assert.ThrowsAsync<LoadTestException>(() => PromptRuler.MeasureAsync(silent, Plans.Texts, mix,
            new("ensemble"), FakeClient.Served, Lengths.Fixed(16), 1, CancellationToken.None))).Message);
    }

    public void Dispose() => _corpus.Delete(recursive: true);

    private void Write(string name, string text)
    {
        var path = Path.Combine(_corpus.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
