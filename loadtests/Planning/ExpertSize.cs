namespace Btx.LoadTests.Planning;

/// <summary>What an expert takes.</summary>
/// <param name="KvBytesPerToken">Keys and values of one token.</param>
public sealed record ExpertSize(double Parameters, string Precision, double KvBytesPerToken)
{
    /// <summary>Bytes a parameter, block scales of the quantised ones included (a half for 32 weights).</summary>
    public static IReadOnlyDictionary<string, double> BytesPerParameter { get; } = new Dictionary<string, double>
    {
        ["fp32"] = 4,
        ["fp16"] = 2,
        ["bf16"] = 2,
        ["int8"] = 1.0625,
        ["int4"] = 0.5625
    };

    public double WeightBytes => Parameters * BytesPerParameter[Precision];

    /// <summary>
    /// A Llama of usual proportions: parameters ≈ 12·layers·width², a layer for every 64 of width, as many heads of keys and
    /// values as of queries; keys and values in fp16,
    /// of fp32 weights in fp32.
    /// </summary>
    public static double UsualKvBytesPerToken(double parameters, string precision)
    {
        var width = Math.Cbrt(parameters * 64 / 12);
        return 2 * (width / 64) * width * (precision == "fp32" ? 4 : 2);
    }

    /// <summary>Reads <c>125M</c>, <c>1.3B</c>, <c>280k</c> or a plain number.</summary>
    public static double ReadParameters(string option, string text)
    {
        var (number, unit) = text.Length > 0 && char.IsLetter(text[^1]) ? (text[..^1], char.ToUpperInvariant(text[^1])) : (text, ' ');
        var scale = unit switch { ' ' => 1, 'K' => 1e3, 'M' => 1e6, 'B' => 1e9, _ => double.NaN };
        if (!double.TryParse(number, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture,
            out var value) || !(value * scale is >= 1 and <= 1e13))
            throw new LoadTestException($"{option} {text}: expected a number of parameters such as 280k, 125M or 1.3B");
        return value * scale;
    }
}
