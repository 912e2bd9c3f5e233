using System.Text.Json.Serialization;

namespace Btx.Trainer.Corpora;

/// <summary>One domain of a corpus: a body of text defined by where it comes from.</summary>
/// <param name="Name">Lower-case, also the name of its folder.</param>
/// <param name="Sources">Packages or the folder that the text was taken from.</param>
/// <param name="Licence">Of the text, as its source states it.</param>
/// <param name="RecipeVersion">Version of the extraction and cleaning rules; another version means other text.</param>
/// <param name="LimitBytes">Cap on the text, or null for all of it.</param>
/// <param name="Documents">In all splits.</param>
/// <param name="Bytes">UTF-8 bytes of text in all splits.</param>
public sealed record CorpusDomain(string Name, CorpusRole Role, IReadOnlyList<CorpusSource> Sources, string Licence, int RecipeVersion,
    long? LimitBytes, long Documents, long Bytes, CorpusShard Train, CorpusShard Validation, CorpusShard Test)
{
    /// <summary>What was left out of a folder of the user's own and why, and what else they should know of it.</summary>
    public IReadOnlyList<CorpusNote> Notes { get; init; } = [];

    /// <summary>Sources on one line: <c>apt bible-kjv-text 4.38, apt bible-kjv 4.38</c>.</summary>
    [JsonIgnore]
    public string Source => string.Join(", ", Sources.Select(s => $"{s.Kind} {s.Name} {s.Version}".TrimEnd()));

    /// <summary>SHA-256 of the training shard: what an expert of this domain records as its corpus.</summary>
    [JsonIgnore]
    public string Sha256 => Train.Sha256;

    public CorpusShard this[CorpusSplit split] => split switch
    {
        CorpusSplit.Train => Train,
        CorpusSplit.Validation => Validation,
        _ => Test,
    };
}

/// <summary>Where a domain's text was taken from.</summary>
/// <param name="Kind"><c>apt</c>, <c>npm</c> or <c>folder</c>.</param>
/// <param name="Name">Package name, or the folder's name.</param>
/// <param name="Version">Package version; empty for a folder.</param>
/// <param name="Sha256">Of the package archive; for a folder, of its files' names and contents.</param>
public sealed record CorpusSource(string Kind, string Name, string Version, string Sha256);

/// <summary>One document: an id that is unique in its domain and stable from run to run, and its text.</summary>
public sealed record CorpusDocument(string Id, string Text);

/// <summary>One split of one domain on disk.</summary>
/// <param name="Path">File, relative to the corpus directory, with '/' between the parts.</param>
/// <param name="Documents">Lines in the file.</param>
/// <param name="Bytes">UTF-8 bytes of the documents' texts (without JSON's own characters).</param>
/// <param name="Sha256">Lower-case hex, of the file.</param>
public sealed record CorpusShard(string Path, long Documents, long Bytes, long FileBytes, string Sha256);

/// <summary>The three disjoint parts of a domain's documents.</summary>
public enum CorpusSplit
{
    Train,
    Validation,
    Test,
}

/// <summary>What a domain is for: <see cref="Train"/> domains get an expert, <see cref="Eval"/> domains are only measured.</summary>
public enum CorpusRole
{
    Train,
    Eval,
}
