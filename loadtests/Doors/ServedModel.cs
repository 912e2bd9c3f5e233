namespace Btx.LoadTests.Doors;

/// <summary>What a server says that it serves.</summary>
/// <param name="Experts">Of the forest, none where only a BTX model is served.</param>
/// <param name="MixtureExperts">Of the BTX model; null: none is served, or the door does not say.</param>
/// <param name="ContextLength">Tokens of prompt and answer together; null: the door does not say.</param>
/// <param name="Precision">Null: the door does not say.</param>
public sealed record ServedModel(IReadOnlyList<ServedModel.Expert> Experts, int? MixtureExperts, int? ContextLength, string? Precision)
{
    /// <param name="Domain">Empty: the door does not say.</param>
    public sealed record Expert(string Name, string Domain);
}
