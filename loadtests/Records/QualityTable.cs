namespace Btx.LoadTests.Records;

/// <summary>How good each point's model is on held-out text. Keys of the outer dictionaries are
/// <see cref="QualityKey"/>s, of the inner ones domains.</summary>
/// <param name="Source">Which files and what text.</param>
public sealed record QualityTable(string Source, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> BitsPerByte,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> Perplexity);
