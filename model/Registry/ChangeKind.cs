namespace Btx.Model.Registry;

/// <summary>Names of <see cref="ChangeRecord.Kind"/>.</summary>
public static class ChangeKind
{
    public const string Add = "add";
    public const string Remove = "remove";
    public const string Average = "average";
    public const string DropAverage = "drop_average";

    /// <summary>The BTX model alone was mixed anew.</summary>
    public const string Mixture = "mixture";
    public const string Rollback = "rollback";

    public static IReadOnlyList<string> Names { get; } = [Add, Remove, Average, DropAverage, Mixture, Rollback];

    /// <summary>True for what a rollback can undo: a removal is final.</summary>
    public static bool IsReversible(string kind) => kind is Add or Average or DropAverage or Mixture;
}
