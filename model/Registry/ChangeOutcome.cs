namespace Btx.Model.Registry;

/// <summary>Names of <see cref="ChangeRecord.Outcome"/>.</summary>
public static class ChangeOutcome
{
    /// <summary>Begun; neither committed nor given up yet.</summary>
    public const string Open = "open";
    public const string Committed = "committed";

    /// <summary>Given up; the message says why.</summary>
    public const string Aborted = "aborted";

    /// <summary>The server ended before the commit.</summary>
    public const string Interrupted = "interrupted";
}
