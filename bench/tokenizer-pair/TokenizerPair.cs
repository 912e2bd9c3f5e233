using System.Diagnostics;
using System.Text;
using Btx.Model;
using Btx.Model.Tokens;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Bench.Tokenizer;

/// <summary>Encodes a text with both tokenizers, compares the ids, prints MB/s: first pass,
/// then the median of alternating passes.</summary>
internal static class TokenizerPair
{
    /// <summary>The text goes in pieces of about this many characters, cut at line ends, as documents would.</summary>
    private const int PieceLength = 16 << 10;

    public static int Run(string textFile, string tokenizerDirectory, int pairs)
    {
        if (!File.Exists(textFile)) throw new BtxException($"{textFile}: no such file");
        var text = File.ReadAllText(textFile);
        var pieces = Cut(text);
        var megabytes = Encoding.UTF8.GetByteCount(text) / 1e6;
        var stub = Directory.CreateTempSubdirectory("btx-genai-");
        try
        {
            var ours = TextTokenizer.Load(tokenizerDirectory);
            ours.Save(stub.FullName);
            StubModel.Write(stub.FullName, ours.VocabSize);
            using var model = new Microsoft.ML.OnnxRuntimeGenAI.Model(stub.FullName);
            using var theirs = new Microsoft.ML.OnnxRuntimeGenAI.Tokenizer(model);
            Console.WriteLine($"{megabytes:F1} MB in {pieces.Count} pieces, vocabulary {ours.VocabSize}");
            // A first pass also compiles the code; a small warm-up keeps that out.
            var warm = pieces.Take(2).ToList();
            Ours(ours, warm);
            Theirs(theirs, warm);
            ours = TextTokenizer.Load(tokenizerDirectory);
            Console
                .WriteLine($"first pass  btx {megabytes / Ours(ours, pieces):F1} MB/s  genai {megabytes / Theirs(theirs, pieces):F1} MB/s");

            var (btx, genai) = (new List<double>(), new List<double>());
            for (var i = 0; i < pairs; i++)
            {
                btx.Add(megabytes / Ours(ours, pieces));
                genai.Add(megabytes / Theirs(theirs, pieces));
            }

            Console
                .WriteLine($"median of {pairs}  btx {Median(btx):F1} MB/s  genai {Median(genai):F1} MB/s  ratio "
                    + $"{Median(btx) / Median(genai):F1}");
            return Compare(ours, theirs, pieces) ? 0 : 1;
        }
        finally
        {
            stub.Delete(recursive: true);
        }
    }

    private static double Ours(TextTokenizer tokenizer, List<string> pieces)
    {
        var start = Stopwatch.GetTimestamp();
        foreach (var piece in pieces) tokenizer.Encode(piece);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Theirs(Microsoft.ML.OnnxRuntimeGenAI.Tokenizer tokenizer, List<string> pieces)
    {
        var start = Stopwatch.GetTimestamp();
        foreach (var piece in pieces)
        {
            using var ids = tokenizer.Encode(piece);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static bool Compare(TextTokenizer ours, Microsoft.ML.OnnxRuntimeGenAI.Tokenizer theirs, List<string> pieces)
    {
        long count = 0;
        for (var i = 0; i < pieces.Count; i++)
        {
            using var sequences = theirs.Encode(pieces[i]);
            var their = sequences[0];
            // GenAI puts the begin token first where the tokenizer says so; ours leaves that to the caller.
            if (ours.AddBos && their.Length > 0 && their[0] == ours.BosId) their = their[1..];
            var our = ours.Encode(pieces[i], allowSpecial: true);
            count += our.Length;
            var same = their.CommonPrefixLength(our);
            if (same == our.Length && same == their.Length) continue;
            Console
                .WriteLine($"ids differ in piece {i} at token {same}: "
                    + $"\"{ours.Decode(our.AsSpan(Math.Max(0, same - 3), Math.Min(8, our.Length - Math.Max(0, same - 3))))}\"");
            Console
                .WriteLine($"  btx {string.Join(' ', our.Skip(same).Take(6))}   genai {string.Join(' ', their[same..].ToArray().Take(6))}");
            return false;
        }

        Console.WriteLine($"ids equal: {count} tokens");
        return true;
    }

    private static List<string> Cut(string text)
    {
        var pieces = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var end = Math.Min(text.Length, at + PieceLength);
            var line = end < text.Length ? text.LastIndexOf('\n', end - 1, end - at) : -1;
            if (line > at) end = line + 1;
            pieces.Add(text[at..end]);
            at = end;
        }

        return pieces;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
