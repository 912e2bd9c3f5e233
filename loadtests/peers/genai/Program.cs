using System.Globalization;
using Btx.Model;
using Btx.Model.Tokens;
using Btx.Peers;
using Btx.Peers.GenAI;
using Microsoft.ML.OnnxRuntimeGenAI;

// GenAI's Generator as a peer of the load tests: answers requests of token ids over standard input and output (see PeerLoop).
const string Help = $"""
    Serves an expert that was exported with --genai through ONNX Runtime GenAI's Generator, over JSON lines on standard input and output,
    for the load tests to drive.

    usage: Btx.Peer.GenAI --model S/weights/EXPERT [options]
    {PeerOptions.Help}

    Example: artifacts/bin/Btx.Peer.GenAI/release/Btx.Peer.GenAI --model served/weights/novels --slots 8
    """;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args.Length == 0 || args.Contains("--help"))
{
    Console.WriteLine(Help);
    return 0;
}

PeerOptions options;
try
{
    options = PeerOptions.Parse(args);
}
catch (PeerException e)
{
    Console.Error.WriteLine($"error: {e.Message}; see --help");
    return 2;
}

try
{
    using var model = new BatchedGenerator(options);
    new PeerLoop(model, TextTokenizer.Load(options.Model), Console.In, new PeerAnswers(Console.OpenStandardOutput())).Run();
    return 0;
}
catch (Exception e) when (e is PeerException or BtxException or OnnxRuntimeGenAIException)
{
    Console.Error.WriteLine($"error: {e.Message.ReplaceLineEndings(" ")}");
    return 1;
}
