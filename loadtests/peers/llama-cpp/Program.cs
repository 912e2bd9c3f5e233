using System.Globalization;
using Btx.Model;
using Btx.Model.Tokens;
using Btx.Peers;
using Btx.Peers.LlamaCpp;
using Btx.Peers.LlamaCpp.Gguf;
using Btx.Peers.LlamaCpp.Native;

// llama.cpp as a peer of the load tests: answers requests of token ids over standard input and output (see PeerLoop).
const string Help = $$"""
    Serves a Hugging Face Llama directory through llama.cpp, over JSON lines on standard input and output, for the load tests to drive.

    usage: Btx.Peer.LlamaCpp --model DIR [options]
    {{PeerOptions.Help}}
      --precision fp32  or fp16: of the weights
      --cache fp16      llama.cpp's default; or fp32
      --library DIR     llama.cpp's libraries; what fetch.sh put into the cache if left out
           Btx.Peer.LlamaCpp convert --model DIR --gguf FILE [--precision fp32|fp16]
                        only writes the GGUF file

    Examples:
      loadtests/peers/llama-cpp/fetch.sh
      echo '{"id":1,"text":"It is","max_tokens":8}' | artifacts/bin/Btx.Peer.LlamaCpp/release/Btx.Peer.LlamaCpp --model forest/experts/novels
    """;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args.Length == 0 || args.Contains("--help"))
{
    Console.WriteLine(Help);
    return 0;
}

var convert = args[0] == "convert";
PeerOptions options;
GgufType type;
try
{
    options = PeerOptions.Parse(args[(convert ? 1 : 0)..], convert ? ["--precision", "--gguf"] : ["--precision", "--cache", "--library"]);
    type = options.Rest.GetValueOrDefault("--precision", "fp32") switch
    {
        "fp32" => GgufType.F32,
        "fp16" => GgufType.F16,
        var other => throw new PeerException($"--precision {other}: use fp32 or fp16"),
    };
    if (options.Rest.GetValueOrDefault("--cache", "fp16") is not ("fp16" or "fp32") and var cache)
        throw new PeerException($"--cache {cache}: use fp16 or fp32");
    if (convert && !options.Rest.ContainsKey("--gguf")) throw new PeerException("--gguf is missing");
}
catch (PeerException e)
{
    Console.Error.WriteLine($"error: {e.Message}; see --help");
    return 2;
}

var temporary = Path.Combine(Path.GetTempPath(), $"btx-peer-{Environment.ProcessId}.gguf");
try
{
    if (convert)
    {
        LlamaGguf.Write(options.Model, options.Rest["--gguf"], type);
        return 0;
    }

    Llama.Load(options.Rest.GetValueOrDefault("--library", LibraryDirectory()));
    LlamaGguf.Write(options.Model, temporary, type);
    using var model = new ParallelSequences(temporary, options, type == GgufType.F16 ? "fp16" : "fp32",
        options.Rest.GetValueOrDefault("--cache", "fp16") == "fp16");
    File.Delete(temporary); // mapped
    new PeerLoop(model, TextTokenizer.Load(options.Model), Console.In, new PeerAnswers(Console.OpenStandardOutput())).Run();
    return 0;
}
catch (Exception e) when (e is PeerException or BtxException)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
finally
{
    File.Delete(temporary);
}

static string LibraryDirectory()
{
    var cache = Environment.GetEnvironmentVariable("BTX_CACHE") is { Length: > 0 } named ? named
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");
    return Path.Combine(cache, "llama-cpp", "node_modules", "@node-llama-cpp", "linux-x64", "bins", "linux-x64");
}
