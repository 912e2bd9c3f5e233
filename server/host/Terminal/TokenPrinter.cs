using Btx.V1;

namespace Btx.Server.Terminal;

/// <summary>
/// Streams a completion to a writer; with a palette, each token in the colour of the expert that contributed most, or, of a BTX model,
/// of the domain with the largest mean gate.
/// </summary>
internal sealed class TokenPrinter(TextWriter output, ExpertPalette? palette)
{
    private readonly Dictionary<string, double> _shares = new(StringComparer.Ordinal);
    private int _tokens;

    public void Print(GenerateResponse response)
    {
        (string Name, double Share)[] shares = response.Routed is { } routed
            ? [.. routed.Domains.Select(share => (share.Domain, share.Share))]
            : [.. response.Experts.Select(share => (share.Name, share.Contribution))];
        output.Write(palette is null || shares.Length == 0 ? response.Text
            : palette.Paint(response.Text, palette.IndexOf(shares.MaxBy(share => share.Share).Name)));
        output.Flush();
        if (!response.HasTokenId || shares.Length == 0) return;
        _tokens++;
        foreach (var (name, share) in shares) _shares[name] = _shares.GetValueOrDefault(name) + share;
    }

    /// <summary>Each expert's mean contribution, or each domain's mean gate, the largest first; empty if none was reported.</summary>
    public string Shares() => string.Join("  ", _shares.OrderByDescending(share => share.Value).Select(share =>
    {
        var text = $"{share.Key} {share.Value / _tokens:P0}";
        return palette is null ? text : palette.Paint(text, palette.IndexOf(share.Key));
    }));
}
