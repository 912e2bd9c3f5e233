using System.CommandLine;
using System.Reflection;
using Btx.Cli;
using Btx.Model.Tokens;
using Btx.Peers;

var model = new Flag<string>("--model DIR", "what is served") { Required = true };
var threads = new Flag<int>("--threads N", "threads of the library's matrix products", 1);
var slots = new Flag<int>("--slots N", "requests that run at a time", 1);
var context = new Flag<int?>("--context N", "tokens of prompt and answer together (the model's own)");
var precision = new Choice("--precision", ["fp32", "fp16"], "of the weights", "fp32");
var quantised = new Choice("--precision", ["fp32", "fp16", "q8_0", "q4_0"], "of the weights; llama.cpp makes the last two itself", "fp32");
var cache = new Choice("--cache", ["fp16", "fp32"], "of keys and values; fp16 is llama.cpp's default", "fp16");
foreach (var option in new[] { threads, slots })
    option.Validators.Add(r => { if (r.GetValueOrDefault<int>() < 1) r.AddError($"{option.Name} {r.Tokens[0]}: expected 1 or more"); });

var genAI = new Command("genai", """
    An expert that was exported with --genai, through ONNX Runtime GenAI's Generator: JSON lines on standard input and output.

    Example: Btx.Peer genai --model served/weights/novels --slots 8
    """) { model, threads, slots, context };
genAI.SetAction(parsed => Serve(parsed, new GenAIModel(parsed.GetValue(model)!, Slots(parsed), Version("GenAI"))));

var llama = new Command("llama.cpp", """
    A Hugging Face Llama directory, through llama.cpp: JSON lines on standard input and output.

    Example: echo '{"id":1,"text":"It is","max_tokens":8}' | Btx.Peer llama.cpp --model forest/experts/novels
    """) { model, threads, slots, context, quantised, cache };
llama.SetAction(parsed =>
{
    var temporary = Path.Combine(Path.GetTempPath(), $"btx-peer-{Environment.ProcessId}.gguf");
    try
    {
        var (of, keys) = (parsed.GetValue(quantised)!, parsed.GetValue(cache)!);
        LlamaGguf.Write(parsed.GetValue(model)!, temporary, of == "fp16" ? GgufType.F16 : GgufType.F32);
        if (of.StartsWith('q')) LlamaCppModel.Quantise(temporary, of);
        var served = new LlamaCppModel(temporary, Slots(parsed), Version("LLamaSharp"), of, keys);
        File.Delete(temporary); // mapped
        Serve(parsed, served);
    }
    finally
    {
        File.Delete(temporary);
    }
});

var gguf = new Flag<string>("--gguf FILE", "the file") { Required = true };
var convert = new Command("convert", "Only writes the GGUF file of a Hugging Face Llama directory.") { model, gguf, precision };
convert.SetAction(parsed => LlamaGguf.Write(parsed.GetValue(model)!, parsed.GetValue(gguf)!,
    parsed.GetValue(precision) == "fp16" ? GgufType.F16 : GgufType.F32));

var trained = new Flag<string?>("--model DIR", "a dense model that was trained (btx train dense)");
var moe = new Flag<string?>("--btx DIR", "a BTX model: the same network, its feed-forward K times as wide, random weights; for speed only");
var k = new Flag<int?>("--k K", "experts a token of the BTX model: as many parameters are active in the dense one");
var forest = new Flag<string>("--out FOREST", "the forest, a new directory") { Required = true };
var dense = new Command("dense", """
    Writes a forest of one dense model, the peer of a BTX model: `btx export` exports it, and the sweep serves it.

    Example:
      artifacts/bin/Btx.Peer/release/Btx.Peer dense --btx tuned --k 2 --out dense-k2
      ./btx export --forest dense-k2 --out served-dense-k2
      ./btx loadtest sweep --forest served --btx served-btx --peer dense-k2=served-dense-k2 --modes moe --k 2 --out run
    """) { trained, moe, k, forest };
dense.Validators.Add(parsed =>
{
    if (parsed.GetValue(moe) is null == parsed.GetValue(trained) is null) parsed.AddError("give --btx or --model");
    if (parsed.GetValue(moe) is null != parsed.GetValue(k) is null) parsed.AddError("--k goes with --btx");
});
dense.SetAction(parsed =>
{
    var to = parsed.GetValue(forest)!;
    var config = parsed.GetValue(moe) is { } of ? DenseForest.Like(of, parsed.GetValue(k)!.Value, to)
        : DenseForest.Of(parsed.GetValue(trained)!, to);
    Console.WriteLine($"{config.ParameterCount / 1e6:F2} M parameters, feed-forward {config.IntermediateSize}; next: "
        + $"./btx export --forest {to} --out {to}-served");
});

return await new ProgramFrame
{
    Name = "Btx.Peer",
    Description = "Peers of the load tests: the same models in other libraries, and dense models to compare a BTX model with.",
    Verbs = [genAI, llama, convert, dense],
    IsForTheUser = e => e is BtxException,
}.RunAsync(args);

PeerSlots Slots(ParseResult parsed) => new(parsed.GetValue(threads), parsed.GetValue(slots), parsed.GetValue(context));

void Serve(ParseResult parsed, IPeerModel served)
{
    using (served)
    using (var output = new BufferedStream(Console.OpenStandardOutput(), 1 << 16))
        new PeerLoop(served, TextTokenizer.Load(parsed.GetValue(model)!), Console.In, output).Run();
}

static string? Version(string package) =>
    Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(a => a.Key == package)?.Value;
