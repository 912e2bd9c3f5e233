using System.Globalization;

namespace Btx.LoadTests.Load;

/// <summary>Which domain a prompt is from, by weight.</summary>
public sealed class DomainMix
{
    private readonly double[] _cumulative;

    /// <param name="weights">Above 0; scaled to sum to 1.</param>
    public DomainMix(IReadOnlyList<(string Domain, double Weight)> weights)
    {
        Domains = [.. weights.Select(w => w.Domain)];
        _cumulative = new double[weights.Count];
        double sum = weights.Sum(w => w.Weight), below = 0;
        for (var i = 0; i < weights.Count; i++) _cumulative[i] = below += weights[i].Weight / sum;
        Text = string.Join(',', weights.Select(w => FormattableString.Invariant($"{w.Domain}={w.Weight / sum:0.###}")));
    }

    public IReadOnlyList<string> Domains { get; }

    public string Text { get; }

    /// <summary>Reads <c>novels=0.5,python=0.5</c>; null: all that there are, equally.</summary>
    /// <exception cref="LoadTestException">A domain without text, or a weight that is none.</exception>
    public static DomainMix Read(string option, string? text, IReadOnlyCollection<string> available)
    {
        if (text is null) return new([.. available.Select(d => (d, 1.0))]);
        var weights = new List<(string, double)>();
        foreach (var part in text.Split(','))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var domain = (equals < 0 ? part : part[..equals]).Trim();
            var weight = 1.0;
            if (equals >= 0 && !(double.TryParse(part[(equals + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out weight)
                && double.IsFinite(weight) && weight > 0))
                throw new LoadTestException($"{option} {text}: the weight of {domain} is "
                    + $"\"{part[(equals + 1)..]}\"; expected a number above 0");
            if (!available.Contains(domain))
                throw new LoadTestException($"{option} {text}: no domain \"{domain}\" in the corpus; there are "
                    + $"{string.Join(", ", available)}");
            if (weights.Exists(w => w.Item1 == domain)) throw new LoadTestException($"{option} {text}: {domain} is named twice");
            weights.Add((domain, weight));
        }

        return new(weights);
    }

    public string Draw(ref RandomStream draws)
    {
        var at = draws.Uniform();
        for (var i = 0; i < _cumulative.Length; i++)
        {
            if (at < _cumulative[i]) return Domains[i];
        }

        return Domains[^1];
    }
}
