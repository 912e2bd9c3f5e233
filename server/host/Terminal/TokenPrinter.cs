using Btx.V1;

namespace Btx.Server.Terminal;

/// <summary>Streams a completion to a writer; with a palette, each token in the colour of the expert that contributed most.</summary>
internal sealed class TokenPrinter(TextWriter output, ExpertPalette? palette)
{
    private readonly Dictionary<string, double> _shares = new(StringComparer.Ordinal);
    private int _tokens;

    public void Print(GenerateResponse response)
    {
        var leading = response.Experts.Count == 0 ? null : response.Experts.MaxBy(share => share.Contribution);
        output.Write(palette is null || leading is null ? response.Text : palette.Paint(response.Text, palette.IndexOf(leading.Name)));
        output.Flush();
        if (!response.HasTokenId || response.Experts.Count == 0) return;
        _tokens++;
        foreach (var share in response.Experts) _shares[share.Name] = _shares.GetValueOrDefault(share.Name) + share.Contribution;
    }

    /// <summary>Each expert's mean contribution, the largest first; empty if none was reported.</summary>
    public string Shares() => string.Join("  ", _shares.OrderByDescending(share => share.Value).Select(share =>
    {
        var text = $"{share.Key} {share.Value / _tokens:P0}";
        return palette is null ? text : palette.Paint(text, palette.IndexOf(share.Key));
    }));
}
