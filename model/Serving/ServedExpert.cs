namespace Btx.Model.Serving;

/// <summary>An expert as the server loads it.</summary>
public sealed record ServedExpert
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>
    /// Directory with the weights (a Hugging Face model directory). With <see cref="InSource"/> it is relative to the source
    /// forest and is the expert's own checkpoint, bound without a copy; otherwise relative to the served manifest (converted weights).
    /// </summary>
    public required string Path { get; init; }

    public bool InSource { get; init; } = true;

    /// <summary>SHA-256 (hex) of the weight files in <see cref="Path"/>.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Largest |graph − reference| / max|reference| of the logits on the exporter's check prompt.</summary>
    public double MaxRelativeDifference { get; init; }
}
