using System.CommandLine;
using System.Diagnostics;
using System.Text;
using BenchmarkDotNet.Attributes;
using Btx.Model.Tokens;
using GenAITokenizer = Microsoft.ML.OnnxRuntimeGenAI.Tokenizer;

namespace Btx.Bench;

/// <summary>Btx's tokenizer beside ONNX Runtime GenAI's on one text; the ids must be equal.</summary>
public class TokenizerPair
{
    // The text goes in pieces of about this many characters, cut at line ends, as documents would.
    private const int PieceLength = 16 << 10;

    private static Pair? measured;

    private readonly Pair pair = measured!;

    internal static Command Verb()
    {
        var text = new Argument<FileInfo>("text") { Description = "UTF-8 text, some megabytes" }.AcceptExistingOnly();
        var tokenizer = new Argument<DirectoryInfo>("tokenizer") { Description = "holds tokenizer.json and tokenizer_config.json" };
        var passes = new Flag<int>("--passes N", "how often each encodes the whole text after the first time", 7).Between(1);
        var verb = new Command("tokenizer", "The tokenizer beside GenAI's. Exit code 1 unless all ids are equal.") { text, tokenizer,
            passes };
        verb.SetAction(parse => Measure(parse.GetValue(text)!, parse.GetValue(tokenizer)!.FullName, parse.GetValue(passes)) ? 0 : 1);
        return verb;
    }

    [Benchmark]
    public void Btx() => pair.EncodeOurs(pair.Pieces);

    [Benchmark(Baseline = true)]
    public void GenAI() => pair.EncodeTheirs(pair.Pieces);

    private static bool Measure(FileInfo textFile, string tokenizerDirectory, int passes)
    {
        var pieces = Cut(File.ReadAllText(textFile.FullName));
        var megabytes = textFile.Length / 1e6;
        // GenAI's tokenizer comes only with a model.
        using var served = new TinyServedForest(new TinyForest { Experts = 1 }, o => o with { GenAI = true });
        var directory = served.Report.Manifest.WeightsDirectory(served.Served, served.Report.Manifest.Experts[0]);
        var ours = TextTokenizer.Load(tokenizerDirectory);
        ours.Save(directory);
        using var model = new Microsoft.ML.OnnxRuntimeGenAI.Model(directory);
        using var theirs = new GenAITokenizer(model);
        Console.WriteLine($"{megabytes:F1} MB in {pieces.Count} pieces, vocabulary {ours.VocabSize}");
        // A first pass also compiles the code; a small warm-up keeps that out.
        var warm = new Pair(ours, theirs, pieces[..Math.Min(2, pieces.Count)]);
        warm.EncodeOurs(warm.Pieces);
        warm.EncodeTheirs(warm.Pieces);
        measured = new Pair(TextTokenizer.Load(tokenizerDirectory), theirs, pieces);
        double First(Action<List<string>> encode)
        {
            var start = Stopwatch.GetTimestamp();
            encode(pieces);
            return megabytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        Console.WriteLine($"first pass  btx {First(measured.EncodeOurs):F1} MB/s  genai {First(measured.EncodeTheirs):F1} MB/s");
        var summary = Runs.Benchmark<TokenizerPair>(passes, warmUp: 0);
        double Median(string name) => 1e9 * megabytes / summary.Reports.Single(
            r => r.BenchmarkCase.Descriptor.WorkloadMethod.Name == name).ResultStatistics!.Median;
        Console.WriteLine($"median of {passes}  btx {Median(nameof(Btx)):F1} MB/s  genai {Median(nameof(GenAI)):F1} MB/s  "
            + $"ratio {Median(nameof(Btx)) / Median(nameof(GenAI)):F1}");
        return measured.SameIds();
    }

    private static List<string> Cut(string text)
    {
        var pieces = new List<string>();
        for (var at = 0; at < text.Length; at += pieces[^1].Length)
        {
            var end = Math.Min(text.Length, at + PieceLength);
            var line = end < text.Length ? text.LastIndexOf('\n', end - 1, end - at) : -1;
            pieces.Add(text[at..(line > at ? line + 1 : end)]);
        }

        return pieces;
    }

    private sealed record Pair(TextTokenizer Ours, GenAITokenizer Theirs, List<string> Pieces)
    {
        public void EncodeOurs(List<string> pieces)
        {
            foreach (var piece in pieces) Ours.Encode(piece);
        }

        public void EncodeTheirs(List<string> pieces)
        {
            foreach (var piece in pieces) Theirs.Encode(piece).Dispose();
        }

        public bool SameIds()
        {
            long count = 0;
            foreach (var (i, piece) in Pieces.Index())
            {
                using var sequences = Theirs.Encode(piece);
                var theirs = sequences[0];
                // GenAI puts the begin token first where the tokenizer says so; ours leaves that to the caller.
                if (Ours.AddBos && theirs.Length > 0 && theirs[0] == Ours.BosId) theirs = theirs[1..];
                var ours = Ours.Encode(piece, allowSpecial: true);
                count += ours.Length;
                var same = theirs.CommonPrefixLength(ours);
                if (same == ours.Length && same == theirs.Length) continue;
                var around = ours.AsSpan()[Math.Max(0, same - 3)..Math.Min(ours.Length, same + 5)];
                Console.WriteLine($"ids differ in piece {i} at token {same}: \"{Ours.Decode(around)}\"");
                Console.WriteLine(
                    $"  btx {string.Join(' ', ours.Skip(same).Take(6))}   genai {string.Join(' ', theirs[same..].ToArray().Take(6))}");
                return false;
            }

            Console.WriteLine($"ids equal: {count} tokens");
            return true;
        }
    }
}
