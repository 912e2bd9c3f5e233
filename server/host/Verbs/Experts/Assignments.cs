using System.Globalization;
using Btx.Model;

namespace Btx.Server.Verbs.Experts;

/// <summary>Options of the form NAME=VALUE.</summary>
internal static class Assignments
{
    /// <exception cref="BtxException">No such form, or a name twice.</exception>
    public static IReadOnlyDictionary<string, string> Texts(string option, IEnumerable<string> values)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in values)
        {
            var equals = value.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || equals == value.Length - 1) throw new BtxException($"{option} {value}: expected NAME=VALUE");
            if (!read.TryAdd(value[..equals], value[(equals + 1)..])) throw new BtxException($"{option} names {value[..equals]} twice");
        }

        return read;
    }

    /// <inheritdoc cref="Texts"/>
    public static IReadOnlyDictionary<string, double> Weights(string option, IEnumerable<string> values) =>
        Texts(option, values).ToDictionary(
        pair => pair.Key,
        pair => double.TryParse(pair.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) && weight >= 0
            && double.IsFinite(weight)
            ? weight
            : throw new BtxException($"{option} {pair.Key}={pair.Value}: expected a weight of 0 or more"));
}
