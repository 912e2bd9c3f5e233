namespace Btx.Server.Terminal;

/// <summary>A colour for each expert, or for each domain of a BTX model, from the 256-colour palette: readable on dark and
/// on light, far apart for the first few.</summary>
internal sealed class ExpertPalette(IReadOnlyList<string> experts, bool enabled)
{
    private static readonly int[] s_colours = [33, 208, 35, 199, 142, 99, 37, 161, 172, 63, 70, 133];

    public string Paint(string text, int expert) => !enabled || expert < 0 || text.Length == 0 ? text
        : $"\u001b[38;5;{s_colours[expert % s_colours.Length]}m{text}\u001b[0m";

    public int IndexOf(string expert)
    {
        for (var j = 0; j < experts.Count; j++)
        {
            if (experts[j] == expert) return j;
        }

        return -1;
    }

    /// <summary>The experts' names, each in its colour.</summary>
    public string Legend() => string.Join("  ", experts.Select((name, j) => Paint(name, j)));
}
