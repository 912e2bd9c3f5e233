namespace Btx.Model.Forests;

/// <summary>One model that a branch was averaged from, and its share. <c>seed</c> names the seed model.</summary>
public sealed record ParentEntry(string Name, double Weight);
