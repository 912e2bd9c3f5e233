namespace Btx.LoadTests.Comparing;

/// <summary>What a comparison says of one figure.</summary>
public static class Verdict
{
    public const string Better = "better";

    public const string Worse = "worse";

    /// <summary>The whole confidence interval lies within the tolerance.</summary>
    public const string Same = "same";

    /// <summary>Neither a change nor the lack of one is shown: the noise is too large for the repeats.</summary>
    public const string CannotTell = "cannot tell";
}
