using Btx.LoadTests.Clients;

namespace Btx.LoadTests.Tests.Clients;

public sealed class PeerChoiceTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-peers-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void A_peer_has_a_mode_a_directory_and_the_precision_that_is_served()
    {
        var expert = Model("expert", ("config.json", """{"model_type":"llama","torch_dtype":"float32"}"""));
        var genai = Model("genai", ("config.json", """{"model_type":"llama","torch_dtype":"float16"}"""), ("genai_config.json", "{}"));
        var dense = Model("dense", ("served.json", """{"precision":"fp32"}"""));
        var peers = PeerChoice.ParseAll([$"llama.cpp={expert}", $"llama.cpp-fp16={expert}", $"genai={genai}", $"dense-k2={dense}"]);
        Assert.Equal(["peer:llama.cpp", "peer:llama.cpp-fp16", "peer:genai", "peer:dense-k2"], peers.Select(p => p.Mode));
        Assert.Equal(["fp32", "fp16", "fp16", "fp32"], peers.Select(p => p.Precision));
        Assert.Equal([PeerKind.LlamaCpp, PeerKind.LlamaCpp, PeerKind.GenAI, PeerKind.Dense], peers.Select(p => p.Kind));
        Assert.Equal(expert, peers[0].Place);
    }

    [Fact]
    public void What_is_no_peer_says_what_to_name()
    {
        var empty = Model("empty");
        var mixtral = Model("mixtral", ("config.json", """{"model_type":"mixtral"}"""));
        var broken = Model("broken", ("served.json", "{"));
        Assert.Contains("expected genai=DIR, llama.cpp=DIR", Problem("vllm=x"), StringComparison.Ordinal);
        Assert.Contains("expected genai=DIR", Problem("genai"), StringComparison.Ordinal);
        Assert.Contains("which directory?", Problem("genai="), StringComparison.Ordinal);
        Assert.Contains("--genai", Problem($"genai={empty}"), StringComparison.Ordinal);
        Assert.Contains("F/experts/EXPERT", Problem($"llama.cpp={empty}"), StringComparison.Ordinal);
        Assert.Contains("no Llama model", Problem($"llama.cpp={mixtral}"), StringComparison.Ordinal);
        Assert.Contains("Btx.Peer dense", Problem($"dense={empty}"), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Problem($"dense={broken}"), StringComparison.Ordinal);
        Assert.All(new[] { Problem($"dense={broken}"), Problem($"genai={empty}") }, f => Assert.DoesNotContain('\n', f));
    }

    [Fact]
    public void A_name_stands_once()
    {
        var dense = Model("dense", ("served.json", """{"precision":"fp32"}"""));
        Assert.Contains("a name stands once", Assert.Throws<LoadTestException>(() =>
            PeerChoice.ParseAll([$"dense={dense}", $"dense={dense}"])).Message, StringComparison.Ordinal);
    }

    private static string Problem(string text) => Assert.Throws<LoadTestException>(() => PeerChoice.Parse(text)).Message;

    private string Model(string name, params (string Name, string Text)[] files)
    {
        var directory = _root.CreateSubdirectory(name).FullName;
        foreach (var file in files) File.WriteAllText(Path.Combine(directory, file.Name), file.Text);
        return directory;
    }
}
