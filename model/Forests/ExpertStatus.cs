namespace Btx.Model.Forests;

/// <summary>Names of <see cref="ExpertEntry.Status"/>.</summary>
public static class ExpertStatus
{
    public const string Ready = "ready";

    /// <summary>Listed, but gets no traffic.</summary>
    public const string Quarantined = "quarantined";
}
