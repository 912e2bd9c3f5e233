namespace Btx.Model.Registry;

/// <summary>One command of a <see cref="ReplayRecipe"/>.</summary>
/// <param name="Title">What it does, one line.</param>
/// <param name="Command">Program and arguments, unquoted.</param>
/// <param name="Input">Text that goes to <paramref name="Output"/>, unless that is there, instead of
/// running a command; null: run the command.</param>
/// <param name="Output">File that <paramref name="Input"/> is written to.</param>
public sealed record ReplayStep(string Title, IReadOnlyList<string> Command, string? Input = null, string? Output = null)
{
    /// <summary>Whether what the script is called with goes to this command too.</summary>
    public bool TakesArguments { get; init; }
}
