using System.Text.Json;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Moe;

namespace Btx.Trainer.Moe;

/// <summary>What was made: <c>mix.json</c> beside the mixture, and the output of <c>--json</c>.</summary>
public sealed record MixReport
{
    public const string FileName = "mix.json";

    /// <summary>Names by index.</summary>
    public required IReadOnlyList<string> Experts { get; init; }

    public IReadOnlyList<string> Without { get; init; } = [];

    /// <summary>Ancestry of left-out experts that stays in the mixture.</summary>
    public IReadOnlyList<MixResidual> Residuals { get; init; } = [];

    public required long Parameters { get; init; }

    /// <summary>See <see cref="Evaluation.ActiveParameters"/>.</summary>
    public required long ActiveParameters { get; init; }

    public required int ExpertsPerToken { get; init; }
    public required string Router { get; init; }
    public required string RouterInit { get; init; }

    /// <summary>See <see cref="HiddenStateForm"/>; null for routers that are not fitted.</summary>
    public string? States { get; init; }

    /// <summary>By layer; null for routers that are not fitted.</summary>
    public IReadOnlyList<double>? RouterScales { get; init; }

    /// <summary>By layer, share of held-out states whose largest logit is their own domain's;
    /// null for routers that are not fitted.</summary>
    public IReadOnlyList<double>? RouterAccuracy { get; init; }

    /// <exception cref="BtxException">It cannot be read.</exception>
    public static MixReport Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            return JsonSerializer.Deserialize<MixReport>(BoundedFile.Read(path), ManifestJson.Options)
                ?? throw new BtxException($"{path}: is null; mix again with --fresh");
        }
        catch (JsonException e)
        {
            throw new BtxException($"{path}: cannot be read ({BtxException.OneLine(e.Message)}); mix again with --fresh", e);
        }
    }

    /// <summary>Writes it to a file, whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, JsonSerializer.Serialize(this, ManifestJson.Options) + "\n");
}
