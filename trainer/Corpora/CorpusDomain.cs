using System.Text.Json.Serialization;

namespace Btx.Trainer.Corpora;

/// <summary>One domain of a corpus: a body of text defined by where it comes from.</summary>
/// <param name="Name">Lower-case name, also the name of its folder.</param>
/// <param name="Role">Train or eval-only.</param>
/// <param name="Sources">Packages or the folder that the text was taken from.</param>
/// <param name="Licence">Licence of the text, as its source states it.</param>
/// <param name="RecipeVersion">Version of the extraction and cleaning rules; another version means other text.</param>
/// <param name="LimitBytes">Cap on the text, or null for all of it.</param>
/// <param name="Documents">Documents in all splits.</param>
/// <param name="Bytes">UTF-8 bytes of text in all splits.</param>
public sealed record CorpusDomain(
    string Name,
    CorpusRole Role,
    IReadOnlyList<CorpusSource> Sources,
    string Licence,
    int RecipeVersion,
    long? LimitBytes,
    long Documents,
    long Bytes,
    CorpusShard Train,
    CorpusShard Validation,
    CorpusShard Test)
{
    /// <summary>What was left out of a folder of the user's own and why, and what else they should know of it.</summary>
    public IReadOnlyList<CorpusNote> Notes { get; init; } = [];

    /// <summary>Sources on one line: <c>apt bible-kjv-text 4.38, apt bible-kjv 4.38</c>.</summary>
    [JsonIgnore]
    public string Source => string.Join(", ", Sources.Select(s => $"{s.Kind} {s.Name} {s.Version}".TrimEnd()));

    /// <summary>SHA-256 of the training shard: what an expert of this domain records as its corpus.</summary>
    [JsonIgnore]
    public string Sha256 => Train.Sha256;

    /// <summary>The shard of one split.</summary>
    public CorpusShard this[CorpusSplit split] => split switch
    {
        CorpusSplit.Train => Train,
        CorpusSplit.Validation => Validation,
        _ => Test,
    };
}
