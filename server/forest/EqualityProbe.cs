using System.Security.Cryptography;
using System.Text;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Model.Mixing;
using Btx.Model.Tokens;

namespace Btx.Forest;

/// <summary>What two forests are asked to see whether they are the same: a text, and every
/// way in which a request can be answered.</summary>
internal sealed class EqualityProbe
{
    /// <summary>Tokens that are looked at, of a text that is longer.</summary>
    public const int MostTokens = 4096;

    private const int Window = 256;

    // Any text would do; this one is short, fixed, and of several kinds.
    private const string BuiltIn =
        """
        The removal of one part must leave the others as they were, in every word that they say. Whoever doubts it should compare: the same question, the same answer, number by number.
        Ein Wald ist mehr als die Summe seiner Bäume, doch wer einen fällt, ändert die übrigen nicht. La forêt demeure, un arbre en moins. El bosque sigue en pie; quien lo mide hoy, lo mide igual que ayer.
        Μία φωνή λιγότερη. Одним голосом меньше. 一つの声が消え、残りは変わらない。 少一个声音，其余不变。
        def remaining(forest, removed):
            total = sum(w for name, w in forest.items() if name not in removed)
            return {name: w / total for name, w in forest.items() if name not in removed}
        for (int i = 0; i < count; i++) { sum += weights[i] * values[i]; }  // Σ w·v
        SELECT name, weight FROM experts WHERE removed IS NULL ORDER BY weight DESC LIMIT 10;
        Whereas the party of the first part shall not, in law or in equity, retain 3.14159 per cent (or 2,718 units) thereof; q.e.d.
        """;

    private readonly List<int[]> windows;

    private EqualityProbe(string sha256, List<int[]> windows) => (Sha256, this.windows) = (sha256, windows);

    /// <summary>Of the text.</summary>
    public string Sha256 { get; }

    /// <summary>Predicted tokens.</summary>
    public long Tokens => windows.Sum(w => w.Length - 1L);

    /// <summary>
    /// Largest |difference| in nats that counts as equal. A matrix product rounds otherwise for prepacked
    /// weights and for other numbers of rows, and what
    /// is rounded are logits, which are as large as the log-probabilities of improbable tokens: so the tolerance is relative to these.
    /// </summary>
    /// <param name="largest">Of the |log-probabilities|, nats.</param>
    public static double Tolerance(string precision, double largest) => (precision == "fp16" ? 2e-3 : 2e-5) * Math.Max(1, largest);

    /// <param name="text">Null: a built-in one of some hundred tokens.</param>
    /// <exception cref="BtxException">The text is too short.</exception>
    public static EqualityProbe Of(string? text, TextTokenizer tokenizer, int context)
    {
        var tokens = tokenizer.Encode(text ?? BuiltIn);
        if (tokens.Length < 2)
            throw new BtxException(
                $"the probe text has {tokens.Length} tokens; give at least 2")
            { Kind = ErrorKind.Precondition };
        var length = Math.Min(Window, context);
        var windows = new List<int[]>();
        for (var at = 0; at + 1 < Math.Min(tokens.Length, MostTokens); at += length - 1)
            windows.Add(tokens[at..Math.Min(at + length, tokens.Length)]);
        return new(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text ?? BuiltIn))), windows);
    }

    /// <summary>In the same order for forests of the same description.</summary>
    public IEnumerable<ScoreRequest> Requests(ForestDescription forest) =>
        Routings(forest).SelectMany(r => windows.Select(w => new ScoreRequest(w, r)));

    private static IEnumerable<Routing> Routings(ForestDescription forest)
    {
        foreach (var name in forest.Experts) yield return new() { Mode = RoutingMode.Expert, Expert = name };
        foreach (var posterior in Enum.GetValues<PosteriorKind>()) yield return new() { Posterior = posterior };
        foreach (var domain in forest.PriorDomains) yield return new() { PriorDomain = domain };
        for (var k = 1; k <= Math.Min(2, forest.Experts.Count); k++)
        {
            yield return new() { Mode = RoutingMode.TopK, K = k };
            yield return new() { Mode = RoutingMode.TopK, K = k, Select = SelectForm.PerToken };
        }

        yield return new() { Mode = RoutingMode.Average };
        foreach (var domain in forest.PriorDomains)
            yield return new() { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = domain };
        foreach (var average in forest.Averages) yield return new() { Mode = RoutingMode.Average, AverageName = average };
        if (forest.Moe is { } moe) yield return new() { Mode = RoutingMode.Moe, K = moe.ExpertsPerToken };
    }
}
