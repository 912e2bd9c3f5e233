using Btx.V1;

namespace Btx.Server.Terminal;

/// <summary>Streams a completion; with a palette, each token in the colour of the expert, or domain, with the largest share.</summary>
internal sealed class TokenPrinter(TextWriter output, ExpertPalette? palette)
{
    private readonly Dictionary<string, double> _shares = new(StringComparer.Ordinal);
    private int _tokens;

    public void Print(GenerateResponse response) => Print(response.Text, response.HasTokenId, response.Experts, response.Routed);

    public void Print(ChatResponse response) =>
        Print(response.Text, response.Token is not null, response.Token?.Experts ?? [], response.Token?.Routed);

    private void Print(string text, bool isToken, IEnumerable<ExpertShare> experts, TokenRouting? routed)
    {
        (string Name, double Share)[] shares = routed is not null
            ? [.. routed.Domains.Select(share => (share.Domain, share.Share))]
            : [.. experts.Select(share => (share.Name, share.Contribution))];
        output.Write(palette is null || shares.Length == 0 ? text
            : palette.Paint(text, palette.IndexOf(shares.MaxBy(share => share.Share).Name)));
        output.Flush();
        if (!isToken || shares.Length == 0) return;
        _tokens++;
        foreach (var (name, share) in shares) _shares[name] = _shares.GetValueOrDefault(name) + share;
    }

    /// <summary>Each expert's mean contribution, or each domain's mean gate, the largest first; empty if none was reported.</summary>
    public string Shares() => string.Join("  ", _shares.OrderByDescending(share => share.Value).Select(share =>
    {
        var text = $"{BtxException.OneLine(share.Key)} {share.Value / _tokens:P0}";
        return palette is null ? text : palette.Paint(text, palette.IndexOf(share.Key));
    }));
}

/// <summary>A colour for each expert or domain: readable on dark and on light, far apart for the first few.</summary>
internal sealed class ExpertPalette(string[] experts, bool enabled)
{
    private static readonly int[] s_colours = [33, 208, 35, 199, 142, 99, 37, 161, 172, 63, 70, 133];

    public string Paint(string text, int expert) => !enabled || expert < 0 || text.Length == 0 ? text
        : $"\u001b[38;5;{s_colours[expert % s_colours.Length]}m{text}\u001b[0m";

    /// <param name="routed">Tokens are routed by a BTX model: its domains, not the forest's experts.</param>
    public static ExpertPalette Of(DescribeResponse served, bool routed, bool enabled) =>
        new(routed ? [.. (served.Moe?.Experts ?? []).Select(expert => expert.Domain).Distinct()]
            : [.. served.Experts.Select(expert => expert.Name)], enabled);

    public int IndexOf(string expert) => Array.IndexOf(experts, expert);

    /// <summary>The experts' names, each in its colour.</summary>
    public string Legend() => string.Join("  ", experts.Select((name, j) => Paint(BtxException.OneLine(name), j)));
}
